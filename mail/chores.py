"""What a worker does when it is rung: one kind of work, until nothing of it is due."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

LOG: Final = structlog.stdlib.get_logger("retour.chores")

#: Does some of what is due and says how much that was; 0 means that nothing is left.
Work: TypeAlias = Callable[[], Awaitable[int]]
Ring: TypeAlias = Callable[[str], None]


class Stopping:
    """Tells every chore of a process to finish what it is at."""

    def __init__(self) -> None:
        self.asked = False


class Chore:
    """One kind of work in one process, done once at a time however often it is rung.

    Chores live on one event loop. What goes wrong is logged, and the clock rings again.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        time_limit: float,
        stopping: Stopping,
        then: Callable[[], None],
    ) -> None:
        """`time_limit`: seconds for one call of `work`. `then`: called when it did some."""
        self._name = name
        self._work = work
        self._time_limit = time_limit
        self._stopping = stopping
        self._then = then
        self._running = False
        self._rung = False

    async def run(self) -> None:
        """Work until nothing is due; a ring meanwhile makes whoever is at it look once more."""
        self._rung = True
        if self._running:
            return
        self._running = True
        try:
            await self._until_nothing_is_due()
        except Exception:  # a doorbell must survive whatever its work meets
            LOG.exception("chore failed", chore=self._name)
        finally:
            self._running = False

    async def _until_nothing_is_due(self) -> None:
        while self._rung and not self._stopping.asked:
            self._rung = False
            async with asyncio.timeout(self._time_limit):
                done = await self._work()
            if done:
                self._rung = True
                self._then()
