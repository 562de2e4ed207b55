"""How deep documents nest and of how many parts they are, found out without parsing them.

A parser recurses once for each level, and makes an object of each part: a mebibyte of empty arrays
would be sixty of memory, and most of a second in which nobody else is answered.
"""

import re
from typing import Final

#: Levels that a document may have.
DEEPEST: Final = 32
#: Arrays and objects that a document may hold; the largest push has five hundred.
MOST_PARTS: Final = 1 << 15
#: Values of a MessagePack document, which are counted one by one.
MOST_VALUES: Final = 1 << 17

#: A bracket outside of texts, with what stands before it.
_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)
_BRACKETS: Final = bytes.maketrans(b"[]", b"{}")
_OTHERS: Final = bytes(set(range(256)) - set(b"[]{}"))

#: MessagePack's first bytes that begin an array or a map; they may be parts of something else.
_OPENING: Final = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
#: Bytes of the value that begins so, itself included: numbers, short texts, fixed extensions.
_FIXED: Final = (
    dict.fromkeys([*range(0x80), 0xC0, 0xC1, 0xC2, 0xC3, *range(0xE0, 0x100)], 1)
    | {0xA0 + length: 1 + length for length in range(32)}
    | {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9, 0xCA: 5, 0xCB: 9}
    | {0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
)
#: Bytes of the length that follows, and those before and after it that it does not count.
_COUNTED: Final = {
    0xC4: (1, 0),
    0xC5: (2, 0),
    0xC6: (4, 0),  # bytes
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),  # extensions, whose type is a byte more
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),  # texts
}
#: Bytes of the length of arrays and maps, and values for each of it.
_FILLED: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def json_is_modest(raw: bytes) -> bool:
    """Tell whether the JSON text keeps both limits.

    False too where brackets do not match, which no parser takes either.
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
    """`raw` with null for whatever is nested too deep; as it is where it has too many parts.

    For a body of many items, of which one alone may be to blame.
    """
    if raw.count(b"[") + raw.count(b"{") > MOST_PARTS:
        return raw
    kept: list[bytes] = []
    depth = start = told = place = 0
    while found := _BRACKET.match(raw, place):
        place = found.end()
        opens = found[1] in b"[{"
        depth += opens
        if depth == DEEPEST + 1:
            if opens:
                start = found.start(1)
            else:
                kept += (raw[told:start], b"null")
                told = place
        depth -= not opens
    return b"".join(kept) + raw[told:]


def pack_is_modest(raw: bytes) -> bool:
    """Tell whether the MessagePack document keeps the limits.

    What ends too early is for the parser to say.
    """
    if len(raw) - len(raw.translate(None, _OPENING)) <= DEEPEST:
        return True
    place, parts, values, inside = 0, 0, 0, [1]
    while inside and place < len(raw) and parts <= MOST_PARTS and values <= MOST_VALUES:
        if not inside[-1]:
            inside.pop()
            continue
        inside[-1] -= 1
        values += 1
        place, filled = _read(raw, place)
        if filled is not None:
            parts += 1
            inside.append(filled)
            if len(inside) > DEEPEST + 1:
                return False
    return parts <= MOST_PARTS and values <= MOST_VALUES


def _read(raw: bytes, place: int) -> tuple[int, int | None]:
    """Where the value at `place` ends, or begins to be filled, and with how many values then."""
    first = raw[place]
    if first in _FIXED:
        return place + _FIXED[first], None
    if first in _COUNTED:
        size, more = _COUNTED[first]
        length = int.from_bytes(raw[place + 1 : place + 1 + size], "big")
        return place + 1 + size + more + length, None
    if first in _FILLED:
        size, times = _FILLED[first]
        return place + 1 + size, times * int.from_bytes(raw[place + 1 : place + 1 + size], "big")
    return place + 1, (first & 0x0F) * (2 if first < 0x90 else 1)
