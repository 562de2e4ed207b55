"""The connections of one run: they open as there is work, and all stop at a failure."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Final

import structlog

from mail.config import MailConfig
from mail.delivery import setbacks
from mail.delivery.breakers import Opened
from mail.delivery.checkpoint import Checkpoint, still_ours
from mail.delivery.errors import SendError
from mail.delivery.leasing import Leased
from mail.delivery.letters import letter_of
from mail.delivery.poison import fault
from mail.delivery.sending import Outgoing, Sender
from mail.delivery.server import parse_server

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Seconds in which mails are begun. A worker that is told to stop finishes its run.
RUN_SECONDS: Final = 15.0
#: Seconds to write what was sent while the database is away.
PATIENCE: Final = 30.0
#: Claimed mails that wait for the connections.
AHEAD: Final = 200


class Post:
    """What one run sends.

    A mail is begun only if it can end within the actor's time: a cut one would be in doubt.
    """

    def __init__(self, config: MailConfig) -> None:
        self._config = config
        self._server = parse_server(config.smtp_url)
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
        """Hand `jobs` to the connections, and wait while they are behind."""
        for job in jobs:
            if len(self._tasks) < self._config.smtp_connections:
                self._tasks.append(asyncio.create_task(self._work()))
            await self._queue.put(job)

    async def finish(self) -> None:
        """Wait for what was taken; what could not be begun is given back.

        :raises OSError, asyncpg.PostgresError: an outcome could not be written.
        """
        for _ in self._tasks:
            await self._queue.put(None)
        await asyncio.gather(*self._tasks)
        await self._checkpoint.flush(PATIENCE)
        for account, jobs in groupby(sorted(self._unsent, key=_account), key=_account):
            await setbacks.give_back(account, list(jobs))
        if self._refusal is not None:
            await setbacks.rest(self._refusal)
        if self._broken is not None:
            raise self._broken

    async def _work(self) -> None:
        """Send until the queue ends. Never fails, or the queue would fill up and stand."""
        sender = Sender(self._config, self._server, self._checkpoint)
        try:
            await self._send_all(sender)
            await sender.close()
        finally:
            sender.drop()

    async def _send_all(self, sender: Sender) -> None:
        outgoing, ended = await self._next(), False
        self._open += outgoing is not None
        while outgoing is not None:
            following = None
            if sender.connected:
                following, ended = await self._ahead()
            if self.stopped:
                self._unsent.append(outgoing.job)
            elif not await self._sent(sender, outgoing, following):
                self._unsent += [following.job] if following else []
                return
            outgoing = following or (None if ended else await self._next())

    async def _next(self) -> Outgoing | None:
        """The next mail, written; None at the end."""
        while (job := await self._queue.get()) is not None:
            if (outgoing := await self._written(job)) is not None:
                return outgoing
        return None

    async def _ahead(self) -> tuple[Outgoing | None, bool]:
        """The next mail if one is there already, and whether that was the end."""
        while not self._queue.empty():
            job = self._queue.get_nowait()
            if job is None:
                return None, True
            if (outgoing := await self._written(job)) is not None:
                return outgoing, False
        return None, False

    async def _written(self, job: Leased) -> Outgoing | None:
        if not await self._stands(job):
            return None
        try:
            return Outgoing(job, letter_of(self._config, job))
        except Exception as error:  # a mail that cannot be written must not stop its neighbours
            LOG.exception("a mail could not be written", invitation=str(job.invitation))
            await self._put_aside(job, error)
            return None

    async def _stands(self, job: Leased) -> bool:
        """Whether to begin it: once a claim was gone, each is looked at before the server is asked.

        A paused campaign would else cost the server a broken dialogue for each mail claimed ahead.
        What was claimed before its breaker opened is not begun either.
        """
        if any(
            one.at > job.claimed_at and one.stops(job.account, job.route) for one in self._opened
        ):
            self._unsent.append(job)
            return False
        if not self._checkpoint.lost:
            return True
        try:
            return await still_ours(job)
        except Exception as failure:  # noqa: BLE001 - the run ends with it, the lease brings it back
            self._broken = failure
            return False

    async def _put_aside(self, job: Leased, error: Exception) -> None:
        try:
            await fault(job.account, job.invitation, job.attempt, error)
        except Exception as failure:  # noqa: BLE001 - the run ends with it, the lease brings it back
            self._broken = failure

    async def _sent(self, sender: Sender, outgoing: Outgoing, following: Outgoing | None) -> bool:
        """Send one mail; False if the server wants no more of this connection, but of others."""
        try:
            opened = await sender.send(outgoing, following)
        except SendError as error:
            return self._refused(outgoing.job, error)
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


def _account(job: Leased) -> int:
    return job.account
