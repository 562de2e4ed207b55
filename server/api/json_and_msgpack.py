"""What JSON and MessagePack documents may hold: parts, before they are parsed, and values after.

A parser recurses for each level and makes an object of each part: a mebibyte of empty arrays would
take sixty mebibytes of memory, and most of a second in which no other request is answered.

An item sent in one format may be answered in the other. MessagePack has maps whose keys are not
texts; JSON has integers of any size. A fault of one item must not come up only when the answer is
encoded, after the others were committed.
"""

import math
import re
from typing import Final

import msgspec

#: Levels that a document may have.
DEEPEST: Final = 32
#: Arrays and objects that a document may hold; the largest push has five hundred.
MOST_PARTS: Final = 1 << 15
#: Values that a MessagePack document may hold; they are counted one by one.
MOST_VALUES: Final = 1 << 17
#: Integers that MessagePack can represent; others become doubles, as in JavaScript.
_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1

#: A bracket outside of strings, with everything before it.
_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)
_BRACKETS: Final = bytes.maketrans(b"[]", b"{}")
_OTHERS: Final = bytes(set(range(256)) - set(b"[]{}"))

#: First bytes of MessagePack's arrays and maps; the same bytes may be part of other values.
_OPENING: Final = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
#: By first byte, the bytes of a value of fixed length: numbers, short texts, fixed extensions.
_FIXED: Final = (
    dict.fromkeys([*range(0x80), 0xC0, 0xC1, 0xC2, 0xC3, *range(0xE0, 0x100)], 1)
    | {0xA0 + length: 1 + length for length in range(32)}
    | {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9, 0xCA: 5, 0xCB: 9}
    | {0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
)
#: By first byte: bytes of the length that follows, and further bytes that it does not count.
_COUNTED: Final = {
    0xC4: (1, 0),
    0xC5: (2, 0),
    0xC6: (4, 0),  # bytes
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),  # extensions, which have a type byte
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),  # texts
}
#: Arrays and maps by first byte: bytes of the length that follows, and values per unit of it.
_CONTAINERS: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def json_is_modest(raw: bytes) -> bool:
    """Tell whether the JSON text is within `DEEPEST` and `MOST_PARTS`.

    False, too, where brackets do not match, which no parser accepts either.
    """
    opening = raw.count(b"[") + raw.count(b"{")
    if opening <= DEEPEST:
        return True
    unescaped = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_of_strings = b"".join(unescaped.split(b'"')[::2])
    rest = outside_of_strings.translate(_BRACKETS, _OTHERS)
    if len(rest) > 2 * MOST_PARTS:
        return False
    for _ in range(DEEPEST):
        rest = rest.replace(b"{}", b"")
    return not rest


def json_cut_short(raw: bytes) -> bytes:
    """`raw` with null for each part that is nested too deep; unchanged if it has too many parts.

    For a body of many items, of which only one may be at fault.
    """
    if raw.count(b"[") + raw.count(b"{") > MOST_PARTS:
        return raw
    pieces: list[bytes] = []
    depth = start = copied = place = 0
    while found := _BRACKET.match(raw, place):
        place = found.end()
        opens = found[1] in b"[{"
        depth += opens
        if depth == DEEPEST + 1:
            if opens:
                start = found.start(1)
            else:
                pieces += (raw[copied:start], b"null")
                copied = place
        depth -= not opens
    return b"".join(pieces) + raw[copied:]


def pack_is_modest(raw: bytes) -> bool:
    """Tell whether the MessagePack document is within all three limits.

    A document that ends too early is left to the parser.
    """
    if len(raw) - len(raw.translate(None, _OPENING)) <= DEEPEST:
        return True
    place, parts, values = 0, 0, 0
    missing = [1]  # values that are still to come, of the document and of each open container
    while missing and place < len(raw) and parts <= MOST_PARTS and values <= MOST_VALUES:
        if not missing[-1]:
            missing.pop()
            continue
        missing[-1] -= 1
        values += 1
        place, contents = _read_value(raw, place)
        if contents is not None:
            parts += 1
            missing.append(contents)
            if len(missing) > DEEPEST + 1:
                return False
    return parts <= MOST_PARTS and values <= MOST_VALUES


def _read_value(raw: bytes, place: int) -> tuple[int, int | None]:
    """Where the value at `place` ends; of a container, where it begins and its number of values."""
    first = raw[place]
    if first in _FIXED:
        return place + _FIXED[first], None
    if first in _COUNTED:
        size, more = _COUNTED[first]
        length = int.from_bytes(raw[place + 1 : place + 1 + size], "big")
        return place + 1 + size + more + length, None
    if first in _CONTAINERS:
        size, times = _CONTAINERS[first]
        return place + 1 + size, times * int.from_bytes(raw[place + 1 : place + 1 + size], "big")
    return place + 1, (first & 0x0F) * (2 if first < 0x90 else 1)


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
