"""Text and moments that every table, page and mail can hold."""

import unicodedata
from datetime import datetime
from typing import Final

#: Line and paragraph separators, controls, halves of surrogate pairs: none belongs in a line.
_FORBIDDEN: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
#: They make what stands after them read in another order, or another way round.
_OVERRIDES: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Nothing is seen of these alone: formats such as U+200B, blanks, marks that stand on a letter.
_UNSEEN: Final = frozenset({"Cf", "Zs", "Mn", "Me"}) | _FORBIDDEN
#: Letters and signs by category that are blank all the same: Hangul fillers, an empty Braille cell.
_BLANKS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")

#: "n/a", "S.O.", "<none>" and the like, by their letters.
_NOTHING: Final = frozenset(
    ("na", "nd", "so", "nil", "none", "null", "no", "non", "aucun", "aucune", "x", "xx", "xxx", "0")
)

FIRST_YEAR: Final = 2
LAST_YEAR: Final = 9998


def is_line(text: str) -> bool:
    """Whether `text` is one line without control characters, those of direction included."""
    return not any(
        letter in _OVERRIDES or unicodedata.category(letter) in _FORBIDDEN for letter in text
    )


def is_visible(text: str) -> bool:
    """Whether anything is seen of `text`."""
    return any(
        letter not in _BLANKS and unicodedata.category(letter) not in _UNSEEN for letter in text
    )


def in_one_line(text: str | None) -> str:
    """The lines of `text` where one is wanted; empty for none."""
    lines = (line.strip().rstrip(",") for line in (text or "").splitlines())
    return ", ".join(filter(None, lines))


def is_nothing(text: str) -> bool:
    """Whether `text` is what people and programs write into a field to say that it is empty."""
    words = "".join(filter(str.isalnum, text)).casefold()
    return "@" not in text and (not words or words in _NOTHING)


def check_line(field: str, text: str) -> None:
    """Refuse what is no line to call something by.

    :raises ValueError: nothing to be seen, or not one line without control characters.
    """
    if not is_visible(text) or not is_line(text):
        raise ValueError(f"`{field}` must be one visible line without control characters")


def check_moment(moment: datetime) -> None:
    """Refuse years that time zones would carry out of what a datetime holds.

    :raises ValueError: outside `FIRST_YEAR` to `LAST_YEAR`.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
