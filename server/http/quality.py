"""Header fields that list what a client likes, with weights (RFC 9110, 12.4.2)."""

import re
from typing import Final

import msgspec
from litestar.datastructures import Headers

#: Members that are looked at: what comes after was not going to decide.
MOST_MEMBERS: Final = 64
#: A weight as the RFC writes it, and with more digits than it allows.
_WEIGHT: Final = re.compile(r"(0|1)?(\.[0-9]*)?")


class Preference(msgspec.Struct, frozen=True):
    """One member: what is liked, in lower case, and how much (0 to 1; 0 is refused)."""

    name: str
    weight: float


def read_preferences(header: str) -> list[Preference]:
    """The members of a field such as Accept-Language, in their order.

    A member whose weight is none says nothing and is left out.
    """
    members = (_read(one) for one in header.lower().split(",", MOST_MEMBERS)[:MOST_MEMBERS])
    return [one for one in members if one is not None]


def _read(member: str) -> Preference | None:
    name, *parameters = (part.strip() for part in member.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    weights = [value.strip() for key, _, value in pairs if key.strip() == "q"]
    weight = weights[0] if weights else "1"
    if not name or not _WEIGHT.fullmatch(weight) or not weight.strip("."):
        return None
    return Preference(name, min(1.0, float(weight)))


def listed(headers: Headers, name: str) -> str:
    """A field whose lines are members of one list (RFC 9110, 5.3); empty where it is missing."""
    return ",".join(headers.getall(name, []))
