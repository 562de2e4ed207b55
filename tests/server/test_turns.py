"""Who is answered next, and who is not answered any more."""

import asyncio
from typing import Any

import pytest

from server.access.client_address import Peers
from server.http.middleware.fair_queue import FairQueue, queue_requests, without_slot
from server.http.problems import ClientGoneError, CrowdedError

pytestmark = pytest.mark.anyio


def scope_of(credential: str, address: str = "192.0.2.1", **fields: Any) -> Any:
    """A request's."""
    headers = [(b"authorization", credential.encode())]
    usual = {"type": "http", "method": "GET", "path": "/x", "client": (address, 1)}
    return {**usual, "headers": headers, **fields}


class Client:
    """One that stays, or has `left`."""

    def __init__(self, *, left: bool = False) -> None:
        self.left, self.asked = left, False

    async def receive(self) -> Any:
        """The request, then the end if it has left."""
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.left:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


async def ignored(_: Any) -> None:
    """What is answered."""


class Desk:
    """An app that answers when it is told, and knows whom it answered."""

    def __init__(self, most: int = 1, patience: float = 60.0) -> None:
        self.reached: list[str] = []
        self.open = asyncio.Event()
        self.turns = FairQueue(most, patience)
        self.app = queue_requests(self._answer, self.turns, Peers(""))

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope["headers"][0][1].decode())
        assert (await receive())["type"] == "http.request"
        await (without_slot(self.open.wait()) if scope["path"] == "/long" else self.open.wait())
        await send({"type": "http.response.start"})

    async def ask(self, credential: str, *, left: bool = False, **fields: Any) -> None:
        """Ask as somebody."""
        scope = scope_of(credential, **fields)
        await self.app(scope, Client(left=left).receive, ignored)


async def settle() -> None:
    """Let everything go on as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_addresses_take_turns_and_so_do_the_credentials_of_each() -> None:
    desk = Desk()
    asked = [("first", "192.0.2.1"), *[("many", "192.0.2.1")] * 3]
    asked += [("few", "192.0.2.1"), ("far", "192.0.2.2"), ("far", "192.0.2.2")]
    async with asyncio.TaskGroup() as group:
        for credential, address in asked:
            group.create_task(desk.ask(credential, address=address))
            await settle()
        assert desk.reached == ["first"]
        desk.open.set()
    assert desk.reached == ["first", "many", "far", "few", "far", "many", "many"]
    assert desk.turns.free == 1


async def test_a_reader_who_has_left_is_dropped_and_a_writer_never_is() -> None:
    desk = Desk()
    desk.open.set()
    with pytest.raises(ClientGoneError):
        await desk.ask("reader", left=True)
    await desk.ask("writer", left=True, method="POST")
    assert (desk.reached, desk.turns.free) == (["writer"], 1)


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    desk = Desk(patience=0.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.ask("slow"))
        await settle()
        with pytest.raises(CrowdedError) as refused:
            await desk.ask("late")
        assert refused.value.retry_after
        desk.open.set()
        await desk.ask("probe", path="/health")
    assert (desk.reached, desk.turns.free) == (["slow", "probe"], 1)


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.ask("slow"))
        await settle()
        waiting = asyncio.create_task(desk.ask("gone"))
        group.create_task(desk.ask("next"))
        await settle()
        waiting.cancel()
        await settle()
        desk.open.set()
    assert desk.reached == ["slow", "next"]
    assert desk.turns.free == 1


async def test_work_that_needs_no_database_keeps_nobody_waiting_and_has_a_turn_afterwards() -> None:
    desk = Desk()
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.ask("long", path="/long"))
        await settle()
        assert desk.turns.free == 1
        group.create_task(desk.ask("slow"))
        await settle()
        assert (desk.reached, desk.turns.free) == (["long", "slow"], 0)
        desk.open.set()
    assert desk.turns.free == 1


async def test_who_comes_back_from_long_work_waits_for_a_turn_no_longer_than_others() -> None:
    desk = Desk(patience=0.0)
    done = asyncio.get_running_loop().create_future()

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await without_slot(done)

    app = queue_requests(answer, desk.turns, Peers(""))
    waiting = asyncio.ensure_future(app(scope_of("long"), Client().receive, ignored))
    async with asyncio.TaskGroup() as group:
        await settle()
        group.create_task(desk.ask("slow"))
        await settle()
        done.set_result(None)
        with pytest.raises(CrowdedError):
            await waiting
        desk.open.set()
    assert desk.turns.free == 1
