"""How the scale of the leading question is drawn: plain, with own icons, or in own colours."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from rules.questions.scales import Scale

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


def own_colours(look: Look, scale: Scale) -> dict[int, Cell]:
    """Return the colours of each value of `scale`; empty where the look has no own ones."""
    if not isinstance(look, Gradient):
        return {}
    return dict(zip(scale.values, cells(look, len(scale.values)), strict=True))


def cells(gradient: Gradient, number: int) -> list[Cell]:
    """Return the colours of `number` values, of a gradient with two or three colours.

    Numbers are black or white, whichever has more contrast: at least 4.58 on any colour.
    """
    return [
        Cell(colour, max((BLACK, WHITE), key=partial(contrast, colour)))
        for colour in _between(gradient.colours, number)
    ]


def _between(colours: Sequence[str], number: int) -> Iterator[str]:
    """Colours at equal distances in sRGB, from the first to the last of `colours`."""
    parts = list(pairwise(map(_channels, colours)))
    for place in range(number):
        along = place / max(number - 1, 1) * len(parts)
        part = min(int(along), len(parts) - 1)
        mixed = (a + (b - a) * (along - part) for a, b in zip(*parts[part], strict=True))
        yield "#" + "".join(f"{round(channel):02x}" for channel in mixed)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """The relative luminance, from 0 to 1 (WCAG 2.2)."""
    parts = (channel / 255 for channel in _channels(colour))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))
