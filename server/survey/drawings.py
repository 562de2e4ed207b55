"""How each value of the leading question is drawn on the survey page."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from mail.assets.public_path import image_path
from mail.campaigns.look import BLACK, Gradient, Icons, Pair, own_colours
from mail.campaigns.questions import Lead


class Drawing(Struct, frozen=True):
    """What is drawn beside a value, which is written all the same.

    `image`: the path of its icon; `filled`: of the one that takes its place up to the value that is
    chosen; `colour`: of its cell, as #rrggbb. Each may be empty. `is_dark`: the number on the cell
    is white.
    """

    image: str = ""
    filled: str = ""
    colour: str = ""
    is_dark: bool = False


#: As it goes with the kind of the question.
PLAIN: Final = Drawing()


def drawings(lead: Lead, account: int) -> Iterator[Drawing]:
    """A drawing for each value of the scale, the worst first. `account`: whose images they are."""
    values = lead.scale.values
    match lead.look:
        case Icons(icons=icons):
            yield from (Drawing(image=image_path(account, icon)) for icon in icons)
        case Pair(filled=filled, empty=empty):
            both = Drawing(image=image_path(account, empty), filled=image_path(account, filled))
            yield from (both for _ in values)
        case Gradient():
            for cell in own_colours(lead.look, lead.scale).values():
                yield Drawing(colour=cell.colour, is_dark=cell.ink != BLACK)
        case _:
            yield from (PLAIN for _ in values)
