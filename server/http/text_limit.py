"""How much of what people wrote goes into one answer."""

from collections.abc import Iterable
from typing import Final

from markupsafe import escape

#: Bytes of one page that people's own words may fill.
PAGE_BYTES: Final = 100_000


def fitting(sizes: Iterable[int], most: int = PAGE_BYTES) -> int:
    """How many things of these `sizes` go into `most` bytes: one at least, where there is one."""
    total = count = 0
    for size in sizes:
        total += size
        if count and total > most:
            break
        count += 1
    return count


def size_in_page(text: str) -> int:
    """Bytes of `text` in a page, where a quotation mark costs five."""
    return len(escape(text).encode())
