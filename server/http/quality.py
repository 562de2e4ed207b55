"""Header fields that list preferences with weights (RFC 9110, 12.4.2)."""

import re
from typing import Final

import msgspec
from litestar.datastructures import Headers

#: Members that are read; later ones are ignored.
MOST_MEMBERS: Final = 64
#: A weight, with any number of digits; the RFC allows three.
_WEIGHT: Final = re.compile(r"(0|1)?(\.[0-9]*)?")


class Preference(msgspec.Struct, frozen=True):
    """One member: a name in lower case and its weight, from 0 (not acceptable) to 1."""

    name: str
    weight: float


def read_preferences(header: str) -> list[Preference]:
    """The members of a field such as Accept-Language, in their order.

    A member without a name, or whose weight is not a number, is left out.
    """
    found = []
    for member in header.lower().split(",", MOST_MEMBERS)[:MOST_MEMBERS]:
        name, *parameters = (part.strip() for part in member.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        weights = [value.strip() for key, _, value in pairs if key.strip() == "q"]
        weight = weights[0] if weights else "1"
        if name and _WEIGHT.fullmatch(weight) and weight.strip("."):
            found.append(Preference(name, min(1.0, float(weight))))
    return found


def listed(headers: Headers, name: str) -> str:
    """All lines of a list field, joined by commas (RFC 9110, 5.3); empty where it is missing."""
    return ",".join(headers.getall(name, []))
