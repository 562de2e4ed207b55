"""Hazards 9 and 10: messages that come ten times, and many workers and clocks at once."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq import Message

from mail.worker.broker import make_broker, queue_name
from mail.worker.jobs import Job
from tests.faults.scene import Yard
from tests.faults.trials import TRIALS
from tests.support.brokers import BROKERS, shared_broker

pytestmark = pytest.mark.anyio

TIMES = 10
#: Leases that a crowd on a slow machine does not outlive: a lost lease is another hazard.
UNHURRIED: dict[str, Any] = {"smtp_timeout": 60, "actor_timeout": 90, "lease": 120}
#: Tasks that are finished at once.
VISITS = 40


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Settings of the broker that processes share; each test says which."""
    with shared_broker(request.param) as settings:
        yield {**settings, **UNHURRIED}


def ring_ten_times(settings: dict[str, Any]) -> None:
    """Put every kind of message into the broker ten times, as a confused broker would."""
    broker = make_broker(settings["broker_url"], settings["namespace"])
    for name in Job:
        queue = queue_name(settings["namespace"], name)
        broker.declare_queue(queue)
        for _ in range(TIMES):
            broker.enqueue(
                Message[None](queue_name=queue, actor_name=queue, args=(), kwargs={}, options={})
            )
    broker.close()


async def claims(yard: Yard) -> list[int]:
    """How often each invitation had been claimed when it was sent: every claim is an attempt."""
    rows = await yard.owner.rows("SELECT attempt FROM mail_event WHERE kind = 'sent'")
    return [attempt for (attempt,) in rows]


@pytest.mark.parametrize("broker", BROKERS, indirect=True)
async def test_9_a_message_delivered_ten_times_is_one_copy(
    yard: Yard, broker: dict[str, Any]
) -> None:
    api = yard.fleet.api()
    for _ in range(3):
        yard.fleet.worker()
    for _ in range(TRIALS):
        visits = await yard.visits(3)
        await yard.finish(api.origin, visits)
        await asyncio.to_thread(ring_ten_times, broker)
        await yard.mailed(visits)
        await yard.idle()
        await asyncio.to_thread(ring_ten_times, broker)
    yard.fleet.clock()
    await yard.idle()
    assert set(yard.sink.per_address().values()) == {1}
    assert set(await claims(yard)) == {1}


@pytest.mark.parametrize("broker", ["RabbitMQ"], indirect=True)
async def test_10_six_workers_and_three_clocks_claim_and_mail_once(yard: Yard) -> None:
    api = yard.fleet.api()
    for _ in range(6):
        yard.fleet.worker()
    for _ in range(3):
        yard.fleet.clock()
    for _ in range(TRIALS):
        visits = await yard.visits(VISITS)
        await yard.finish(api.origin, visits)
        await yard.mailed(visits)
    await yard.idle()
    assert sorted(yard.sink.per_address().values()) == [1] * VISITS * TRIALS
    assert await claims(yard) == [1] * VISITS * TRIALS
