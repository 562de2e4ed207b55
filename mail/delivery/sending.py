"""Sending what was claimed, over several connections, each mail in phases."""

import asyncio
from typing import Final

import structlog

from mail.config import MailConfig
from mail.delivery import setbacks
from mail.delivery.claiming import Job
from mail.delivery.errors import SendError
from mail.delivery.letters import Letters
from mail.delivery.marks import Mark, Marks, Step
from mail.delivery.server import SmtpServer
from mail.delivery.smtp import SmtpConnection

LOG: Final = structlog.stdlib.get_logger("retour.delivery")
#: Seconds for a goodbye that nobody waits for.
_GOODBYE: Final = 5.0


class Sender:
    """One connection's work: job after job, with as few dialogues as the server allows."""

    def __init__(
        self, config: MailConfig, server: SmtpServer, marks: Marks, letters: Letters
    ) -> None:
        self._config = config
        self._server = server
        self._marks = marks
        self._letters = letters
        self._connection: SmtpConnection | None = None

    async def send(self, job: Job) -> None:
        """Send one mail and record what came of it.

        :raises SendError: of the server, before anything was said of the mail; the lease is
            still ours.
        """
        try:
            await self._in_phases(job)
        except SendError as error:
            if error.of_server:
                raise
            LOG.info("mail not taken", phase=error.phase, code=error.code)
            await self._record(job, error)

    async def close(self) -> None:
        """Say goodbye."""
        if self._connection is not None and self._connection.usable:
            await self._connection.quit(self._deadline(_GOODBYE))

    async def _in_phases(self, job: Job) -> None:
        deadline = self._deadline(self._config.smtp_timeout)
        letter = self._letters.of(job)
        connection = await self._connected(deadline)
        await connection.envelope(letter.sender, letter.recipient, deadline)
        if not await self._marks.set(_mark(job, Step.CONTENT)):
            return  # the lease was lost: whoever has it now sends
        await connection.content(letter.octets, deadline)
        await self._marks.set(_mark(job, Step.SENT))

    async def _connected(self, deadline: float) -> SmtpConnection:
        if self._connection is None or not self._connection.usable:
            self._connection = await SmtpConnection.open(self._server, deadline)
        return self._connection

    async def _record(self, job: Job, error: SendError) -> None:
        if error.uncertain:
            await setbacks.in_doubt(self._config, job, error)
        elif error.permanent:
            await setbacks.give_up(job, error)
        else:
            await setbacks.put_off(job, error)

    @staticmethod
    def _deadline(seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds


def _mark(job: Job, step: Step) -> Mark:
    one = job.candidate
    return Mark(job.account, one.invitation, job.attempt, step, one.release, job.campaign.deadline)
