"""A worker in this process: rung, it does what the database says is due, once."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from dramatiq import Broker
from dramatiq.middleware import MiddlewareError

from mail.config import MailConfig
from mail.planning.plan import plan_due
from mail.responses.answers import submit
from mail.responses.rollup import roll_due
from mail.responses.submission import Submission
from mail.smtp.address import parse_server
from mail.worker.broker import Doorbell, make_broker
from mail.worker.jobs import Job, Step
from mail.worker.runner import RunningWorker, run_worker, start_worker
from tests.mail.campaigns import active, happened, invitations, rows, time_of
from tests.mail.sent import sent
from tests.support.brokers import BROKERS, shared_broker
from tests.support.databases import TestDatabase
from tests.support.world import World

pytestmark = pytest.mark.anyio


class Sink:
    """Takes the place of delivering: says that it was rung for."""

    def __init__(self) -> None:
        self.rung = threading.Event()

    async def __call__(self) -> int:
        self.rung.set()
        return 0


def config_of(database: TestDatabase, namespace: str = "retour") -> MailConfig:
    return MailConfig(
        worker_dsn=database.worker,
        origin="http://127.0.0.1:8000",
        smtp=parse_server("smtp://127.0.0.1:1"),
        mail_from="retour@example.org",
        namespace=namespace,
        actor_timeout=30,
    )


@contextmanager
def working(
    config: MailConfig, broker: Broker, steps: dict[Job, Step]
) -> Iterator[tuple[RunningWorker, Doorbell]]:
    doorbell = Doorbell(broker, config.namespace)
    running = start_worker(config, broker, steps, doorbell.ring, 4)
    try:
        yield running, doorbell
    finally:
        doorbell.stop()
        running.stop()


async def finished(world: World, **changes: Any) -> UUID:
    await active(world, **changes)
    task = await world.task()
    await happened(world, task, "600", await time_of(world) - timedelta(hours=1))
    return task


async def test_a_ring_plans_and_then_rings_for_delivering(
    world: World, database: TestDatabase
) -> None:
    task, deliver = await finished(world), Sink()
    steps: dict[Job, Step] = {Job.PLAN: plan_due, Job.DELIVER: deliver, Job.ROLLUP: roll_due}
    with working(config_of(database), make_broker("memory://"), steps) as (running, doorbell):
        assert running.alive
        doorbell.ring(Job.PLAN)
        assert await asyncio.to_thread(deliver.rung.wait, 30)
    assert len(await invitations(world, task)) == 1
    assert not running.alive


async def test_a_whole_worker_plans_and_rolls_up(world: World, database: TestDatabase) -> None:
    mail = await sent(world)
    await submit(mail.survey, Submission(rating=4))
    task = await finished(world, delay="00:12:00")
    config, broker = config_of(database), make_broker("memory://")
    doorbell = Doorbell(broker)
    running = run_worker(config, broker, doorbell.ring)
    for name in (Job.PLAN, Job.ROLLUP, Job.DELIVER):
        broker.actors[f"retour.{name}"].send()
        await asyncio.to_thread(broker.join, f"retour.{name}", timeout=30_000)
    doorbell.stop()
    running.stop()
    assert len(await invitations(world, task)) == 2
    assert len(await rows(world, "SELECT FROM task_result")) == 1


async def test_a_message_that_comes_ten_times_has_one_effect(
    world: World, database: TestDatabase
) -> None:
    task = await finished(world)
    broker = make_broker("memory://")
    with working(config_of(database), broker, {Job.PLAN: plan_due, Job.DELIVER: Sink()}):
        for _ in range(10):
            broker.actors["retour.plan"].send()
        await asyncio.to_thread(broker.join, "retour.plan", timeout=30_000)
    assert len(await invitations(world, task)) == 1
    assert len(await rows(world, "SELECT FROM decision")) == 1


async def test_a_worker_without_its_database_does_not_start(database: TestDatabase) -> None:
    config = config_of(database)
    away = MailConfig(
        worker_dsn="postgresql://nobody@127.0.0.1:1/none",
        origin=config.origin,
        smtp=config.smtp,
        mail_from=config.mail_from,
    )
    doorbell = Doorbell(make_broker("memory://"))
    with pytest.raises(MiddlewareError):
        start_worker(away, make_broker("memory://"), {}, doorbell.ring, 1)
    doorbell.stop()


@pytest.mark.parametrize("name", BROKERS)
async def test_a_ring_goes_through_a_real_broker(
    world: World, database: TestDatabase, name: str
) -> None:
    task, deliver = await finished(world), Sink()
    with shared_broker(name) as settings:
        url, namespace = settings["broker_url"], settings["namespace"]
        ringing = Doorbell(make_broker(url, namespace), namespace)
        steps: dict[Job, Step] = {Job.PLAN: plan_due, Job.DELIVER: deliver}
        with working(config_of(database, namespace), make_broker(url, namespace), steps):
            ringing.ring(Job.PLAN)
            assert await asyncio.to_thread(deliver.rung.wait, 30)
        ringing.stop()
    assert len(await invitations(world, task)) == 1
