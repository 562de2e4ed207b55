"""A session: mails are written and sent one after the other, on as few connections as possible."""

import asyncio
from collections import OrderedDict
from typing import Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from mail.campaigns.sender import SenderIdentity
from mail.config import MailConfig
from mail.delivery import retry
from mail.delivery.breakers import Opened
from mail.delivery.outcomes import first_outcome
from mail.delivery.stages import Leased
from mail.message.template import LetterTemplate, Origin, Recipient, compile_letter
from mail.message.wording import greeting, reminder, visit
from mail.sending.progress import ProgressWriter
from mail.smtp.client import Envelope, SmtpConnection
from mail.smtp.replies import SendError
from rules.timing import visited_at
from sync import tokens
from sync.validation import in_one_line

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Seconds for QUIT and its reply.
_QUIT_TIMEOUT: Final = 5.0
#: Versions never change, so compiled templates are cached: about 40 KiB each.
_MAX_TEMPLATES: Final = 512
#: Besides the version: the language, the account's, whether about a visit, whether a reminder, and
#: who sends it.
TemplateKey: TypeAlias = tuple[Origin, UUID, int, str, str, bool, bool, SenderIdentity]
_templates: OrderedDict[TemplateKey, LetterTemplate] = OrderedDict()


class Letter(Struct, frozen=True):
    """The mail of `job` as SMTP carries it, without the dot at its end, and its envelope."""

    job: Leased
    envelope: Envelope
    octets: bytes


class Session:
    """Sends mails over one connection, and over another when the server closes that."""

    def __init__(self, config: MailConfig, progress: ProgressWriter) -> None:
        self._config = config
        self._progress = progress
        self._connection: SmtpConnection | None = None

    @property
    def connected(self) -> bool:
        """Whether its connection is open and usable."""
        return self._connection is not None and self._connection.usable

    async def send(self, letter: Letter, following: Letter | None) -> Opened | None:
        """Send one mail and record its outcome; return the breaker that it waits for now, if any.

        `following`: the mail that is sent next.

        :raises SendError: the server accepts no mail at all; this one is still leased.
        :raises OSError, asyncpg.PostgresError: the outcome could not be recorded.
        """
        job = letter.job
        deadline = asyncio.get_running_loop().time() + self._config.smtp_timeout
        try:
            connection = await self._offer(letter.envelope, deadline)
            if not await self._progress.mark_content(job):
                connection.close()  # it was recalled, or another worker leased it
                return None
            announced = None if following is None else following.envelope
            await connection.content(letter.octets, deadline, announced)
            self._progress.add_sent(job)
        except SendError as error:
            outcome = first_outcome(error)
            if outcome.pause:
                raise
            LOG.info("mail not taken", phase=error.phase, code=error.code, reply=error.words)
            if outcome.opens:
                await self._progress.settle()
            return await retry.record(self._config, job, error)
        return None

    async def close(self) -> None:
        """Close the connection with QUIT."""
        if self._connection is not None and self._connection.usable:
            await self._connection.quit(asyncio.get_running_loop().time() + _QUIT_TIMEOUT)

    def drop(self) -> None:
        """Close the connection at once, whatever is under way."""
        if self._connection is not None:
            self._connection.close()

    async def _offer(self, envelope: Envelope, deadline: float) -> SmtpConnection:
        """Return the connection on which the server waits for the content.

        A server may close a connection between two mails: the second is offered on a new one.
        """
        if self._connection is not None and self._connection.usable:
            try:
                await self._connection.offer(envelope, deadline)
            except SendError as error:
                if not error.is_closing or deadline <= asyncio.get_running_loop().time():
                    raise
            else:
                return self._connection
        name = self._config.smtp_name
        self._connection = await SmtpConnection.open(self._config.smtp, deadline, name)
        await self._connection.offer(envelope, deadline)
        return self._connection


def letter_of(config: MailConfig, job: Leased) -> Letter:
    """Return the mail of `job`: the same bytes at every attempt with the same release of Retour.

    But for who sends it, which is what the account says at the time.

    :raises ValueError: an address in it is not valid.
    """
    octets = write_letter(Origin(config.origin, config.mail_from), job)
    return Letter(job, Envelope(job.version.sender, _address(job)), octets)


def write_letter(origin: Origin, job: Leased) -> bytes:
    """Return the mail of `job` as SMTP carries it, without the dot at its end.

    :raises ValueError: as `letter_of`.
    """
    sending, candidate = job.sending, job.candidate
    seen, visit_text, reminder_text, replies_to = candidate.visit, "", "", ""
    zone = ZoneInfo(job.zone)
    if seen is not None:
        rules = job.version.rules
        delay = None if candidate.manual or rules.in_working_hours else rules.delay
        day = visited_at(seen.moment, candidate.due, delay).astimezone(zone).date()
        visit_text = visit(seen.type_name, seen.type_names, day, sending.language)
    if candidate.is_reminder and candidate.sent_at is not None:
        had_first = sending.address == candidate.first_address
        sent_on = candidate.sent_at.astimezone(zone).date() if had_first else None
        reminder_text = reminder(sent_on, sending.language)
        replies_to = (candidate.first_message_id or "") if had_first else ""
    recipient = Recipient(
        address=_address(job),
        message_id=sending.message_id,
        date=job.first_tried_at,
        survey=tokens.write(job.account, sending.secret),
        unsubscribe=tokens.write(job.account, tokens.digest(sending.secret)),
        greeting=greeting(candidate.customer, sending.language),
        visit=visit_text,
        place="" if seen is None else in_one_line(seen.place),
        reminder=reminder_text,
        replies_to=replies_to,
    )
    return _template(origin, job).fill(recipient)


def _address(job: Leased) -> str:
    """Return the recipient: the local part as it was typed, the domain in punycode."""
    sending = job.sending
    return f"{sending.typed.partition('@')[0]}@{sending.address.rpartition('@')[2]}"


def _template(origin: Origin, job: Leased) -> LetterTemplate:
    candidate, language = job.candidate, job.sending.language
    visited, reminds = candidate.visit is not None, candidate.is_reminder
    identity = job.version.identity
    version = candidate.campaign, candidate.version
    key = (origin, *version, language, job.fallback, visited, reminds, identity)
    found = _templates.get(key)
    if found is None:
        content = job.version.content
        found = compile_letter(
            content,
            origin,
            language,
            job.fallback,
            visited=visited,
            reminds=reminds,
            identity=identity,
        )
    _templates[key] = found
    _templates.move_to_end(key)
    if len(_templates) > _MAX_TEMPLATES:
        _templates.popitem(last=False)
    return found
