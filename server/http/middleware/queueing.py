"""Gives each request a slot of `server.http.fair_queue`, but those of probes and files."""

import asyncio
from typing import Final

from litestar.connection import ASGIConnection
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.access.client_address import AnyConnection, Peers
from server.http.fair_queue import FairQueue, Slot
from server.http.middleware.heads import PROBES
from server.http.middleware.replay import replay
from server.http.problems import ClientGoneError

#: Paths of files that are in memory, and need no slot even while the database does not answer.
FILES: Final = ("/static/", "/tech/")
#: Iterations of the event loop after which a disconnection is known: the socket is read, the
#: transport reports it, and `receive` returns.
_ROUNDS: Final = 3
_READING: Final = frozenset({"GET", "HEAD"})


def queue_requests(app: ASGIApp, queue: FairQueue, peers: Peers) -> ASGIApp:
    """`app`, for as many requests at once as `queue` has slots; for probes and `FILES` always.

    A slot is given back when the answer begins: streams and slow readers need no database.

    :raises CrowdedError: no slot was free in time.
    :raises ClientGoneError: the client of a GET left while it waited.
    """

    async def queued(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PROBES or scope["path"].startswith(FILES):
            await app(scope, receive, send)
            return
        connection: AnyConnection = ASGIConnection(scope)
        headers = connection.headers
        credential = headers.get("authorization") or headers.get("cookie") or ""
        slot = Slot(queue, (peers.network_of(connection), credential))
        await slot.take()

        async def sending(message: Message) -> None:
            slot.end()
            await send(message)

        try:
            if scope.get("method") in _READING:
                receive = await _check_connected(receive)
            await app(scope, receive, sending)
        finally:
            slot.end()

    return queued


async def _check_connected(receive: Receive) -> Receive:
    """A `receive` that gives all messages again.

    :raises ClientGoneError: the client has left.
    """
    first = await receive()  # the whole body; the next message is the disconnection
    leaving = asyncio.ensure_future(receive())
    try:
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
    finally:
        leaving.cancel()
    if leaving.done() or first["type"] == "http.disconnect":
        raise ClientGoneError
    return replay(first, receive)
