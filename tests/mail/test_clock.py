"""The clock rings for what is due, and somebody always has the turn."""

import asyncio
import queue
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from mail.config import MailConfig
from mail.responses.answers import submit
from mail.responses.submission import Submission
from mail.worker.jobs import Ring
from mail.worker.scheduler import RunningClock, run_clock
from sync.database import tx
from sync.ids import new_id
from tests.mail.campaigns import active, change, happened, plan_all, time_of
from tests.mail.sent import sent
from tests.mail.test_worker import config_of
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SWEEP = 0.05

#: Ends the sessions that wait for a lock.
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class Rings:
    """What was rung, in order; callable as a doorbell is."""

    def __init__(self) -> None:
        self._rung: queue.Queue[str] = queue.Queue()

    def __call__(self, name: str) -> None:
        self._rung.put(name)

    async def next(self) -> str:
        return await asyncio.to_thread(self._rung.get, timeout=30)

    def so_far(self) -> int:
        return self._rung.qsize()


@pytest.fixture
def config(database: TestDatabase) -> MailConfig:
    return msgspec.structs.replace(config_of(database), sweep=SWEEP)


@asynccontextmanager
async def ticking(config: MailConfig, ring: Ring) -> AsyncIterator[None]:
    stop = asyncio.Event()
    clock = asyncio.create_task(run_clock(config, ring, stop))
    try:
        yield
    finally:
        stop.set()
        await clock


async def holder() -> UUID | None:
    async with tx() as opened:
        found: UUID | None = await opened.fetchval("SELECT holder FROM clock_turn")
        return found


async def holder_is_known() -> None:
    """Return once some clock has the turn."""
    async with asyncio.timeout(10), tx() as opened:
        while not await opened.fetchval("SELECT count(*) FROM clock_turn"):
            await opened.execute("SELECT pg_sleep(0.01)")


async def turn_of_another(lasting: timedelta) -> UUID:
    other = new_id()
    async with tx() as opened:
        await opened.execute(
            "INSERT INTO clock_turn VALUES ('clock', $1, clock_timestamp() + $2::interval)",
            other,
            lasting,
        )
    return other


async def finished(world: World) -> None:
    task = await world.task()
    await happened(world, task, "600", await time_of(world) - timedelta(hours=1))


async def test_it_rings_for_what_is_due_and_for_nothing_else(
    world: World, config: MailConfig
) -> None:
    await active(world)
    rings = Rings()
    async with ticking(config, rings):
        await finished(world)
        assert await rings.next() == "plan"
        while await plan_all():
            pass
        while await rings.next() != "deliver":
            pass
    await change(world, "UPDATE outbox SET not_before = not_before + interval '1 day'")
    quiet = Rings()
    async with ticking(config, quiet):
        await holder_is_known()
    assert quiet.so_far() == 0


async def test_it_rings_for_leases_that_ran_out(world: World, config: MailConfig) -> None:
    await active(world)
    await finished(world)
    await plan_all()
    await change(
        world, "UPDATE outbox SET phase = 'claimed', lease_until = retour_now() - interval '1 s'"
    )
    rings = Rings()
    async with ticking(config, rings):
        assert await rings.next() == "deliver"


async def test_it_rings_for_results_to_compute(world: World, config: MailConfig) -> None:
    mail = await sent(world)
    await submit(mail.survey, Submission(rating=4))
    rings = Rings()
    async with ticking(config, rings):
        assert await rings.next() == "rollup"


async def test_only_the_clock_whose_turn_it_is_rings(world: World, config: MailConfig) -> None:
    await finished(world)
    first, second = Rings(), Rings()
    async with ticking(config, first):
        await first.next()
        async with ticking(config, second):
            for _ in range(5):
                await first.next()
    assert second.so_far() == 0


async def test_the_turn_of_a_dead_clock_is_taken_over(world: World, config: MailConfig) -> None:
    dead = await turn_of_another(timedelta(seconds=SWEEP * 3))
    await finished(world)
    rings = Rings()
    async with ticking(config, rings):
        await rings.next()
        assert await holder() != dead


async def test_a_turn_from_before_the_servers_clock_was_set_back_is_over(
    world: World, config: MailConfig
) -> None:
    await turn_of_another(timedelta(hours=1))
    await finished(world)
    rings = Rings()
    async with ticking(config, rings):
        assert await rings.next() == "plan"


async def test_a_clock_that_stops_leaves_its_turn(world: World, config: MailConfig) -> None:
    async with ticking(config, Rings()):
        await holder_is_known()
    assert await holder() is None


async def test_it_survives_a_connection_that_is_cut(
    world: World, config: MailConfig, database: TestDatabase
) -> None:
    await finished(world)
    rings = Rings()
    async with owning(database.owner) as watcher, owning(database.owner) as holder_of_the_table:
        async with holder_of_the_table.connection.transaction():
            await holder_of_the_table.connection.execute("LOCK TABLE clock_turn")
            clock = asyncio.create_task(_tick_until_rung(config, rings))
            await watcher.until_waiting(1)
            await watcher.connection.execute(CUT)
        assert await clock == "plan"


async def test_it_runs_in_a_thread_of_its_own(world: World, config: MailConfig) -> None:
    await finished(world)
    rings = Rings()
    clock = RunningClock(config, rings)
    clock.start()
    assert await rings.next() == "plan"
    await asyncio.to_thread(clock.stop)
    assert not clock.is_alive()
    clock.stop()
    assert await holder() is None


async def _tick_until_rung(config: MailConfig, rings: Rings) -> str:
    async with ticking(config, rings):
        return await rings.next()
