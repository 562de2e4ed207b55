"""The mail of each job: templates compiled once per campaign version and language."""

from collections import OrderedDict
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from mail.config import MailConfig
from mail.delivery.leasing import Leased, sender_of
from mail.delivery.smtp import Envelope
from mail.letter.headers import sendable
from mail.letter.template import LetterTemplate, Origin, Recipient, compile_letter, gettext_of
from mail.letter.wording import greeting, visit
from sync import tokens
from sync.languages import text_in
from sync.plain import in_one_line

_read_names: Final = msgspec.json.Decoder(dict[str, str]).decode

#: Versions never change, so a process keeps what it compiled: about 40 KiB each.
_TEMPLATES_KEPT: Final = 512
_templates: OrderedDict[tuple[Origin, UUID, int, str, str], LetterTemplate] = OrderedDict()


class Letter(Struct, frozen=True):
    """A mail as it travels, and its envelope."""

    envelope: Envelope
    octets: bytes


def letter_of(config: MailConfig, job: Leased) -> Letter:
    """The mail of `job`: the same bytes at every attempt.

    :raises ValueError: an address in it is none.
    """
    sender = sender_of(config, job.content)
    recipient = _recipient(job)
    envelope = Envelope(sendable(sender), recipient.address)
    return Letter(envelope, _template(config, job).fill(recipient))


def _template(config: MailConfig, job: Leased) -> LetterTemplate:
    one, language = job.candidate, job.sending.language
    origin = Origin(config.origin, config.mail_from)
    key = (origin, one.campaign, one.version, language, job.fallback)
    found = _templates.get(key)
    if found is None:
        found = compile_letter(job.content, origin, language, job.fallback)
    _templates[key] = found
    _templates.move_to_end(key)
    if len(_templates) > _TEMPLATES_KEPT:
        _templates.popitem(last=False)
    return found


def _recipient(job: Leased) -> Recipient:
    seen, language = job.candidate.visit, job.sending.language
    gettext = gettext_of(language)
    names = _read_names(seen.type_names)
    day = job.visited_at.astimezone(ZoneInfo(job.zone)).date()
    kind = text_in(names, language) or seen.type_name
    return Recipient(
        address=_deliverable(job.sending.typed, job.sending.address),
        message_id=job.sending.message_id,
        date=job.first_tried_at,
        survey=tokens.write(job.account, job.sending.tokens.survey),
        unsubscribe=tokens.write(job.account, job.sending.tokens.unsubscribe),
        greeting=greeting(seen.customer, gettext),
        visit=visit(kind, day, language, gettext),
        place=in_one_line(seen.place),
    )


def _deliverable(typed: str, normal: str) -> str:
    """The local part as it was typed, the domain in punycode."""
    return f"{typed.partition('@')[0]}@{normal.rpartition('@')[2]}"
