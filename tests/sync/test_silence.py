"""A database that says nothing any more is not waited for, and is taken up again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sync import connections
from sync.database import DB, Tx, now, once, tx
from tests.support.databases import TestDatabase
from tests.support.patience import soon
from tests.support.silent_network import Cable

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

#: Seconds that a statement may take in these tests.
LIMIT = 1.0
SIZE = 3


@pytest.fixture
async def cable(database: TestDatabase) -> AsyncIterator[Cable]:
    """A cable to the test's database; this event loop is connected through it."""
    with Cable(database.api) as made:
        await DB.open(made.through(database.api), size=SIZE, limit=LIMIT)
        yield made
        await DB.close()


async def in_a_statement(opened: Tx) -> None:
    await opened.fetchval("SELECT pg_sleep(600)")


async def in_a_savepoint(opened: Tx) -> None:
    async with opened.savepoint():
        await in_a_statement(opened)


async def in_many(opened: Tx) -> None:
    await opened.executemany("SELECT pg_sleep($1)", [(600,)])


async def before_commit(opened: Tx) -> None:
    """Everything was answered, and COMMIT is not."""


async def before_rollback(opened: Tx) -> None:
    raise LookupError


@pytest.mark.parametrize(
    ("work", "met"),
    [
        (in_a_statement, TimeoutError),
        (in_a_savepoint, TimeoutError),
        (in_many, TimeoutError),
        (before_commit, TimeoutError),
        (before_rollback, LookupError),
    ],
)
async def test_a_silent_database_is_not_waited_for(
    cable: Cable, work: Callable[[Tx], Awaitable[None]], met: type[Exception]
) -> None:
    begun = time.monotonic()
    with pytest.raises(met):
        await _silenced(cable, work)
    assert time.monotonic() - begun < soon(connections.PROMPT + 2)
    cable.heal()
    assert await asyncio.gather(*(alone() for _ in range(4 * SIZE))) == [1] * 4 * SIZE
    assert DB.pool.get_idle_size() == DB.pool.get_size()


async def _silenced(cable: Cable, work: Callable[[Tx], Awaitable[None]]) -> None:
    async with tx() as opened:
        cable.silence()
        await work(opened)


async def alone() -> int:
    [row] = await once("SELECT 1 AS one")
    return int(row["one"])


async def test_what_waits_in_the_pool_is_replaced_at_the_first_silence(cable: Cable) -> None:
    await asyncio.gather(*(held(0.05) for _ in range(SIZE)))
    assert DB.pool.get_size() == SIZE
    cable.silence()
    with pytest.raises(TimeoutError):
        await once("SELECT 1")
    cable.heal()
    for _ in range(SIZE):
        await now()


async def held(seconds: float, begun: asyncio.Event | None = None) -> None:
    async with tx() as opened:
        if begun is not None:
            begun.set()
        await opened.fetchval("SELECT pg_sleep($1)", seconds)


async def test_who_cannot_connect_is_told_so(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PROMPT", 0.5)
    cable.silence()
    await DB.pool.expire_connections()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.5 seconds"):
        await alone()
    cable.heal()
    assert await alone() == 1


async def test_work_that_is_called_off_leaves_no_connection_in_doubt(cable: Cable) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await held(600)
    assert DB.pool.get_idle_size() == DB.pool.get_size()
    assert await alone() == 1


async def test_closing_does_not_wait_for_a_silent_database(
    cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.database.CLOSING", 0.5)
    at_work = asyncio.Event()
    waiting = asyncio.create_task(held(600, at_work))
    await at_work.wait()
    cable.silence()
    begun = time.monotonic()
    await DB.close()
    assert time.monotonic() - begun < connections.PROMPT
    with pytest.raises(connections.CUT):
        await waiting
