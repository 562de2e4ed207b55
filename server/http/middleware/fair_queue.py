"""Limits the requests that are processed at once, and queues the others fairly by their senders.

A client that sends 500 requests and resets its connections waits for no answer, yet all its
requests would queue before everybody else's for the few connections to the database. So no more are
processed than there are such connections. The others wait: addresses are served round-robin, and
within an address its credentials. A GET whose client has left is dropped; a POST is not, for a mail
program may not wait for the answer (RFC 8058). A request that is being processed is completed.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Final, TypeAlias, TypeVar

from litestar.connection import ASGIConnection
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.access.client_address import AnyConnection, Peers
from server.http.middleware.body import replay
from server.http.middleware.heads import PROBES
from server.http.problems import ClientGoneError, CrowdedError
from sync.connections import ACQUIRE_TIMEOUT

T = TypeVar("T")

#: Seconds for Retry-After when a request waited too long.
RETRY_AFTER: Final = 2
#: Paths of files that are in memory, and need no slot even while the database does not answer.
FILES: Final = ("/static/", "/tech/")
#: Iterations of the event loop after which a disconnection is known: the socket is read, the
#: transport reports it, and `receive` returns.
_ROUNDS: Final = 3
_READING: Final = frozenset({"GET", "HEAD"})

#: By what requests are queued: a network address, and a credential as it was sent.
Sender: TypeAlias = tuple[str, str]
_Queue: TypeAlias = deque[asyncio.Future[None]]


class FairQueue:
    """The slots of one process, `most` of them, and the requests that wait for one.

    Called on the process's event loop only.
    """

    def __init__(self, most: int, patience: float = ACQUIRE_TIMEOUT) -> None:
        """`patience`: seconds that a request waits for a slot."""
        self.free = most
        self._patience = patience
        #: Requests that wait: by address, then by credential, each in the order of service.
        self._waiting: OrderedDict[str, OrderedDict[str, _Queue]] = OrderedDict()

    async def wait(self, sender: Sender) -> None:
        """Wait until a slot is given to the sender.

        :raises CrowdedError: none was free in time.
        """
        granted = asyncio.get_running_loop().create_future()
        address, credential = sender
        queues = self._waiting.setdefault(address, OrderedDict())
        queues.setdefault(credential, deque()).append(granted)
        try:
            async with asyncio.timeout(self._patience):
                await granted
        except BaseException as error:
            if not granted.cancelled():  # the slot was granted at the same moment
                self.give_back()
            if isinstance(error, TimeoutError):
                raise CrowdedError(retry_after=RETRY_AFTER) from None
            raise

    def give_back(self) -> None:
        """Pass a slot on to the next request that waits, if there is one."""
        while self._waiting:
            address, queues = self._waiting.popitem(last=False)
            credential, queue = queues.popitem(last=False)
            granted = queue.popleft()
            if queue:  # behind the other credentials of the address
                queues[credential] = queue
            if queues:  # behind the other addresses
                self._waiting[address] = queues
            if not granted.done():
                granted.set_result(None)
                return
        self.free += 1


class Slot:
    """The slot of one request, found by `without_slot` in the context of its task."""

    def __init__(self, queue: FairQueue, sender: Sender) -> None:
        """Not taken yet."""
        self._queue, self._sender = queue, sender
        self._is_taken = False
        _CURRENT.set(self)

    async def take(self) -> None:
        """Take a free slot, or wait for one.

        :raises CrowdedError: none was free in time.
        """
        if self._queue.free:
            self._queue.free -= 1
        else:
            await self._queue.wait(self._sender)
        self._is_taken = True

    def end(self) -> None:
        """Give the slot back; no effect where it is not taken."""
        if self._is_taken:
            self._is_taken = False
            self._queue.give_back()


_CURRENT: Final[ContextVar[Slot]] = ContextVar("slot")


async def without_slot(work: Awaitable[T]) -> T:
    """The result of `work`, which takes long and needs no database: others use the slot meanwhile.

    :raises CrowdedError: the request could not take a slot again in time.
    """
    slot = _CURRENT.get(None)
    if slot is None:
        return await work
    slot.end()
    result = await work
    await slot.take()
    return result


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
