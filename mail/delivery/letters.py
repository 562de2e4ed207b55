"""The mail of each job: templates compiled once per campaign version and language."""

from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from mail.config import MailConfig
from mail.delivery.claiming import Job
from mail.letter.headers import deliverable
from mail.letter.template import LetterTemplate, Origin, Recipient, compile_letter, gettext_of
from mail.letter.wording import greeting, visit
from sync import tokens

_read_names: Final = msgspec.json.Decoder(dict[str, str]).decode


class Letter(Struct, frozen=True):
    """A mail as it travels, and its envelope."""

    sender: str
    recipient: str
    octets: bytes


class Letters:
    """Compiled templates, kept for as long as a worker lives."""

    def __init__(self, config: MailConfig) -> None:
        self._origin = Origin(config.origin, config.mail_from)
        self._templates: dict[tuple[UUID, int, str, str], LetterTemplate] = {}

    def of(self, job: Job) -> Letter:
        """The mail of `job`: the same bytes at every attempt."""
        recipient = deliverable(job.sending.typed)
        sender = job.definition.message.sender_address or self._origin.sender
        filled = self._template(job).fill(self._recipient(job, recipient))
        return Letter(sender, recipient, filled)

    def _template(self, job: Job) -> LetterTemplate:
        language = job.sending.language
        key = (job.candidate.campaign, job.candidate.version, language, job.fallback)
        found = self._templates.get(key)
        if found is None:
            found = compile_letter(job.definition, self._origin, language, job.fallback)
            self._templates[key] = found
        return found

    def _recipient(self, job: Job, address: str) -> Recipient:
        seen, language = job.candidate.visit, job.sending.language
        gettext = gettext_of(language)
        names = _read_names(seen.type_names)
        day = seen.moment.astimezone(ZoneInfo(job.zone)).date()
        kind = names.get(language[:2]) or seen.type_name
        return Recipient(
            address=address,
            message_id=job.sending.message_id,
            date=job.first_tried_at,
            survey=tokens.write(job.account, job.sending.tokens.survey),
            unsubscribe=tokens.write(job.account, job.sending.tokens.unsubscribe),
            greeting=greeting(seen.customer, gettext),
            visit=visit(kind, day, language, gettext),
            place=seen.place or "",
        )
