"""The plain push of docs/protocol.md, in which each transition is decoded and judged by itself.

A device repeats a push until it is answered, so one transition that cannot be decoded must not
block the others. It is refused as `malformed` with a pointer to the fault and is not stored, so the
same id may be pushed again.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sync.adapters.per_row_push import FIELDS, decode_row, push_items
from sync.intake import PushOutcome
from sync.messages import DeviceScope, Item, Result, RoughPush, check_count

#: Where msgspec found a fault: "Expected `int`, got `str` - at `$.sequence`".
_FIELD: Final = re.compile(r" - at `\$\.(\w+)`\Z")
_KNOWN: Final = frozenset(FIELDS)


async def push(device: DeviceScope, body: RoughPush) -> PushOutcome:
    """Take in the transitions of `body` and return a verdict on each, in the order sent.

    Each has an `id` that is a text; it is answered as it was sent.

    :raises TooManyError: more than `MOST_TRANSITIONS`; nothing was applied.
    """
    check_count(body.transitions)
    decoded = [_decode(row) for row in body.transitions]
    items = [found if isinstance(found, Item) else None for found in decoded]
    outcome = await push_items(device, items, body.device_now)
    results: list[Result] = []
    for number, (row, found, verdict) in enumerate(
        zip(body.transitions, decoded, outcome.verdicts, strict=True)
    ):
        pointer = f"/transitions/{number}{found}" if isinstance(found, str) else None
        results.append(Result(row["id"], verdict.verdict, verdict.reason, pointer))
    return PushOutcome(results, outcome.changed)


def _decode(row: Mapping[str, Any]) -> Item | str:
    """Return the transition in `row`, or a JSON pointer to what is wrong in it.

    An unknown field is an error, because it may be a misspelt one: `survay: false` must not ask.
    """
    if not row.keys() <= _KNOWN:
        return ""
    if isinstance(row.get("sequence"), float):  # `decode_row` takes 17.0 as 17; this protocol not
        return "/sequence"
    try:
        return decode_row(row)
    except msgspec.ValidationError as error:
        found = _FIELD.search(str(error))
        return f"/{found[1]}" if found else ""
