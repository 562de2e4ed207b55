"""Values that both JSON and MessagePack can represent.

An item sent in one format may be answered in the other. MessagePack has maps whose keys are not
texts; JSON has integers of any size. A fault of one item must not come up only when the answer is
encoded, after the others were committed.
"""

import math
from typing import Final

import msgspec

#: Integers that MessagePack can represent; others become doubles, as in JavaScript.
_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1


def is_representable(value: object) -> bool:
    """Tell whether both formats can represent `value`."""
    try:
        msgspec.json.encode(value)
        msgspec.msgpack.encode(value)
    except (TypeError, OverflowError):
        return False
    return True


def representable(value: object) -> object:
    """`value` as both formats can represent it: keys as JSON text, large integers as doubles.

    An integer that is too large for a double becomes infinite, as in JavaScript.
    """
    match value:
        case dict():
            texts = {}
            for key, item in value.items():
                text = key
                if not isinstance(key, str):
                    text = msgspec.json.encode(representable(key)).decode()
                    text = msgspec.json.decode(text) if text.startswith('"') else text
                texts[text] = representable(item)
            return texts
        case list() | tuple():
            return [representable(item) for item in value]
        case int() if not _LEAST <= value <= _MOST:
            try:
                return float(value)
            except OverflowError:
                return math.inf if value > 0 else -math.inf
        case _:
            return value
