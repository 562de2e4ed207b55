"""A run: due mails are claimed chunk by chunk, while sessions send those of the chunk before.

Sessions are opened as there is work, and all stop at a failure.
"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import structlog

from mail.config import MailConfig
from mail.delivery import retry
from mail.delivery.breakers import Opened
from mail.delivery.claim import RESERVED, claim, wake
from mail.delivery.held import fault
from mail.delivery.stages import Leased
from mail.delivery.uncertain import recover_all
from mail.sending.progress import ProgressWriter, is_leased
from mail.sending.session import Letter, Session, letter_of
from mail.smtp.replies import SendError
from mail.states import quoted
from sync.database import tx

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Invitations claimed in one transaction, and in the first one, so that sending begins soon.
CHUNK: Final = 200
FIRST_CHUNK: Final = 40
#: Seconds in which mails are begun. A worker that is told to stop finishes its run.
RUN_SECONDS: Final = 15.0
#: Seconds for which a run tries to record accepted mails while the database is away.
FLUSH_TIMEOUT: Final = 30.0

#: `overdue`: a lease has expired.
_ACCOUNTS: Final = quoted("""
SELECT account, bool_or(overdue) AS overdue
FROM (
  SELECT account, false AS overdue FROM outbox WHERE phase = {Phase.WAITING} AND not_before <= $1
  UNION ALL
  SELECT account, false FROM sender_breaker WHERE until <= $1
  UNION ALL
  SELECT account, true FROM outbox
  WHERE phase IN ({Phase.CLAIMED}, {Phase.DATA}) AND lease_until <= $1
) AS due
GROUP BY account
""")


async def deliver_due(config: MailConfig) -> int:
    """Claim and send what is due in all accounts, and return how many invitations were due.

    Chunks are claimed of accounts in rotation, so that none waits for another. What the server does
    not accept is recorded, and retried later if it can be.

    :raises OSError, asyncpg.PostgresError: the database cannot be used; mails under way are
        taken over when their leases expire.
    """
    async with tx() as opened:
        rows = await opened.fetch(_ACCOUNTS, opened.now)
    if not rows:
        return 0
    if overdue := [row["account"] for row in rows if row["overdue"]]:
        await recover_all(config, overdue)
    random.shuffle(rows)  # workers that start together should not compete for the same account
    queue, due = deque(row["account"] for row in rows), 0
    waiting, tried = set(), set()
    pool = Pool(config)
    try:
        while queue and not pool.stopped:
            account = queue.popleft()
            chunk = await claim(config, account, CHUNK if due else FIRST_CHUNK)
            await pool.take(chunk.jobs)
            due += chunk.found
            if chunk.waiting:
                waiting.add(account)
            if chunk.jobs:
                tried.add(account)
            if chunk.found:
                queue.append(account)
    finally:
        await pool.finish()
        for account in waiting & tried:  # outcomes of reservations may be known now
            await wake(account, [RESERVED])
    return due


class Pool:
    """The sessions of one run, and the mails that wait for them.

    A mail is begun only if it can end within the time limit of the actor: one that is cut off
    would be in doubt. `flush_timeout`: seconds, see `FLUSH_TIMEOUT`.
    """

    def __init__(self, config: MailConfig, flush_timeout: float = FLUSH_TIMEOUT) -> None:
        self._config = config
        self._flush_timeout = flush_timeout
        self._progress = ProgressWriter()
        self._queue: asyncio.Queue[Leased | None] = asyncio.Queue(maxsize=CHUNK)
        self._tasks: list[asyncio.Task[None]] = []
        self._open_sessions = 0
        self._unsent: list[Leased] = []
        self._opened: list[Opened] = []
        self._refusal: SendError | None = None
        self._failure: Exception | None = None
        longest = min(config.actor_timeout - config.smtp_timeout, RUN_SECONDS)
        self._last_start = asyncio.get_running_loop().time() + longest

    @property
    def stopped(self) -> bool:
        """Whether no further mail is begun."""
        late = asyncio.get_running_loop().time() >= self._last_start
        return late or self._refusal is not None or self._failure is not None

    async def take(self, jobs: Sequence[Leased]) -> None:
        """Queue `jobs` for the sessions; waits while the queue is full."""
        for job in jobs:
            if len(self._tasks) < self._config.smtp_connections:
                self._tasks.append(asyncio.create_task(self._work()))
            await self._queue.put(job)

    async def finish(self) -> None:
        """Wait until all is sent and recorded; give back mails that were not begun.

        :raises OSError, asyncpg.PostgresError: an outcome could not be recorded.
        """
        await self._queue.put(None)
        await asyncio.gather(*self._tasks)
        async with AsyncExitStack() as stack:  # each callback runs, even if others fail
            if (error := self._refusal) is not None:
                LOG.error(
                    "the mail server takes nothing",
                    phase=error.phase,
                    code=error.code,
                    reply=error.words,
                )
                stack.push_async_callback(retry.pause_all, error)
            for account in {job.account for job in self._unsent}:
                jobs = [job for job in self._unsent if job.account == account]
                stack.push_async_callback(retry.give_back, account, jobs)
            await self._progress.flush(self._flush_timeout)
        if self._failure is not None:
            raise self._failure

    async def _work(self) -> None:
        """Send until the queue ends. Failures are stored: an exception would block the queue."""
        session = Session(self._config, self._progress)
        try:
            letter = await self._next()
            self._open_sessions += letter is not None
            while letter is not None:
                following = await self._next(wait=False) if session.connected else None
                if self.stopped:
                    self._unsent.append(letter.job)
                elif not await self._send(session, letter, following):
                    self._unsent += [following.job] if following else []
                    break
                letter = following or await self._next()
            await session.close()
        except BaseException:
            session.drop()
            raise

    async def _next(self, *, wait: bool = True) -> Letter | None:
        """Return the next mail; None at the end, or, without `wait`, if the queue is empty."""
        while wait or not self._queue.empty():
            job = await self._queue.get()
            if job is None:
                self._queue.put_nowait(None)  # the end is for every session
                return None
            behind = (item.stops(job.account, job.route, job.claimed_at) for item in self._opened)
            if self.stopped or any(behind):
                self._unsent.append(job)
            elif (letter := await self._write(job)) is not None:
                return letter
        return None

    async def _write(self, job: Leased) -> Letter | None:
        """Return the mail of `job`; None if its claim does not stand or it cannot be written.

        Claims are checked once one did not stand: else each recalled mail of a paused campaign
        would cost the server a dialogue that we break off.
        """
        try:
            if self._progress.lost and not await is_leased(job):
                return None
            try:
                return letter_of(self._config, job)
            except Exception as error:  # any fault of one mail must not stop the others
                LOG.exception("a mail could not be written", invitation=str(job.invitation))
                await fault(job.account, job.invitation, job.attempt, error)
        except Exception as failure:  # noqa: BLE001 - ends the run; the lease expires
            self._failure = failure
        return None

    async def _send(self, session: Session, letter: Letter, following: Letter | None) -> bool:
        """Send one mail; False if this session ends, because the server allows fewer."""
        try:
            opened = await session.send(letter, following)
        except SendError as error:
            self._unsent.append(letter.job)
            if self._open_sessions > 1:  # the last session tells whether the server serves us
                self._open_sessions -= 1
                return False
            self._refusal = error
        except Exception as error:  # ends the run; the lease expires
            LOG.warning("an outcome could not be recorded", exc_info=True)
            self._failure = error
        else:
            if opened is not None and opened not in self._opened:
                self._opened.append(opened)
        return True
