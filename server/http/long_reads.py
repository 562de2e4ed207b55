"""Reads that take seconds: one at a time in a process, so that nobody else waits for them.

No account keeps the others from theirs: of each one read waits at most.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from litestar.types import Receive

from server.http.middleware.body import client_left
from server.http.problems import ClientGoneError, CrowdedError

T = TypeVar("T")

#: Reads that wait for another one to end.
MOST_WAITING: Final = 3
#: Seconds for Retry-After when too many wait.
RETRY_AFTER: Final = 10


class LongReads:
    """The long reads of one process."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        #: Accounts of which a read waits.
        self._waiting: set[int] = set()

    async def run(
        self, account: int, receive: Receive, read: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """The result of `read`, which opens its own transactions. To be awaited `without_slot`.

        `receive`: of the request; nothing else reads it any more.

        :raises CrowdedError: too many wait, or one of the account.
        :raises ClientGoneError: the client left before its read began.
        """
        if account in self._waiting or len(self._waiting) >= MOST_WAITING:
            raise CrowdedError(retry_after=RETRY_AFTER)
        self._waiting.add(account)
        try:
            await self._wait(receive)
        finally:
            self._waiting.remove(account)
        try:
            return await read()
        finally:
            self._one.release()

    async def _wait(self, receive: Receive) -> None:
        """Take the lock, unless the client leaves first.

        :raises ClientGoneError: it did.
        """
        taking = asyncio.ensure_future(self._one.acquire())
        leaving = asyncio.ensure_future(client_left(receive))
        is_next = False
        try:
            await asyncio.wait((taking, leaving), return_when=asyncio.FIRST_COMPLETED)
            is_next = not leaving.done()
        finally:
            leaving.cancel()
            if not is_next and not taking.cancel():  # it was taken at the same moment
                self._one.release()
        if not is_next:
            raise ClientGoneError
