"""What JSON and MessagePack can both say: what was sent in one may be answered in the other.

MessagePack has maps whose keys are no texts, JSON has numbers of any size. What is wrong with one
item must not turn up as its answer is written, when the others are already stored.
"""

import math
from typing import Final

import msgspec

#: Integers that MessagePack has; larger ones are what JavaScript makes of them.
_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1


def is_representable(value: object) -> bool:
    """Tell whether both formats can say `value`."""
    try:
        msgspec.json.encode(value)
        msgspec.msgpack.encode(value)
    except (TypeError, OverflowError):
        return False
    return True


def representable(value: object) -> object:
    """`value` as both formats can say it: keys as JSON text, large integers as doubles.

    One that is too large for a double is infinite, as JavaScript reads it.
    """
    match value:
        case dict():
            return {_key(key): representable(one) for key, one in value.items()}
        case list() | tuple():
            return [representable(one) for one in value]
        case int() if not _LEAST <= value <= _MOST:
            return _double(value)
        case _:
            return value


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    text = msgspec.json.encode(representable(key)).decode()
    return msgspec.json.decode(text) if text.startswith('"') else text


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
