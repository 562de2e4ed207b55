"""Mail after mail is written, offered, marked and sent, on as few connections as can be."""

import asyncio
from collections import OrderedDict
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from mail.config import MailConfig
from mail.delivery import retry
from mail.delivery.breakers import Opened
from mail.delivery.outcomes import first_outcome
from mail.delivery.stages import Leased
from mail.message.template import LetterTemplate, Origin, Recipient, compile_letter
from mail.message.wording import greeting, visit
from mail.sending.checkpoint import Checkpoint
from mail.smtp.client import Envelope, SmtpConnection
from mail.smtp.replies import SendError
from sync import tokens
from sync.validation import in_one_line

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Seconds for a goodbye that nobody waits for.
_GOODBYE: Final = 5.0
#: Versions never change, so a process keeps what it compiled: about 40 KiB each.
_TEMPLATES_KEPT: Final = 512
_templates: OrderedDict[tuple[Origin, UUID, int, str, str, bool], LetterTemplate] = OrderedDict()


class Letter(Struct, frozen=True):
    """The mail of `job` as it travels, but for the dot at its end, and its envelope."""

    job: Leased
    envelope: Envelope
    octets: bytes


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
            outcome = first_outcome(error)
            if outcome.rest:
                raise
            LOG.info("mail not taken", phase=error.phase, code=error.code, reply=error.words)
            if outcome.opens:
                await self._checkpoint.settle()
            return await retry.record(self._config, job, error)
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
        name = self._config.smtp_name
        self._connection = await SmtpConnection.open(self._config.smtp, deadline, name)
        await self._connection.offer(envelope, deadline)
        return self._connection


def letter_of(config: MailConfig, job: Leased) -> Letter:
    """The mail of `job`: the same bytes at every attempt, unless Retour was updated between two.

    :raises ValueError: an address in it is none.
    """
    sending, candidate = job.sending, job.candidate
    seen, said = candidate.visit, ""
    if seen is not None:
        moment = candidate.due - job.version.rules.delay
        day = moment.astimezone(ZoneInfo(job.zone)).date()
        said = visit(seen.type_name, seen.type_names, day, sending.language)
    # The local part as it was typed, the domain in punycode.
    address = f"{sending.typed.partition('@')[0]}@{sending.address.rpartition('@')[2]}"
    recipient = Recipient(
        address=address,
        message_id=sending.message_id,
        date=job.first_tried_at,
        survey=tokens.write(job.account, sending.secret),
        unsubscribe=tokens.write(job.account, tokens.digest(sending.secret)),
        greeting=greeting(candidate.customer, sending.language),
        visit=said,
        place="" if seen is None else in_one_line(seen.place),
    )
    octets = _template(config, job).fill(recipient)
    return Letter(job, Envelope(job.version.sender, address), octets)


def _template(config: MailConfig, job: Leased) -> LetterTemplate:
    one, language = job.candidate, job.sending.language
    origin = Origin(config.origin, config.mail_from)
    visited = one.visit is not None
    key = (origin, one.campaign, one.version, language, job.fallback, visited)
    found = _templates.get(key)
    if found is None:
        content = job.version.content
        found = compile_letter(content, origin, language, job.fallback, visited=visited)
    _templates[key] = found
    _templates.move_to_end(key)
    if len(_templates) > _TEMPLATES_KEPT:
        _templates.popitem(last=False)
    return found
