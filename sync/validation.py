"""Checks of texts and moments that any table, page and mail can contain."""

import unicodedata
from datetime import datetime
from typing import Final

from sync.errors import TextError

#: Categories that a line must not contain: controls, line and paragraph separators, surrogates.
_FORBIDDEN: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
#: Controls that change the direction in which the text after them is displayed.
_OVERRIDES: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Categories that are invisible by themselves: formats such as U+200B, blanks, combining marks.
_UNSEEN: Final = frozenset({"Cf", "Zs", "Mn", "Me"}) | _FORBIDDEN
#: Blank all the same, though letters or symbols by category: Hangul fillers, empty Braille cell.
_BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")

#: "n/a", "S.O.", "<none>" and the like, reduced to letters and digits.
_NOTHING: Final = frozenset(
    ("na", "nd", "so", "nil", "none", "null", "no", "non", "aucun", "aucune", "x", "xx", "xxx", "0")
)

FIRST_YEAR: Final = 2
LAST_YEAR: Final = 9998


def is_line(text: str) -> bool:
    """Return whether `text` is one line without control characters, those of direction included."""
    return not any(
        letter in _OVERRIDES or unicodedata.category(letter) in _FORBIDDEN for letter in text
    )


def is_visible(text: str) -> bool:
    """Return whether any character of `text` is visible."""
    return any(
        letter not in _BLANKS and unicodedata.category(letter) not in _UNSEEN for letter in text
    )


def in_one_line(text: str | None) -> str:
    """Return the lines of `text` joined by commas; empty for None."""
    lines = (line.strip().rstrip(",") for line in (text or "").splitlines())
    return ", ".join(filter(None, lines))


def is_nothing(text: str) -> bool:
    """Return whether `text` is blank or what people and programs write for an empty field."""
    words = "".join(filter(str.isalnum, text)).casefold()
    return "@" not in text and (not words or words in _NOTHING)


def check_line(field: str, text: str) -> None:
    """Check that `text` can be a name.

    :raises ValueError: it is invisible, or not one line without control characters.
    """
    if not is_visible(text) or not is_line(text):
        raise ValueError(f"`{field}` must be one visible line without control characters")


def read_reason(text: str) -> str:
    """Return the reason that somebody gave in the field `reason`, without spaces around it.

    :raises TextError: it is invisible, or not one line without control characters.
    """
    if not is_visible(text) or not is_line(text):
        raise TextError("reason", "must be one visible line without control characters")
    return text.strip()


def check_moment(moment: datetime) -> None:
    """Check that `moment` is in the range of datetime in any time zone.

    :raises ValueError: its year is not in `FIRST_YEAR` to `LAST_YEAR`.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
