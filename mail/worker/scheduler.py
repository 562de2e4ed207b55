"""The clock: rings for what is due, so that a lost message only delays it."""

import asyncio
import threading
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from mail.config import MailConfig
from mail.states import quoted
from mail.worker.jobs import Job, Ring
from sync.connections import FAULTS, PROMPT
from sync.database import DB, tx
from sync.ids import new_id

LOG: Final = structlog.stdlib.get_logger("retour.clock")

#: The lease of the clock lasts this many sweeps unless it is renewed.
_LEASE_SWEEPS: Final = 3
#: Seconds in which the thread of a clock ends.
_STOP_TIMEOUT: Final = 5.0

#: Takes or renews the lease, and returns for each job whether something of it is due; no row if
#: another clock has the lease. That is in real time, not `retour_now`: a test that moves the latter
#: must not stop the clock. A lease that ends impossibly late was taken before the server's time was
#: set back: it has expired.
_SWEEP: Final = quoted("""
WITH lease AS (
  INSERT INTO clock_turn (name, holder, until)
  VALUES ('clock', $1, clock_timestamp() + $2::interval)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
  WHERE clock_turn.holder = excluded.holder
    OR clock_turn.until < clock_timestamp()
    OR clock_turn.until > excluded.until + $2::interval
  RETURNING name
)
SELECT
  EXISTS (
    SELECT FROM task_change WHERE quarantined_at IS NULL AND not_before <= $3) OR EXISTS (
    SELECT FROM place_change WHERE quarantined_at IS NULL AND not_before <= $3) AS plan,
  EXISTS (SELECT FROM outbox WHERE phase = {Phase.WAITING} AND not_before <= $3) OR EXISTS (
    SELECT FROM outbox
    WHERE phase IN ({Phase.CLAIMED}, {Phase.DATA}) AND lease_until <= $3) OR EXISTS (
    SELECT FROM sender_breaker WHERE until <= $3) AS deliver,
  EXISTS (
    SELECT FROM rollup_change WHERE quarantined_at IS NULL AND not_before <= $3) AS rollup,
  EXISTS (
    SELECT FROM ledger_change WHERE quarantined_at IS NULL AND not_before <= $3) AS ledger
FROM lease
""")

_END_LEASE: Final = "DELETE FROM clock_turn WHERE name = 'clock' AND holder = $1"


async def run_clock(config: MailConfig, ring: Ring, stop: asyncio.Event) -> None:
    """Ring for what is due every `config.sweep` seconds, until `stop`.

    The loop's database is open with a worker's rights. Any number of clocks may run: the holder
    of the lease rings, and when it dies another takes over within a few sweeps.
    """
    holder = new_id()
    lease = timedelta(seconds=config.sweep * _LEASE_SWEEPS)
    while not stop.is_set():
        due = None
        try:
            async with tx() as opened:
                due = await opened.fetchrow(_SWEEP, holder, lease, opened.now)
        except FAULTS:
            LOG.warning("sweep failed", exc_info=True)
        for job in [job for job in Job if due is not None and due[job]]:
            ring(job)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), config.sweep)
    with suppress(*FAULTS):
        async with tx() as opened:
            await opened.execute(_END_LEASE, holder)


class RunningClock(threading.Thread):
    """A clock in a thread, with an event loop and a database connection of its own."""

    def __init__(self, config: MailConfig, ring: Ring) -> None:
        """The caller starts and stops it."""
        super().__init__(name="clock", daemon=True)
        self._config = config
        self._ring = ring
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()

    def run(self) -> None:
        """Run until `stop`, or end at once if the database is unreachable."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self, timeout: float = _STOP_TIMEOUT) -> None:
        """End the clock and its lease; waits at most `timeout` seconds."""
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
