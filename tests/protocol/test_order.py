"""Who writes at the same time: nothing is skipped, and nobody else waits."""

import asyncio
import threading
from functools import partial

import httpx
import msgspec
import pytest

from tests.protocol.desk import Desk
from tests.support.api_process import served
from tests.support.databases import TestDatabase
from tests.support.listening import hold
from tests.support.owner import Owner
from tests.support.postgres_proxy import Place, PostgresProxy

pytestmark = pytest.mark.anyio

HOLD_TASK = "SELECT FROM task WHERE id = $1 FOR UPDATE"
HOLD_FEED = "UPDATE feed_head SET position = position WHERE account = $1"


def pulled_tasks(changes: list[dict[str, object]]) -> list[object]:
    """The tasks among `changes`, in the order they came."""
    return [change["id"] for change in changes if change["kind"] == "task"]


async def test_transactions_that_commit_in_the_other_order_than_they_began_skip_nothing(
    desk: Desk, watching: Owner
) -> None:
    began_first, began_second = desk.task(), desk.task()
    reader, slow, quick = desk.device(), desk.device(), desk.device()
    reader.pull()
    slow.record(began_first, "600")
    quick.record(began_second, "600")
    async with watching.connection.transaction():
        await watching.connection.execute(HOLD_TASK, began_first)
        pushing = asyncio.create_task(asyncio.to_thread(slow.push))
        await watching.until_waiting(1)
        assert await asyncio.to_thread(quick.push) == ["accepted"]
        assert pulled_tasks(await asyncio.to_thread(reader.pull)) == [began_second]
    assert await pushing == ["accepted"]
    assert pulled_tasks(await asyncio.to_thread(reader.pull)) == [began_first]


async def test_a_reader_between_a_held_commit_and_the_one_behind_it_skips_neither(
    desk: Desk, shared: TestDatabase, watching: Owner
) -> None:
    held, behind = desk.task(), desk.task()
    reader, slow, quick = desk.device(), desk.device(), desk.device()
    reader.pull()
    slow.record(held, "600")
    quick.record(behind, "600")
    go = threading.Event()
    with PostgresProxy(shared.api) as proxy:
        trap = proxy.trap(Place("^COMMIT", after=r"feed_touch\b"))
        trap.arm(partial(hold, go))
        through = msgspec.structs.replace(shared, api=proxy.dsn)
        with served(through) as slow_api:
            slow.client = slow_api.client
            first = asyncio.create_task(asyncio.to_thread(slow.push))
            await asyncio.to_thread(trap.sprung.wait)
            second = asyncio.create_task(asyncio.to_thread(quick.push))
            await watching.until_waiting(1)
            assert await asyncio.to_thread(reader.pull) == []
            go.set()
            assert (await first, await second) == (["accepted"], ["accepted"])
    assert pulled_tasks(await asyncio.to_thread(reader.pull)) == [held, behind]


async def test_a_writing_transaction_left_open_does_not_delay_other_accounts(
    desk: Desk, other_desk: Desk, watching: Owner
) -> None:
    stuck, free = desk.task(), other_desk.task()
    reader, writer, elsewhere = desk.device(), desk.device(), other_desk.device()
    reader.pull()
    writer.record(stuck, "600")
    async with watching.connection.transaction():
        await watching.connection.execute(HOLD_FEED, desk.world.account)
        waiting = asyncio.create_task(asyncio.to_thread(writer.push))
        await watching.until_waiting(1)
        for state in ("300", "600", "610"):
            elsewhere.record(free, state)
            await asyncio.to_thread(elsewhere.sync)
            assert elsewhere.state_of(free) == state
        assert await asyncio.to_thread(other_desk.states, free) == ["300", "600", "610"]
        # Whoever only reads in the account itself does not wait either.
        assert await asyncio.to_thread(reader.pull) == []
        assert not waiting.done()
    assert await waiting == ["accepted"]
    assert pulled_tasks(await asyncio.to_thread(reader.pull)) == [stuck]


async def test_a_line_that_breaks_while_a_transaction_is_open_loses_nothing(
    desk: Desk, watching: Owner
) -> None:
    task, device = desk.task(), desk.device()
    device.record(task, "600")
    async with watching.connection.transaction():
        await watching.connection.execute(HOLD_TASK, task)
        with httpx.Client(base_url=desk.client.base_url, timeout=0.2) as impatient:
            device.client = impatient
            with pytest.raises(httpx.TimeoutException):
                await asyncio.to_thread(device.push)
        assert len(device.queue) == 1
    device.client = desk.client
    assert await asyncio.to_thread(device.push) == ["accepted"]
    assert await asyncio.to_thread(desk.states, task) == ["600"]
