"""Supervises the embedded PostgreSQL: starts it again when it ends by itself."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
import structlog

from server.postgres.binaries import EmbeddedError
from server.postgres.launcher import Embedded
from server.postgres.log_file import cut_log

LOG: Final = structlog.stdlib.get_logger("retour.database")
#: Starts within `WITHIN` seconds before giving up: a start does not cure the cause.
STARTS: Final = 5
WITHIN: Final = 600.0
#: Seconds between two checks.
LOOK: Final = 0.2


@asynccontextmanager
async def supervised(embedded: Embedded) -> AsyncIterator[Callable[[], bool]]:
    """Supervise `embedded`; yields a function that is false once supervision was given up.

    For the event loop of the main thread: the kernel ends PostgreSQL when that thread ends.
    """
    supervising = asyncio.create_task(_supervise(embedded))
    try:
        yield lambda: not supervising.done()
    finally:
        supervising.cancel()
        with suppress(asyncio.CancelledError):
            await supervising


@asynccontextmanager
async def unsupervised() -> AsyncIterator[Callable[[], bool]]:
    """As `supervised`, for a database that others run: that is never given up."""
    yield lambda: True


async def _supervise(embedded: Embedded) -> None:
    starts: deque[float] = deque(maxlen=STARTS)
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(LOOK)
        embedded.hasten()
        cut_log(embedded.folder)
        if embedded.alive():
            continue
        if len(starts) == STARTS and clock() - starts[0] < WITHIN:
            LOG.error("postgres ends again and again", starts=STARTS, seconds=WITHIN)
            return
        starts.append(clock())
        LOG.error("postgres ended and is started again")
        try:
            await embedded.restart()
        except (EmbeddedError, OSError, asyncpg.PostgresError) as error:
            LOG.error("postgres did not start", what=str(error)[-500:])  # noqa: TRY400 - no bug
        else:
            LOG.warning("postgres answers again")
