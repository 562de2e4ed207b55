"""How the scale of the leading question is drawn: plain, with own icons, or in own colours."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

#: As #rrggbb; `mail.campaigns.validation` refuses anything else.
Colour: TypeAlias = Annotated[str, Meta(max_length=20)]

BLACK: Final = "#000000"
WHITE: Final = "#ffffff"
#: The least contrast of text (WCAG 2.2, 1.4.3).
LEGIBLE: Final = 4.5
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")


class Plain(Struct, frozen=True, tag_field="style", tag="plain", forbid_unknown_fields=True):
    """Stars for stars, numbers or words for the other kinds."""


class Icons(Struct, frozen=True, tag_field="style", tag="icons", forbid_unknown_fields=True):
    """An icon for each value, the worst first. `icons`: images of the account, by their ids."""

    icons: Annotated[list[UUID], Meta(max_length=11)]


class Pair(Struct, frozen=True, tag_field="style", tag="pair", forbid_unknown_fields=True):
    """Own icons in the place of stars: `filled` up to the value that is chosen, then `empty`."""

    filled: UUID
    empty: UUID


class Gradient(Struct, frozen=True, tag_field="style", tag="gradient", forbid_unknown_fields=True):
    """A colour for each value, between two or three `colours` from the worst value to the best."""

    colours: Annotated[list[Colour], Meta(max_length=3)]


Look: TypeAlias = Plain | Icons | Pair | Gradient


class Cell(Struct, frozen=True):
    """The colours of one value: of its cell, and of the number on it."""

    colour: str
    ink: str


def images_of(look: Look) -> list[UUID]:
    """Return the images that a look shows."""
    match look:
        case Icons(icons=icons):
            return icons
        case Pair(filled=filled, empty=empty):
            return [filled, empty]
        case _:
            return []


def is_colour(text: str) -> bool:
    """Return whether `text` is a colour as #rrggbb."""
    return _COLOUR.fullmatch(text) is not None


def cells(gradient: Gradient, number: int) -> list[Cell]:
    """Return the colours of `number` values, of a gradient with two or three colours.

    Numbers are black or white, whichever has more contrast: at least 4.58 on any colour.
    """
    return [Cell(colour, _ink(colour)) for colour in _between(gradient.colours, number)]


def _between(colours: Sequence[str], number: int) -> Iterator[str]:
    """Colours at equal distances in sRGB, from the first to the last of `colours`."""
    parts = list(pairwise(map(_channels, colours)))
    for place in range(number):
        along = place / max(number - 1, 1) * len(parts)
        part = min(int(along), len(parts) - 1)
        mixed = (a + (b - a) * (along - part) for a, b in zip(*parts[part], strict=True))
        yield "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def _ink(colour: str) -> str:
    return max((BLACK, WHITE), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """The relative luminance, from 0 to 1 (WCAG 2.2)."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))
