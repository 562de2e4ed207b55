"""What prevents a campaign from being saved, found before anything is stored."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from mail.campaigns.criteria import Company, CriteriaNamed
from mail.campaigns.definition import Definition, to_rules
from mail.campaigns.look import Gradient, Icons, is_colour
from mail.campaigns.problem import Problem
from mail.campaigns.question_validation import check_questions
from mail.campaigns.questions import Lead
from mail.campaigns.texts import Language
from rules.address import normal_form
from rules.campaign import Status
from rules.campaign import validate as validate_rules
from rules.timing import DelayError, parse_delay
from sync.validation import is_line, is_visible

#: Not allowed in texts of several lines: control characters but tab and line feed.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def check(definition: Definition) -> list[Problem]:
    """Return everything that prevents `definition` from being saved."""
    problems = []
    for field, delay in (("delay", definition.delay), ("mute", definition.mute)):
        try:
            parse_delay("00:00:00" if delay is None else delay)
        except DelayError:
            problems.append(Problem("not_a_delay", field))
    if not problems:
        company = Company("UTC", {})
        rules = to_rules(UUID(int=0), 1, definition, Status.DRAFT, None, (), company)
        problems += [Problem(found.code.value, found.field) for found in validate_rules(rules)]
    problems += check_questions(definition)
    problems += _check_criteria(definition.criteria)
    problems += _check_look(definition.lead)
    return [*problems, *_check_texts(definition), *_check_addresses(definition)]


def _check_criteria(criteria: CriteriaNamed) -> Iterator[Problem]:
    """Values that no task can have, because it is stored without them."""
    for name in ("priorities", "reasons", "channels", "tags", "customer_tags"):
        for index, value in enumerate(getattr(criteria, name)):
            field = f"criteria.{name}.{index}"
            if not is_visible(value):
                yield Problem("required", field)
            elif not is_line(value):
                yield Problem("forbidden_characters", field)
            elif value != value.strip():
                yield Problem("blanks_around", field)


def _check_look(lead: Lead) -> Iterator[Problem]:
    """Too few or too many icons or colours for the scale, and what is no colour."""
    match lead.look:
        case Icons(icons=icons) if len(icons) != len(lead.scale.values):
            yield Problem("not_an_icon_each", "question.look.icons")
        case Gradient(colours=colours):
            if len(colours) < 2:
                yield Problem("too_few_colours", "question.look.colours")
            for index, colour in enumerate(colours):
                if not is_colour(colour):
                    yield Problem("not_a_colour", f"question.look.colours.{index}")


def _check_texts(definition: Definition) -> Iterator[Problem]:
    message = definition.message
    required: dict[str, Mapping[Language, str]] = {
        "message.subject": message.subject,
        "message.title": message.title,
        "message.body": message.body,
    }
    for field, texts in required.items():
        if not any(map(is_visible, texts.values())):
            yield Problem("required", field)
    if not is_visible(message.sender_name):
        yield Problem("required", "message.sender_name")
    if not is_line(message.sender_name):
        yield Problem("forbidden_characters", "message.sender_name")
    page = definition.page
    paragraphs = {
        "message.body": message.body,
        "information": definition.information,
        "page.intro": page.intro,
        **{f"page.thanks.{sentiment}": texts for sentiment, texts in page.thanks.items()},
    }
    for field, texts in (required | paragraphs).items():
        several_lines = field in paragraphs
        for language, text in texts.items():
            if _CONTROLS.search(text) if several_lines else not is_line(text):
                yield Problem("forbidden_characters", f"{field}.{language}")


def _check_addresses(definition: Definition) -> Iterator[Problem]:
    message, link = definition.message, definition.privacy_url
    addresses = {"sender_address": message.sender_address, "reply_to": message.reply_to}
    for field, typed in addresses.items():
        if typed is not None and normal_form(typed) is None:
            yield Problem("not_an_address", f"message.{field}")
    redirect = definition.page.redirect_url
    if link is not None and not _is_link(link, "https", "http"):
        yield Problem("not_a_link", "privacy_url")
    if redirect is not None and not (redirect.isascii() and _is_link(redirect, "https")):
        yield Problem("not_a_secure_link", "page.redirect_url")


def _is_link(text: str, *schemes: str) -> bool:
    """Whether a browser can follow `text` as it is written."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname) and is_line(text) and " " not in text
