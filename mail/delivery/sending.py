"""Sending what was claimed over one connection, each mail in phases."""

import asyncio
from typing import Final

import structlog
from msgspec import Struct

from mail.config import MailConfig
from mail.delivery.breakers import Opened
from mail.delivery.checkpoint import Checkpoint
from mail.delivery.errors import SendError
from mail.delivery.leasing import Leased
from mail.delivery.letters import Letter
from mail.delivery.outcomes import first_outcome
from mail.delivery.server import SmtpServer
from mail.delivery.setbacks import record
from mail.delivery.smtp import Envelope, SmtpConnection

LOG: Final = structlog.stdlib.get_logger("retour.delivery")
#: Seconds for a goodbye that nobody waits for.
_GOODBYE: Final = 5.0


class Outgoing(Struct, frozen=True):
    """A leased invitation and its mail."""

    job: Leased
    letter: Letter


class Sender:
    """One connection's work: mail after mail, with as few dialogues as the server allows."""

    def __init__(self, config: MailConfig, server: SmtpServer, checkpoint: Checkpoint) -> None:
        self._config = config
        self._server = server
        self._checkpoint = checkpoint
        self._connection: SmtpConnection | None = None

    @property
    def connected(self) -> bool:
        """Whether the server has let this one in, and still does."""
        return self._connection is not None and self._connection.usable

    async def send(self, outgoing: Outgoing, following: Outgoing | None) -> Opened | None:
        """Send one mail and record what came of it; the breaker behind which it waits now, if any.

        `following` has to be the next.

        :raises SendError: of the server, before anything was said of the mail; the lease is
            still ours.
        :raises OSError, asyncpg.PostgresError: what came of it could not be recorded.
        """
        try:
            await self._in_phases(outgoing, following)
        except SendError as error:
            outcome = first_outcome(error)
            if outcome.rest:
                raise
            LOG.info("mail not taken", phase=error.phase, code=error.code, reply=error.words)
            if outcome.opens:
                await self._checkpoint.settle()
            return await record(self._config, outgoing.job, error)
        return None

    async def close(self) -> None:
        """Say goodbye."""
        if self._connection is not None and self._connection.usable:
            await self._connection.quit(self._deadline(_GOODBYE))

    def drop(self) -> None:
        """Leave without a word, whatever is under way."""
        if self._connection is not None:
            self._connection.close()

    async def _in_phases(self, outgoing: Outgoing, following: Outgoing | None) -> None:
        job, letter = outgoing.job, outgoing.letter
        deadline = self._deadline(self._config.smtp_timeout)
        connection = await self._offered(letter.envelope, deadline)
        if not await self._checkpoint.content(job):
            connection.close()  # whoever took the claim back, or over, decides
            return
        next_envelope = None if following is None else following.letter.envelope
        await connection.content(letter.octets, deadline, next_envelope)
        self._checkpoint.sent(job)

    async def _offered(self, envelope: Envelope, deadline: float) -> SmtpConnection:
        """The connection on which the server waits for the content.

        A server may leave between two mails; that is no fault of the second.
        """
        if self._connection is not None and self._connection.usable:
            try:
                await self._connection.offer(envelope, deadline)
            except SendError as error:
                if not error.farewell or deadline <= self._deadline(0):
                    raise
            else:
                return self._connection
        self._connection = await SmtpConnection.open(self._server, deadline, self._config.our_name)
        await self._connection.offer(envelope, deadline)
        return self._connection

    @staticmethod
    def _deadline(seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds
