"""Answer only so many requests at once, and those that wait in turn by who sent them.

A client that asks 500 times and resets its connections has nobody waiting for an answer, and all
its requests would stand before everybody else's at the few connections to the database. So no more
are under way than there are such connections. The others wait, one of each network address after
the other, and within an address one of each credential. Those whose client has left are dropped,
only of reading: a POST may be of a mail program that does not stay for the answer (RFC 8058). What
is under way goes on to its end, so nothing is done by half.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Final, TypeAlias, TypeVar

from server.http.problems import CrowdedError
from sync.connections import ACQUIRE_TIMEOUT

T = TypeVar("T")

#: Seconds after which to send again what waited too long.
RETRY_AFTER: Final = 2

#: Whose requests take turns: a network address, and a credential as it was sent.
Sender: TypeAlias = tuple[str, str]
_Queue: TypeAlias = deque[asyncio.Future[None]]


class FairQueue:
    """The requests of one process, `most` under way at a time; all calls on its event loop."""

    def __init__(self, most: int, patience: float = ACQUIRE_TIMEOUT) -> None:
        """`patience`: seconds that one waits for its turn."""
        self.free = most
        self._patience = patience
        #: Those that wait: by address, then by credential, whose turn is next first.
        self._waiting: OrderedDict[str, OrderedDict[str, _Queue]] = OrderedDict()

    async def wait(self, sender: Sender) -> None:
        """Take the next free turn that is the sender's.

        :raises CrowdedError: there was none in time.
        """
        turn = asyncio.get_running_loop().create_future()
        address, credential = sender
        queues = self._waiting.setdefault(address, OrderedDict())
        queues.setdefault(credential, deque()).append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if not turn.cancelled():  # it came in the same moment
                self.give_back()
            if isinstance(error, TimeoutError):
                raise CrowdedError(retry_after=RETRY_AFTER) from None
            raise

    def give_back(self) -> None:
        """A turn is over: it is the next one's."""
        while self._waiting:
            turn = self._next()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1

    def _next(self) -> asyncio.Future[None]:
        """The first of the first; its address and its credential go behind the others."""
        address, queues = self._waiting.popitem(last=False)
        credential, queue = queues.popitem(last=False)
        turn = queue.popleft()
        if queue:
            queues[credential] = queue
        if queues:
            self._waiting[address] = queues
        return turn


class Slot:
    """The turn of one request; made the current one of its task."""

    def __init__(self, turns: FairQueue, sender: Sender) -> None:
        """Not taken yet."""
        self._turns, self._sender = turns, sender
        self._held = False
        _CURRENT.set(self)

    async def take(self) -> None:
        """Wait for it.

        :raises CrowdedError: it did not come in time.
        """
        if self._turns.free:
            self._turns.free -= 1
        else:
            await self._turns.wait(self._sender)
        self._held = True

    def end(self) -> None:
        """Give it back, unless that was done."""
        if self._held:
            self._held = False
            self._turns.give_back()


_CURRENT: Final[ContextVar[Slot]] = ContextVar("turn")


async def without_slot(work: Awaitable[T]) -> T:
    """What `work` returns, done while others have the turn: it is long, and needs no database.

    :raises CrowdedError: the request's next turn did not come in time.
    """
    turn = _CURRENT.get(None)
    if turn is None:
        return await work
    turn.end()
    done = await work
    await turn.take()
    return done
