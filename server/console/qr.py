"""QR codes as one path of an SVG: nothing to load, nothing inline that the policy forbids."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import segno
from msgspec import Struct

#: Modules of blank around the code, which readers need.
QUIET: Final = 4


class Code(Struct, frozen=True):
    """A drawing `side` units wide and high; `path` draws the dark modules."""

    side: int
    path: str


def draw(text: str) -> Code:
    """The QR code of `text`, readable with a sixth of it hidden."""
    made = segno.make_qr(text, error="m")
    rows = [tuple(row) for row in made.matrix_iter(scale=1, border=QUIET)]
    return Code(len(rows), "".join(_lines(rows)))


def _lines(rows: list[tuple[int, ...]]) -> Iterator[str]:
    """A flat rectangle for each run of dark modules."""
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row, key=bool):
            length = len(list(run))
            if dark:
                yield f"M{x} {y}h{length}v1h-{length}z"
            x += length
