"""Content negotiation (RFC 9110, 12): the language, encoding and format that a client prefers."""

import re
from typing import Final

import msgspec
from litestar.datastructures import Headers

from mail.i18n import DEFAULT, LOCALES, spoken

JSON: Final = "application/json"
MESSAGE_PACK: Final = "application/msgpack"
MESSAGE_PACK_NAMES: Final = frozenset(
    {MESSAGE_PACK, "application/x-msgpack", "application/vnd.msgpack"}
)
#: Media ranges of Accept that include JSON.
_JSON_TOO: Final = frozenset({"*/*", "application/*"})
#: Members that are read; later ones are ignored.
MOST_MEMBERS: Final = 64
#: A weight, with any number of digits; the RFC allows three.
_WEIGHT: Final = re.compile(r"(0|1)?(\.[0-9]*)?")
_ANY: Final = "*"


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


def preferred_language(accept_language: str) -> str:
    """The preferred one of the supported languages, as a key of `LOCALES`.

    By weight, then by order (RFC 9110, 12.5.4). Where none is acceptable: the first that the header
    does not refuse, else `DEFAULT`.
    """
    ranks: dict[str, tuple[float, int] | None] = {}  # weight and order; None: not mentioned
    preferences = read_preferences(accept_language)
    members = [(item.weight, -place, item.name) for place, item in enumerate(preferences)]
    for language in LOCALES:
        named = [(weight, order) for weight, order, name in members if spoken(name) == language]
        others = [(weight, order) for weight, order, name in members if name == _ANY]
        ranks[language] = max(named or others, default=None)
    best = {language: rank for language, rank in ranks.items() if rank is not None and rank[0] > 0}
    if best:
        return max(best, key=lambda language: best[language])
    return next((language for language, rank in ranks.items() if rank is None), DEFAULT)


def preferred_encoding(header: str) -> str:
    """The encoding that an Accept-Encoding prefers, zstd among equals; empty for none of ours."""
    weights = {item.name: item.weight for item in read_preferences(header)}
    others = weights.get(_ANY, 0.0)
    zstd, gzip = weights.get("zstd", others), weights.get("gzip", others)
    if not zstd and not gzip:
        return ""
    return "zstd" if zstd >= gzip else "gzip"


def prefers_message_pack(accept: str) -> bool:
    """Whether an Accept prefers MessagePack to JSON: by weight, then by order."""
    if "msgpack" not in accept:
        return False
    preferences = read_preferences(accept)
    members = [(item.weight, -place, item.name) for place, item in enumerate(preferences)]
    pack = max((item for item in members if item[2] in MESSAGE_PACK_NAMES), default=(0.0, 0, ""))
    text = max((item for item in members if item[2] == JSON), default=(0.0, 0, ""))
    any_other = max((weight for weight, _, name in members if name in _JSON_TOO), default=0.0)
    return pack[0] > 0 and pack > text and pack[0] >= any_other
