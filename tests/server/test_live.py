"""Listening inside one process: the poller comes and goes with its listeners."""

import asyncio
from typing import Any

import pytest

from server.live.poller import Live
from server.live.sse import Events, event
from sync.database import DB, NotOpenError
from tests.support.databases import TestDatabase
from tests.support.world import World

pytestmark = pytest.mark.anyio

#: Seconds until a test gives up.
PATIENCE = 30


async def test_the_poller_runs_while_somebody_listens_and_not_after(as_api: TestDatabase) -> None:
    world, live = await World.create(), Live()
    for _ in range(2):  # and comes again for the next one
        before = asyncio.all_tasks()
        async with live.account(world.account) as listener, asyncio.timeout(PATIENCE):
            await anext(listener)
            (poller,) = asyncio.all_tasks() - before
        await asyncio.wait([poller], timeout=PATIENCE)
        assert poller.done()
        assert poller.exception() is None


async def test_listening_needs_no_connection_between_polls(database: TestDatabase) -> None:
    await DB.open(database.api, size=1)
    try:
        world, live = await World.create(), Live()
        async with (
            asyncio.timeout(PATIENCE),
            live.account(world.account) as everything,
            live.technician(world.account, world.alice) as own,
        ):
            for listener in (everything, own):
                await anext(listener)
            before = (everything.sent_positions, own.sent_positions)
            assert None not in before
            await world.task()
            for listener in (everything, own):
                await anext(listener)
            assert everything.sent_positions != before[0]
            assert own.sent_positions != before[1]
        await live.closed()
    finally:
        await DB.close()


async def test_a_poller_that_fails_lets_its_listeners_go() -> None:
    live, before = Live(), asyncio.all_tasks()
    async with live.account(1) as listener, asyncio.timeout(PATIENCE):
        (poller,) = asyncio.all_tasks() - before
        with pytest.raises(StopAsyncIteration):  # no database is open in this loop
            await anext(listener)
        with pytest.raises(NotOpenError):
            await poller


async def test_who_comes_after_the_end_is_let_go_at_once(as_api: TestDatabase) -> None:
    live = Live()
    live.close()
    async with live.account(1) as listener, asyncio.timeout(PATIENCE):
        with pytest.raises(StopAsyncIteration):
            await anext(listener)
    await live.closed()


class Client:
    """The other side of an ASGI answer; leaves when it has read `enough`."""

    def __init__(self, enough: bytes) -> None:
        self.enough, self.read, self.status = enough, b"", 0
        self.had_enough = asyncio.Event()

    async def receive(self) -> Any:
        """Nothing until it leaves."""
        await self.had_enough.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take what is sent."""
        self.status = message.get("status", self.status)
        self.read += message.get("body", b"")
        if self.enough in self.read:
            self.had_enough.set()


async def answer(events: Events, client: Client) -> None:
    """Answer `client` with `events` until one of them ends it."""
    async with asyncio.timeout(PATIENCE):
        answering: Any = events.to_asgi_response()
        await answering({"type": "http"}, client.receive, client.send)


async def test_a_comment_breaks_the_silence(as_api: TestDatabase) -> None:
    world, live, client = await World.create(), Live(), Client(b":\n\n:\n\n")

    async def tell() -> bytes:
        return event("news", b"1")

    await answer(Events(live.account(world.account), tell, silence=0.6), client)
    assert client.status == 200
    assert b"event: news\ndata: 1\n\n" in client.read
    await live.closed()


async def test_an_outage_while_telling_ends_the_stream_so_that_the_client_comes_again(
    as_api: TestDatabase,
) -> None:
    world, live, client = await World.create(), Live(), Client(b"never")

    async def tell() -> bytes:
        raise ConnectionResetError

    await answer(Events(live.account(world.account), tell), client)
    assert (client.status, client.read) == (200, b"")
    await live.closed()


async def test_a_bug_while_telling_is_not_hidden(as_api: TestDatabase) -> None:
    world, live, client = await World.create(), Live(), Client(b"never")

    async def tell() -> bytes:
        raise KeyError("bug")

    with pytest.raises(KeyError, match="bug"):
        await answer(Events(live.account(world.account), tell), client)
    await live.closed()
