"""Requests take turns, but for those of probes and files; see `server.http.fair_queue`."""

import asyncio
from typing import Final

from litestar.connection import ASGIConnection
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.access.client_address import AnyConnection, Peers
from server.http.fair_queue import FairQueue, Sender, Slot
from server.http.middleware.hosts import PROBES
from server.http.problems import ClientGoneError

#: Files that are in memory: they wait for nobody, also while the database says nothing.
FILES: Final = ("/static/", "/tech/")
#: Rounds of the event loop until what has happened on a connection is known: it is read, what the
#: transport makes of it is told, and whoever receives finds out.
_ROUNDS: Final = 3
_READING: Final = frozenset({"GET", "HEAD"})


def queue_requests(app: ASGIApp, turns: FairQueue, peers: Peers) -> ASGIApp:
    """`app`, for as many requests at once as `turns` allows; probes and `FILES` always.

    A turn ends when the answer begins: streams and slow readers use nothing that others wait for.

    :raises CrowdedError: its turn did not come in time.
    :raises ClientGoneError: it came, and nobody reads the answer any more.
    """

    async def in_turn(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PROBES or scope["path"].startswith(FILES):
            await app(scope, receive, send)
            return
        turn = Slot(turns, _sender(ASGIConnection(scope), peers))
        await turn.take()

        async def sending(message: Message) -> None:
            turn.end()
            await send(message)

        try:
            if scope.get("method") in _READING:
                receive = await _still_there(receive)
            await app(scope, receive, sending)
        finally:
            turn.end()

    return in_turn


def _sender(connection: AnyConnection, peers: Peers) -> Sender:
    headers = connection.headers
    credential = headers.get("authorization") or headers.get("cookie") or ""
    return peers.line(connection), credential


async def _still_there(receive: Receive) -> Receive:
    """`receive` as if nothing had been asked of it.

    :raises ClientGoneError: the client has left.
    """
    told = [await receive()]  # the body was read; what comes after it is the end
    leaving = asyncio.ensure_future(receive())
    try:
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
    finally:
        leaving.cancel()
    if leaving.done() or told[0]["type"] == "http.disconnect":
        raise ClientGoneError

    async def receiving() -> Message:
        return told.pop() if told else await receive()  # type: ignore[return-value]

    return receiving  # type: ignore[return-value]
