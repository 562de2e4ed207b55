"""Reads that take seconds: one at a time in a process, so that nobody else waits for them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from server.http.problems import CrowdedError

T = TypeVar("T")

#: Reads that wait for another one to end.
MOST_WAITING: Final = 3
#: Seconds for Retry-After when too many wait.
RETRY_AFTER: Final = 10


class LongReads:
    """The long reads of one process."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._waiting = 0

    async def run(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `read`, which opens its own transactions. To be awaited `without_slot`.

        :raises CrowdedError: too many wait.
        """
        if self._waiting > MOST_WAITING:
            raise CrowdedError(retry_after=RETRY_AFTER)
        self._waiting += 1
        try:
            async with self._one:
                return await read()
        finally:
            self._waiting -= 1
