"""What a list's address says: what is sought, and after which row the next screenful starts."""

from datetime import datetime
from typing import Final
from uuid import UUID

LONGEST: Final = 200


def search_text(typed: str) -> str:
    """The visible part of what was typed, within reason."""
    return "".join(letter for letter in typed if letter.isprintable()).strip()[:LONGEST]


def pattern(text: str) -> str:
    """`text` anywhere for ILIKE, its letters taken as they are; empty for nothing."""
    if not text:
        return ""
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def read_after(text: str) -> tuple[datetime, UUID] | None:
    """The moment and id of the last row seen; None where `text` does not say them."""
    moment, _, key = text.partition("_")
    try:
        when = datetime.fromisoformat(moment)
        return (when, UUID(key)) if when.tzinfo else None
    except ValueError:
        return None


def write_after(moment: datetime, key: UUID) -> str:
    """What `read_after` reads."""
    return f"{moment.isoformat()}_{key}"
