"""The texts of a campaign's mail in one language, for the templates."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec
from babel.dates import format_date
from msgspec import Struct

from mail.campaigns.definition import Content
from mail.campaigns.questions import Lead
from mail.campaigns.scale_ends import ends_of
from mail.campaigns.sender import SenderIdentity
from mail.i18n import text_in, translations
from sync.validation import in_one_line

CATALOGUES: Final = Path(__file__).parent.parent / "locale"
_read_names: Final = msgspec.json.Decoder(dict[str, str]).decode
NO_BREAK: Final = "\u00a0"
_END_OF_LINE: Final = re.compile(r"\r\n?|\n")


class Wording(Struct, frozen=True):
    """Texts of a mail. `words`: descriptions of the ratings.

    `body`, `information`: paragraphs, which are the lines that are not blank.
    """

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


def wording(content: Content, locale: str, fallback: str, *, reminds: bool = False) -> Wording:
    """Return the texts of `content` in `locale`; missing ones are those in `fallback`.

    `reminds`: of a reminder, whose subject says so.
    """
    gettext = translations(locale, CATALOGUES).gettext
    message, question = content.message, content.lead
    low, high = ends_of(question, locale, fallback)
    subject = text_in(message.subject, locale, fallback)
    body, information = (
        [line for line in _END_OF_LINE.split(text_in(texts, locale, fallback)) if line.strip(" \t")]
        for texts in (message.body, content.information)
    )
    return Wording(
        title=text_in(message.title, locale, fallback),
        subject=gettext("Reminder: %(subject)s") % {"subject": subject} if reminds else subject,
        sender=message.sender_name,
        body=body,
        question=text_in(question.text, locale, fallback),
        low=low,
        high=high,
        words=_words(question, low, high, gettext),
        information=information or [gettext("Your answers are used only to improve our service.")],
        privacy_url=content.privacy_url,
    )


def _words(lead: Lead, low: str, high: str, gettext: Callable[[str], str]) -> dict[int, str]:
    """Return what each rating says aloud."""
    scale = lead.scale
    ends = {scale.first: low, scale.last: high}
    if lead.kind == "thumbs":
        return ends
    said = {}
    for rating in scale.values:
        values = {"rating": rating, "last": scale.last, "word": ends.get(rating)}
        text = (
            gettext("%(rating)s out of %(last)s: %(word)s")
            if values["word"]
            else gettext("%(rating)s out of %(last)s")
        )
        said[rating] = text % values
    return said


def imprint(identity: SenderIdentity) -> list[str]:
    """Return the lines by which a mail says who sends it: name and address, and ways to reach it.

    Empty where the account has not said so yet.
    """
    name = (identity.legal_name, in_one_line(identity.postal_address))
    reach = (identity.phone, identity.email, identity.url)
    return [
        line for line in (", ".join(filter(None, name)), " · ".join(filter(None, reach))) if line
    ]


def greeting(name: str | None, locale: str) -> str:
    """Return the first line of the mail."""
    gettext = translations(locale, CATALOGUES).gettext
    known = (name or "").strip()
    return gettext("Hello %(name)s,") % {"name": known} if known else gettext("Hello,")


@lru_cache(maxsize=1024)
def visit(name: str, names: str, day: date, locale: str) -> str:
    """Return what was done and on which `day` (in the location's zone).

    `name`: of the task's type; `names`: a JSON document, by language. Cached, as many mails share
    it.
    """
    kind = text_in(_read_names(names), locale, otherwise=name)
    gettext = translations(locale, CATALOGUES).gettext
    return gettext("%(kind)s, on %(day)s") % {"kind": kind, "day": _day(day, locale)}


@lru_cache(maxsize=64)
def reminder(day: date | None, locale: str) -> str:
    """Return the line that tells on which `day` (in the location's zone) the survey was sent.

    None: not to this address.
    """
    gettext = translations(locale, CATALOGUES).gettext
    if day is None:
        return gettext("This is a reminder: a survey waits for your answer.")
    return gettext("This is a reminder: we sent you this survey on %(day)s.") % {
        "day": _day(day, locale)
    }


def _day(day: date, locale: str) -> str:
    """Return the day in words; "1er" in French. No line breaks within day, month and year."""
    first = day.day == 1 and locale.startswith("fr")
    day_text = format_date(day, "EEEE d'er' MMMM y" if first else "full", locale=locale)
    weekday, _, date_text = day_text.partition(" ")
    return f"{weekday} {date_text.replace(' ', NO_BREAK)}"
