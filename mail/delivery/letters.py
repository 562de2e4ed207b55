"""The mail of each job: templates compiled once per campaign version and language."""

from collections import OrderedDict
from datetime import date
from functools import lru_cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from mail.config import MailConfig
from mail.delivery.due import Visit
from mail.delivery.leasing import Leased
from mail.delivery.smtp import Envelope
from mail.i18n import text_in
from mail.letter.template import LetterTemplate, Origin, Recipient, compile_letter
from mail.letter.wording import greeting, visit
from sync import tokens
from sync.plain import in_one_line

_read_names: Final = msgspec.json.Decoder(dict[str, str]).decode

#: Versions never change, so a process keeps what it compiled: about 40 KiB each.
_TEMPLATES_KEPT: Final = 512
_templates: OrderedDict[tuple[Origin, UUID, int, str, str, bool], LetterTemplate] = OrderedDict()


class Letter(Struct, frozen=True):
    """The mail of `job` as it travels, but for the dot at its end, and its envelope."""

    job: Leased
    envelope: Envelope
    octets: bytes


def letter_of(config: MailConfig, job: Leased) -> Letter:
    """The mail of `job`: the same bytes at every attempt.

    :raises ValueError: an address in it is none.
    """
    sending, seen = job.sending, job.candidate.visit
    # The local part as it was typed, the domain in punycode.
    address = f"{sending.typed.partition('@')[0]}@{sending.address.rpartition('@')[2]}"
    recipient = Recipient(
        address=address,
        message_id=sending.message_id,
        date=job.first_tried_at,
        survey=tokens.write(job.account, sending.tokens.survey),
        unsubscribe=tokens.write(job.account, sending.tokens.unsubscribe),
        greeting=greeting(job.candidate.customer, sending.language),
        visit="" if seen is None else _visit_of(job, seen),
        place="" if seen is None else in_one_line(seen.place),
    )
    return Letter(job, Envelope(job.sender, address), _template(config, job).fill(recipient))


def _visit_of(job: Leased, seen: Visit) -> str:
    day = job.visited_at.astimezone(ZoneInfo(job.zone)).date()
    return _visit(seen.type_name, seen.type_names, day, job.sending.language)


@lru_cache(maxsize=1024)
def _visit(name: str, names: str, day: date, language: str) -> str:
    """Of many mails the same."""
    kind = text_in(_read_names(names), language, otherwise=name)
    return visit(kind, day, language)


def _template(config: MailConfig, job: Leased) -> LetterTemplate:
    one, language = job.candidate, job.sending.language
    origin = Origin(config.origin, config.mail_from)
    visited = one.visit is not None
    key = (origin, one.campaign, one.version, language, job.fallback, visited)
    found = _templates.get(key)
    if found is None:
        found = compile_letter(job.content, origin, language, job.fallback, visited=visited)
    _templates[key] = found
    _templates.move_to_end(key)
    if len(_templates) > _TEMPLATES_KEPT:
        _templates.popitem(last=False)
    return found
