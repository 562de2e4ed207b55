"""The plain push: transitions as the protocol's page writes them, each judged for itself.

A device pushes again until it is answered, so one transition that cannot be read must not keep
the others waiting. It is refused as `malformed` with the place that is wrong; nothing of it is
kept, so that the same id may come again once it can be read.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sync.adapters.per_row_push import FIELDS, item_given, take_in
from sync.intake import PushOutcome
from sync.messages import DeviceScope, Item, Result, RoughPush, check_count

#: Where msgspec found a fault: "Expected `int`, got `str` - at `$.sequence`".
_PLACE: Final = re.compile(r" - at `\$\.(\w+)`\Z")
_KNOWN: Final = frozenset(FIELDS)


async def push(device: DeviceScope, body: RoughPush) -> PushOutcome:
    """Take in what can be read of `body`, and give a verdict on each item in the order sent.

    Each item has an `id` in its text, which is answered as it was sent.

    :raises TooManyError: more than `MOST_TRANSITIONS`; nothing was applied.
    """
    check_count(body.transitions)
    read = [_read(row) for row in body.transitions]
    items = [found if isinstance(found, Item) else None for found in read]
    taken = await take_in(device, items, body.device_now)
    results = [
        Result(row["id"], told.verdict, told.reason, f"/transitions/{place}{found}")
        if isinstance(found, str)
        else Result(row["id"], told.verdict, told.reason)
        for place, (row, found, told) in enumerate(
            zip(body.transitions, read, taken.told, strict=True)
        )
    ]
    return PushOutcome(results, taken.changed)


def _read(row: Mapping[str, Any]) -> Item | str:
    """The transition that `row` says, or the place in it that is wrong.

    An unknown field may be a misspelt one, so it is wrong too: `survay` must not ask anybody.
    """
    if not row.keys() <= _KNOWN:
        return ""
    if isinstance(row.get("sequence"), float):  # 17.0 was read as 17: this is none
        return "/sequence"
    try:
        return item_given(row)
    except msgspec.ValidationError as error:
        found = _PLACE.search(str(error))
        return f"/{found[1]}" if found else ""
