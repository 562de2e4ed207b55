"""Text and moments that every table, page and mail can hold."""

import unicodedata
from datetime import datetime
from typing import Final

#: Line and paragraph separators, controls, halves of surrogate pairs: none belongs in a line.
_FORBIDDEN: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})

FIRST_YEAR: Final = 2
LAST_YEAR: Final = 9998


def is_line(text: str) -> bool:
    """Whether `text` is one line without control characters."""
    return not any(unicodedata.category(letter) in _FORBIDDEN for letter in text)


def check_line(field: str, text: str) -> None:
    """Refuse what is no line to call something by.

    :raises ValueError: blank, or not one line without control characters.
    """
    if not text.strip() or not is_line(text):
        raise ValueError(f"`{field}` must be one line without control characters")


def check_moment(moment: datetime) -> None:
    """Refuse years that time zones would carry out of what a datetime holds.

    :raises ValueError: outside `FIRST_YEAR` to `LAST_YEAR`.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
