"""The jobs of a worker, and how one is run until nothing of it is due."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, TypeAlias

import structlog

LOG: Final = structlog.stdlib.get_logger("retour.jobs")


class Job(StrEnum):
    """What a worker can be rung for."""

    PLAN = "plan"
    DELIVER = "deliver"
    ROLLUP = "rollup"
    LEDGER = "ledger"


#: Rings for a job, because something of it may be due; neither blocks nor raises.
Ring: TypeAlias = Callable[[Job], None]
#: Does some of what is due and returns how much; 0 means that nothing is left.
Step: TypeAlias = Callable[[], Awaitable[int]]


class Stopping:
    """Whether the runners of a process have been asked to finish; shared by them."""

    def __init__(self) -> None:
        self.asked = False


class Runner:
    """Runs one job in one process, never twice at a time however often it is rung for.

    Runners live on one event loop. Errors are logged, and the clock rings again.
    """

    def __init__(
        self,
        job: Job,
        step: Step,
        *,
        time_limit: float,
        stopping: Stopping,
        then: Callable[[], None] | None,
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
        """Repeat the step until nothing is due; if it runs already, have it repeated once more."""
        self._rung = True
        if self._running:
            return
        self._running = True
        try:
            while self._rung and not self._stopping.asked:
                self._rung = False
                async with asyncio.timeout(self._time_limit):
                    done = await self._step()
                self._rung = self._rung or bool(done)
                if done and self._then is not None:
                    self._then()
        except Exception:  # the runner must survive any error of its step
            LOG.exception("job failed", job=self._job)
        finally:
            self._running = False
