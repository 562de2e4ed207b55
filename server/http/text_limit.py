"""Limits how much text that people wrote goes into one answer."""

from collections.abc import Iterable
from typing import Final

from markupsafe import escape

#: Bytes of such text in one page.
PAGE_BYTES: Final = 100_000


def fitting(sizes: Iterable[int], most: int = PAGE_BYTES) -> int:
    """How many of the items with these `sizes` fit into `most` bytes; at least one, if any."""
    total = count = 0
    for size in sizes:
        total += size
        if count and total > most:
            break
        count += 1
    return count


def size_in_page(text: str) -> int:
    """Bytes of `text` in a page, where a quotation mark takes five."""
    return len(escape(text).encode())
