"""A worker's jobs: what can be rung for, and how one is done until nothing of it is due."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, TypeAlias

import structlog

LOG: Final = structlog.stdlib.get_logger("retour.jobs")


class Job(StrEnum):
    """What can be rung for."""

    PLAN = "plan"
    DELIVER = "deliver"
    ROLLUP = "rollup"


#: Says that a job may have something to do; neither blocks nor raises.
Ring: TypeAlias = Callable[[Job], None]
#: Does some of what is due and says how much that was; 0 means that nothing is left.
Step: TypeAlias = Callable[[], Awaitable[int]]


class Stopping:
    """Tells every runner of a process to finish what it is at."""

    def __init__(self) -> None:
        self.asked = False


class Runner:
    """Does one job in one process, once at a time however often it is rung.

    Runners live on one event loop. What goes wrong is logged, and the clock rings again.
    """

    def __init__(
        self,
        job: Job,
        step: Step,
        *,
        time_limit: float,
        stopping: Stopping,
        then: Callable[[], None],
    ) -> None:
        """`time_limit`: seconds for one call of `step`. `then`: called when it did some."""
        self._job = job
        self._step = step
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
            LOG.exception("job failed", job=self._job)
        finally:
            self._running = False

    async def _until_nothing_is_due(self) -> None:
        while self._rung and not self._stopping.asked:
            self._rung = False
            async with asyncio.timeout(self._time_limit):
                done = await self._step()
            if done:
                self._rung = True
                self._then()
