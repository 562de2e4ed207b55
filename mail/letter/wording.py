"""What a campaign's mail says in one language, ready for the templates."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from babel.dates import format_date
from msgspec import Struct

from mail.definition import BEST_RATING, Content, in_language
from mail.i18n import DEFAULT, supported

_END_OF_LINE: Final = re.compile(r"\r\n?|\n")
Gettext = Callable[[str], str]


class Wording(Struct, frozen=True):
    """Texts of a mail. `body`, `information`: paragraphs. `words`: by rating, said in full."""

    title: str
    subject: str
    sender: str
    body: Sequence[str]
    question: str
    low: str
    high: str
    words: dict[int, str]
    information: Sequence[str]
    privacy_url: str | None


@lru_cache(maxsize=256)
def locale_of(*languages: str | None) -> str:
    """The locale of the first language that has one ("fr", "fr_CA", "fr-CA"), else French."""
    return next(filter(None, map(supported, languages)), DEFAULT)


def wording(content: Content, gettext: Gettext, *languages: str) -> Wording:
    """What `content` says in the first of `languages` that it has."""
    message, question = content.message, content.lead
    low, high = in_language(question.low, *languages), in_language(question.high, *languages)
    information = in_language(content.information, *languages)
    return Wording(
        title=in_language(message.title, *languages),
        subject=in_language(message.subject, *languages),
        sender=message.sender_name,
        body=paragraphs(in_language(message.body, *languages)),
        question=in_language(question.text, *languages),
        low=low,
        high=high,
        words=_in_words(low, high, gettext),
        information=paragraphs(information)
        or [gettext("Your answers are used only to improve our service.")],
        privacy_url=content.privacy_url,
    )


def paragraphs(text: str) -> list[str]:
    """The lines of `text` that are not blank, as they were typed."""
    return [line for line in _END_OF_LINE.split(text) if line.strip(" \t")]


def greeting(name: str | None, gettext: Gettext) -> str:
    """How the mail begins."""
    known = one_line(name or "")
    return gettext("Hello %(name)s,") % {"name": known} if known else gettext("Hello,")


def visit(kind: str, day: date, locale: str, gettext: Gettext) -> str:
    """What was done, and on which `day` in the location's zone."""
    return gettext("%(kind)s, on %(day)s") % {"kind": one_line(kind), "day": long_day(day, locale)}


@lru_cache(maxsize=1024)
def long_day(day: date, locale: str) -> str:
    """`day` with its weekday; French says "1er" for the first of a month."""
    if locale.startswith("fr"):
        number = "1'er'" if day.day == 1 else "d"
        return format_date(day, f"EEEE {number} MMMM y", locale=locale)
    return format_date(day, "full", locale=locale)


def one_line(text: str) -> str:
    """`text` on one line, whatever separators it holds."""
    return " ".join(text.split())


def _in_words(low: str, high: str, gettext: Gettext) -> dict[int, str]:
    ends = {1: low, BEST_RATING: high}
    said = {}
    for rating in range(1, BEST_RATING + 1):
        text = (
            gettext("%(rating)s out of 5")
            if not ends.get(rating)
            else gettext("%(rating)s out of 5: %(word)s")
        )
        said[rating] = text % {"rating": rating, "word": ends.get(rating, "")}
    return said
