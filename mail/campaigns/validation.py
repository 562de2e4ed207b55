"""What keeps a campaign from being saved, found before anything is stored."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct

from mail.campaigns.definition import Definition, Language, Message, to_rules
from rules.address import normal_form
from rules.campaign import Status
from rules.campaign import validate as validate_rules
from rules.timing import DelayError, parse_delay
from sync.validation import is_line, is_visible

#: Of longer texts: a new line is allowed.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Problem(Struct, frozen=True):
    """One refusal: `code` is a key of `mail.wording.PROBLEMS`, `field` a dotted path."""

    code: str
    field: str


def check(definition: Definition) -> list[Problem]:
    """Return everything that keeps `definition` from being saved; empty when it may be."""
    delays = list(_of_delays(definition))
    return [
        *(delays or _of_rules(definition)),
        *_of_texts(definition),
        *_of_reasons(definition),
        *_of_addresses(definition.message),
        *_of_privacy(definition.privacy_url),
    ]


def _of_delays(definition: Definition) -> Iterator[Problem]:
    for field, text in (("delay", definition.delay), ("mute", definition.mute)):
        try:
            parse_delay("00:00:00" if text is None else text)
        except DelayError:
            yield Problem("not_a_delay", field)


def _of_rules(definition: Definition) -> Iterator[Problem]:
    for found in validate_rules(to_rules(UUID(int=0), 1, definition, Status.DRAFT, None, ())):
        yield Problem(found.code.value, found.field)


def _of_texts(definition: Definition) -> Iterator[Problem]:
    question, message = definition.question, definition.message
    required: dict[str, Mapping[Language, str]] = {
        "question.text": question.text,
        "message.subject": message.subject,
        "message.title": message.title,
        "message.body": message.body,
    }
    for field, texts in required.items():
        if not any(map(is_visible, texts.values())):
            yield Problem("required", field)
    if not is_visible(message.sender_name):
        yield Problem("required", "message.sender_name")
    yield from _of_letters(definition)


def _of_letters(definition: Definition) -> Iterator[Problem]:
    question, message = definition.question, definition.message
    single: dict[str, Mapping[Language, str]] = {
        "question.text": question.text,
        "question.low": question.low,
        "question.high": question.high,
        "message.subject": message.subject,
        "message.title": message.title,
    }
    several = {"message.body": message.body, "information": definition.information}
    if not is_line(message.sender_name):
        yield Problem("forbidden_characters", "message.sender_name")
    for is_allowed, fields in ((is_line, single), (_is_prose, several)):
        for field, texts in fields.items():
            for language, text in texts.items():
                if not is_allowed(text):
                    yield Problem("forbidden_characters", f"{field}.{language}")


def _is_prose(text: str) -> bool:
    return not _CONTROLS.search(text)


def _of_reasons(definition: Definition) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, reason in enumerate(definition.reasons):
        if reason.code in seen:
            yield Problem("repeated", f"reasons.{place}.code")
        seen.add(reason.code)
        texts = reason.label.values()
        if not any(map(is_visible, texts)):
            yield Problem("required", f"reasons.{place}.label")
        if not all(map(is_line, texts)):
            yield Problem("forbidden_characters", f"reasons.{place}.label")


def _of_addresses(message: Message) -> Iterator[Problem]:
    addresses = {"sender_address": message.sender_address, "reply_to": message.reply_to}
    for field, typed in addresses.items():
        if typed is not None and normal_form(typed) is None:
            yield Problem("not_an_address", f"message.{field}")


def _of_privacy(link: str | None) -> Iterator[Problem]:
    if link is None:
        return
    try:
        parts = urlsplit(link)
    except ValueError:
        parts = urlsplit("")
    sound = parts.scheme in ("https", "http") and bool(parts.hostname)
    if not sound or not is_line(link) or " " in link:
        yield Problem("not_a_link", "privacy_url")
