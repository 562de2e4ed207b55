"""The clock: rings for what is due, so that a lost doorbell costs a moment and nothing else."""

import asyncio
import threading
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from mail.config import MailConfig
from mail.states import quoted
from mail.worker.jobs import Job, Ring
from sync.connections import FAULTS, PROMPT
from sync.database import DB, tx
from sync.ids import new_id

LOG: Final = structlog.stdlib.get_logger("retour.clock")

#: A turn lasts this many sweeps unless it is renewed.
_TURN: Final = 3

#: Real time, not `retour_now`: a test that moves the latter must not stop the clock. A turn that
#: ends absurdly late was taken before the server's own clock was set back, and counts as over.
_TAKE_TURN: Final = """
INSERT INTO clock_turn (name, holder, until)
VALUES ('clock', $1, clock_timestamp() + $2::interval)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE clock_turn.holder = excluded.holder
  OR clock_turn.until < clock_timestamp()
  OR clock_turn.until > excluded.until + $2::interval
RETURNING true
"""

_GIVE_UP_TURN: Final = "DELETE FROM clock_turn WHERE name = 'clock' AND holder = $1"

_DUE: Final = quoted("""
SELECT
  EXISTS (
    SELECT FROM task_change WHERE quarantined_at IS NULL AND not_before <= $1) AS plan,
  EXISTS (SELECT FROM outbox WHERE phase = {Phase.WAITING} AND not_before <= $1) OR EXISTS (
    SELECT FROM outbox
    WHERE phase IN ({Phase.CLAIMED}, {Phase.DATA}) AND lease_until <= $1) OR EXISTS (
    SELECT FROM sender_breaker WHERE until <= $1) AS deliver,
  EXISTS (
    SELECT FROM rollup_change WHERE quarantined_at IS NULL AND not_before <= $1) AS rollup
""")


async def run_clock(config: MailConfig, ring: Ring, stop: asyncio.Event) -> None:
    """Ring for what is due every `config.sweep` seconds, until `stop`.

    The loop's database is open with a worker's rights. Any number of clocks may run: the one
    whose turn it is rings, and another takes over soon after it has died.
    """
    me = new_id()
    turn = timedelta(seconds=config.sweep * _TURN)
    while not stop.is_set():
        try:
            await _sweep(me, turn, ring)
        except FAULTS:
            LOG.warning("sweep failed", exc_info=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), config.sweep)
    with suppress(*FAULTS):
        async with tx() as opened:
            await opened.execute(_GIVE_UP_TURN, me)


async def _sweep(me: UUID, turn: timedelta, ring: Ring) -> None:
    async with tx() as opened:
        if not await opened.fetchval(_TAKE_TURN, me, turn):
            return
        due = await opened.fetchrow(_DUE, opened.now)
    for job in Job:
        if due is not None and due[job]:
            ring(job)


class RunningClock(threading.Thread):
    """A clock in a thread with an event loop and a database connection of its own."""

    def __init__(self, config: MailConfig, ring: Ring) -> None:
        """Not started yet: call `start`, and `stop` in the end."""
        super().__init__(name="clock", daemon=True)
        self._config = config
        self._ring = ring
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()

    def run(self) -> None:
        """The thread's work; ends after `stop`, or at once where the database is unreachable."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self, timeout: float = 5.0) -> None:
        """Let another clock take the turn at once; waits at most `timeout` seconds."""
        if self.is_alive():
            with suppress(RuntimeError):  # it ended by itself meanwhile
                self._loop.call_soon_threadsafe(self._stopped.set)
        self.join(timeout)

    async def _serve(self) -> None:
        await DB.open(self._config.worker_dsn, size=1, limit=PROMPT)
        try:
            await run_clock(self._config, self._ring, self._stopped)
        finally:
            await DB.close()
