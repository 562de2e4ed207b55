"""A run: what is due is claimed, chunk by chunk, while sessions send the chunk before.

Sessions open as there is work, and all stop at a failure.
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
from mail.delivery.claim import claim, wake
from mail.delivery.held import fault
from mail.delivery.stages import Leased
from mail.delivery.uncertain import recover
from mail.queues import PASSING
from mail.sending.checkpoint import Checkpoint, still_ours
from mail.sending.session import Letter, Session, letter_of
from mail.smtp.replies import SendError
from mail.states import quoted
from sync.database import tx

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Invitations decided in one transaction, and in the first: mails leave while others are decided.
CHUNK: Final = 200
FIRST: Final = 40
#: Seconds in which mails are begun. A worker that is told to stop finishes its run.
RUN_SECONDS: Final = 15.0
#: Of a run: see `Pool`.
PATIENCE: Final = 30.0

#: `overdue`: a lease has run out; what a dead worker left is taken back.
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
    """Decide what is due and send what may go; how many invitations were due.

    What the server refuses altogether is kept for later.

    :raises OSError, asyncpg.PostgresError: the database cannot be used; leases bring back what
        was under way.
    """
    async with tx() as opened:
        due = await opened.fetch(_ACCOUNTS, opened.now)
    for row in due:
        if row["overdue"]:
            await _recover(config, row["account"])
    return await _deliver(config, [row["account"] for row in due]) if due else 0


async def _recover(config: MailConfig, account: int) -> None:
    try:
        await recover(config, account)
    except PASSING:
        raise
    except Exception:  # whatever it is, other accounts must not wait for it
        LOG.exception("leases could not be taken back", account=account)


async def _deliver(config: MailConfig, accounts: list[int]) -> int:
    """A chunk of each account, and again of those that have more: none has to wait for another.

    Where somebody `waited` for another's outcome, and something was `tried` that may have been
    that, who waited is judged again.
    """
    random.shuffle(accounts)  # workers that start together should not all decide for the same
    queue, due = deque(accounts), 0
    waited, tried = set(), set()
    pool = Pool(config)
    try:
        while queue and not pool.stopped:
            account = queue.popleft()
            chunk = await claim(config, account, CHUNK if due else FIRST)
            await pool.take(chunk.jobs)
            due += chunk.found
            if chunk.waiting:
                waited.add(account)
            if chunk.jobs:
                tried.add(account)
            if chunk.found:
                queue.append(account)
    finally:
        await pool.finish()
        for account in waited & tried:
            await wake(account)
    return due


class Pool:
    """The sessions of one run, and the mails that wait for them.

    A mail is begun only if it can end within the actor's time: a cut one would be in doubt.
    `patience`: seconds to write what was sent while the database is away.
    """

    def __init__(self, config: MailConfig, patience: float = PATIENCE) -> None:
        self._config = config
        self._patience = patience
        self._checkpoint = Checkpoint()
        self._queue: asyncio.Queue[Leased | None] = asyncio.Queue(maxsize=CHUNK)
        self._tasks: list[asyncio.Task[None]] = []
        self._open = 0
        self._unsent: list[Leased] = []
        self._opened: list[Opened] = []
        self._refusal: SendError | None = None
        self._broken: Exception | None = None
        longest = min(config.actor_timeout - config.smtp_timeout, RUN_SECONDS)
        self._last_start = asyncio.get_running_loop().time() + longest

    @property
    def stopped(self) -> bool:
        """Whether nothing more is begun."""
        late = asyncio.get_running_loop().time() >= self._last_start
        return late or self._refusal is not None or self._broken is not None

    async def take(self, jobs: Sequence[Leased]) -> None:
        """Hand `jobs` to the sessions, and wait while they are behind."""
        for job in jobs:
            if len(self._tasks) < self._config.smtp_connections:
                self._tasks.append(asyncio.create_task(self._work()))
            await self._queue.put(job)

    async def finish(self) -> None:
        """Wait for what was taken; what could not be begun is given back.

        :raises OSError, asyncpg.PostgresError: an outcome could not be written.
        """
        await self._queue.put(None)
        await asyncio.gather(*self._tasks)
        async with AsyncExitStack() as left:  # each is done, whatever the others meet
            if self._refusal is not None:
                left.push_async_callback(retry.rest, self._refusal)
            for account in {job.account for job in self._unsent}:
                jobs = [job for job in self._unsent if job.account == account]
                left.push_async_callback(retry.give_back, account, jobs)
            await self._checkpoint.flush(self._patience)
        if self._broken is not None:
            raise self._broken

    async def _work(self) -> None:
        """Send until the queue ends. Never fails, or the queue would fill up and stand."""
        session = Session(self._config, self._checkpoint)
        try:
            letter = await self._next()
            self._open += letter is not None
            while letter is not None:
                following = await self._next(wait=False) if session.connected else None
                if self.stopped:
                    self._unsent.append(letter.job)
                elif not await self._sent(session, letter, following):
                    self._unsent += [following.job] if following else []
                    break
                letter = following or await self._next()
            await session.close()
        except BaseException:
            session.drop()
            raise

    async def _next(self, *, wait: bool = True) -> Letter | None:
        """The next mail, written; None at the end, or where none is there and we do not `wait`."""
        while wait or not self._queue.empty():
            job = await self._queue.get()
            if job is None:
                self._queue.put_nowait(None)  # the end is everybody's
                return None
            behind = (one.stops(job.account, job.route, job.claimed_at) for one in self._opened)
            if self.stopped or any(behind):
                self._unsent.append(job)
            elif (letter := await self._written(job)) is not None:
                return letter
        return None

    async def _written(self, job: Leased) -> Letter | None:
        """The mail of `job`, if the claim stands and it can be written.

        Once a claim was gone, each is looked at before the server is asked: a paused campaign
        would else cost the server a broken dialogue for each mail claimed ahead.
        """
        try:
            if self._checkpoint.lost and not await still_ours(job):
                return None
            try:
                return letter_of(self._config, job)
            except Exception as error:  # it must not stop its neighbours
                LOG.exception("a mail could not be written", invitation=str(job.invitation))
                await fault(job.account, job.invitation, job.attempt, error)
        except Exception as failure:  # noqa: BLE001 - the run ends with it, the lease brings it back
            self._broken = failure
        return None

    async def _sent(self, session: Session, letter: Letter, following: Letter | None) -> bool:
        """Send one mail; False if the server wants no more of this session, but of others."""
        try:
            opened = await session.send(letter, following)
        except SendError as error:
            return self._refused(letter.job, error)
        except Exception as error:  # the run ends with it, and the lease brings the mail back
            LOG.warning("an outcome could not be recorded", exc_info=True)
            self._broken = error
        else:
            if opened is not None and opened not in self._opened:
                self._opened.append(opened)
        return True

    def _refused(self, job: Leased, error: SendError) -> bool:
        """A server may allow fewer connections than we may open; the last one tells."""
        self._unsent.append(job)
        if self._open > 1:
            self._open -= 1
            return False
        LOG.error(
            "the mail server takes nothing",
            phase=error.phase,
            code=error.code,
            reply=error.words,
        )
        self._refusal = error
        return True
