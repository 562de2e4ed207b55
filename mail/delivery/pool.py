"""The sessions of one run with the mail server: they open as there is work, all stop at a failure.

A session sends mail after mail, each in phases, with as few dialogues as the server allows.
"""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import structlog

from mail.config import MailConfig
from mail.delivery import setbacks
from mail.delivery.breakers import Opened
from mail.delivery.checkpoint import Checkpoint, still_ours
from mail.delivery.held import fault
from mail.delivery.leasing import Leased
from mail.delivery.letters import Letter, letter_of
from mail.delivery.outcomes import first_outcome
from mail.delivery.replies import SendError
from mail.delivery.smtp import Envelope, SmtpConnection

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Seconds in which mails are begun. A worker that is told to stop finishes its run.
RUN_SECONDS: Final = 15.0
#: Seconds to write what was sent while the database is away.
PATIENCE: Final = 30.0
#: Claimed mails that wait for the sessions.
AHEAD: Final = 200
#: Seconds for a goodbye that nobody waits for.
_GOODBYE: Final = 5.0


class Session:
    """One connection after another, as the server lets them go on."""

    def __init__(self, config: MailConfig, checkpoint: Checkpoint) -> None:
        self._config = config
        self._checkpoint = checkpoint
        self._connection: SmtpConnection | None = None

    @property
    def connected(self) -> bool:
        """Whether the server has let this one in, and still does."""
        return self._connection is not None and self._connection.usable

    async def send(self, letter: Letter, following: Letter | None) -> Opened | None:
        """Send one mail and record what came of it; the breaker behind which it waits now, if any.

        `following` has to be the next.

        :raises SendError: of the server, before anything was said of the mail; the lease is
            still ours.
        :raises OSError, asyncpg.PostgresError: what came of it could not be recorded.
        """
        job = letter.job
        deadline = asyncio.get_running_loop().time() + self._config.smtp_timeout
        try:
            connection = await self._offered(letter.envelope, deadline)
            if not await self._checkpoint.content(job):
                connection.close()  # whoever took the claim back, or over, decides
                return None
            announced = None if following is None else following.envelope
            await connection.content(letter.octets, deadline, announced)
            self._checkpoint.sent(job)
        except SendError as error:
            return await self._not_taken(job, error)
        return None

    async def close(self) -> None:
        """Say goodbye."""
        if self._connection is not None and self._connection.usable:
            await self._connection.quit(asyncio.get_running_loop().time() + _GOODBYE)

    def drop(self) -> None:
        """Leave without a word, whatever is under way."""
        if self._connection is not None:
            self._connection.close()

    async def _offered(self, envelope: Envelope, deadline: float) -> SmtpConnection:
        """The connection on which the server waits for the content.

        A server may leave between two mails; that is no fault of the second.
        """
        if self._connection is not None and self._connection.usable:
            try:
                await self._connection.offer(envelope, deadline)
            except SendError as error:
                if not error.farewell or deadline <= asyncio.get_running_loop().time():
                    raise
            else:
                return self._connection
        name = self._config.our_name
        self._connection = await SmtpConnection.open(self._config.smtp, deadline, name)
        await self._connection.offer(envelope, deadline)
        return self._connection

    async def _not_taken(self, job: Leased, error: SendError) -> Opened | None:
        outcome = first_outcome(error)
        if outcome.rest:
            raise error
        LOG.info("mail not taken", phase=error.phase, code=error.code, reply=error.words)
        if outcome.opens:
            await self._checkpoint.settle()
        return await setbacks.record(self._config, job, error)


class Pool:
    """What one run sends.

    A mail is begun only if it can end within the actor's time: a cut one would be in doubt.
    """

    def __init__(self, config: MailConfig) -> None:
        self._config = config
        self._checkpoint = Checkpoint()
        self._queue: asyncio.Queue[Leased | None] = asyncio.Queue(maxsize=AHEAD)
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
        try:
            await self._checkpoint.flush(PATIENCE)
        finally:  # what cannot be written of one account keeps no other waiting
            await self._give_back()
        if self._broken is not None:
            raise self._broken

    async def _give_back(self) -> None:
        of_account = attrgetter("account")
        for account, jobs in groupby(sorted(self._unsent, key=of_account), key=of_account):
            await setbacks.give_back(account, list(jobs))
        if self._refusal is not None:
            await setbacks.rest(self._refusal)

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
                    return
                letter = following or await self._next()
            await session.close()
        finally:
            session.drop()

    async def _next(self, *, wait: bool = True) -> Letter | None:
        """The next mail, written; None at the end, or where none is there and we do not `wait`."""
        while wait or not self._queue.empty():
            job = await self._queue.get()
            if job is None:
                self._queue.put_nowait(None)  # the end is everybody's
                return None
            if (letter := await self._written(job)) is not None:
                return letter
        return None

    async def _written(self, job: Leased) -> Letter | None:
        """The mail of `job`, if it may be begun and can be written."""
        if self.stopped:
            self._unsent.append(job)
            return None
        try:
            if not await self._stands(job):
                return None
            try:
                return letter_of(self._config, job)
            except Exception as error:  # it must not stop its neighbours
                LOG.exception("a mail could not be written", invitation=str(job.invitation))
                await fault(job.account, job.invitation, job.attempt, error)
        except Exception as failure:  # noqa: BLE001 - the run ends with it, the lease brings it back
            self._broken = failure
        return None

    async def _stands(self, job: Leased) -> bool:
        """Whether to begin it: once a claim was gone, each is looked at before the server is asked.

        A paused campaign would else cost the server a broken dialogue for each mail claimed ahead.
        What was claimed before its breaker opened is not begun either.
        """
        for one in self._opened:
            if one.at > job.claimed_at and one.stops(job.account, job.route):
                self._unsent.append(job)
                return False
        return not self._checkpoint.lost or await still_ours(job)

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
