"""The parameters of a list's URL: the search text, and the row after which the page starts."""

from datetime import datetime
from typing import Final
from uuid import UUID

MAX_LENGTH: Final = 200


def search_text(typed: str) -> str:
    """The printable letters of `typed`, at most MAX_LENGTH of them, with plain blanks between."""
    printable = (filter(str.isprintable, word) for word in typed.split())
    return " ".join(filter(None, map("".join, printable)))[:MAX_LENGTH].rstrip()


def pattern(text: str) -> str:
    """The ILIKE pattern of what contains `text` literally; empty for an empty `text`."""
    if not text:
        return ""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def read_after(text: str) -> tuple[datetime, UUID] | None:
    """Moment and id of the last row of the page before; None where `text` is no such pair."""
    moment, _, key = text.partition("_")
    try:
        when = datetime.fromisoformat(moment)
        return (when, UUID(key)) if when.tzinfo else None
    except ValueError:
        return None


def write_after(moment: datetime, key: UUID) -> str:
    """The value of `after` for the page behind a row, as `read_after` reads it."""
    return f"{moment.isoformat()}_{key}"
