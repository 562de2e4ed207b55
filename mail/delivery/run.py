"""Delivering: claim what is due, chunk by chunk, while the chunk before is being sent."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import asyncpg
import structlog

from mail.config import MailConfig
from mail.delivery import setbacks
from mail.delivery.claiming import Job, claim
from mail.delivery.errors import SendError
from mail.delivery.letters import Letters
from mail.delivery.marks import Marks
from mail.delivery.sending import Sender
from mail.delivery.server import parse_server
from sync.database import tx

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Invitations decided in one transaction, and how many one run takes on at most.
CHUNK: Final = 200
RUN: Final = 4000

#: Overdue leases count as due: what a dead worker left is taken back.
_ACCOUNTS: Final = """
SELECT DISTINCT account FROM (
  (SELECT account FROM outbox WHERE phase = 'waiting' AND not_before <= $1
   ORDER BY not_before LIMIT 5000)
  UNION ALL
  (SELECT account FROM outbox WHERE phase IN ('claimed', 'data') AND lease_until <= $1
   ORDER BY lease_until LIMIT 5000)) AS due
ORDER BY account
"""


async def deliver_due(config: MailConfig) -> int:
    """Decide what is due and send what may go; how many invitations were due.

    What the server refuses altogether is kept for later.

    :raises OSError, asyncpg.PostgresError: the database cannot be used; leases bring back what
        was under way.
    """
    async with tx() as opened:
        accounts = [row["account"] for row in await opened.fetch(_ACCOUNTS, opened.now)]
    if not accounts:
        return 0
    post = Post(config)
    try:
        return await _through(config, accounts, post)
    finally:
        await post.finish()
        for account in accounts:
            await setbacks.wake(account)


async def _through(config: MailConfig, accounts: Sequence[int], post: "Post") -> int:
    found = 0
    for account in accounts:
        await setbacks.recover(config, account)
        while found < RUN and not post.stopped:
            chunk = await claim(config, account, CHUNK)
            if not chunk.found:
                break
            found += chunk.found
            await post.take(chunk.jobs)
    return found


class Post:
    """The connections of one run. They open as there is work, and all stop at a failure.

    A mail is begun only if it can end within the actor's time: a cut one would be in doubt.
    """

    def __init__(self, config: MailConfig) -> None:
        self._config = config
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue(maxsize=CHUNK)
        self._letters = Letters(config)
        self._marks = Marks()
        self._server = parse_server(config.smtp_url)
        self._tasks: list[asyncio.Task[None]] = []
        self._unsent: list[Job] = []
        self._failure: SendError | None = None
        self._broken: Exception | None = None
        loop = asyncio.get_running_loop()
        self._last_start = loop.time() + config.actor_timeout - config.smtp_timeout

    @property
    def stopped(self) -> bool:
        """Whether nothing more is begun."""
        late = asyncio.get_running_loop().time() >= self._last_start
        return late or self._failure is not None or self._broken is not None

    async def take(self, jobs: Sequence[Job]) -> None:
        """Hand `jobs` to the connections, and wait while they are behind."""
        for job in jobs:
            if len(self._tasks) < self._config.smtp_connections:
                self._tasks.append(asyncio.create_task(self._work()))
            await self._jobs.put(job)

    async def finish(self) -> None:
        """Wait for what was taken; what could not be begun is given back.

        :raises OSError, asyncpg.PostgresError: an outcome could not be written.
        """
        for _ in self._tasks:
            await self._jobs.put(None)
        await asyncio.gather(*self._tasks)
        by_account = attrgetter("account")
        for account, jobs in groupby(sorted(self._unsent, key=by_account), key=by_account):
            await setbacks.give_back(account, list(jobs), self._failure)
        if self._broken is not None:
            raise self._broken

    async def _work(self) -> None:
        sender = Sender(self._config, self._server, self._marks, self._letters)
        while (job := await self._jobs.get()) is not None:
            if self.stopped:
                self._unsent.append(job)
            else:
                await self._send(sender, job)
        await sender.close()

    async def _send(self, sender: Sender, job: Job) -> None:
        try:
            await sender.send(job)
        except SendError as error:
            LOG.warning("the mail server takes nothing", phase=error.phase, code=error.code)
            self._failure = error
            self._unsent.append(job)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            LOG.warning("an outcome could not be written", error=type(error).__name__)
            self._broken = error
        except Exception as error:  # a mail that cannot be made must not stop its neighbours
            LOG.exception("a mail could not be made", attempt=job.attempt)
            await setbacks.set_aside(job, error)
