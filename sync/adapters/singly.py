"""Rows of an app's own database, judged one by one: a bad row must not keep others waiting.

Libraries push a batch again until it is answered, so what is wrong with one row is said as the
verdict on that row and never as an error of the whole.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from sync.intake import push
from sync.wire import MOST_TRANSITIONS, DeviceScope, Item, Push, Reason, VerdictName

RowData: TypeAlias = Mapping[str, Any]

#: What a row may say of a transition; an app's own columns stay with the app.
FIELDS: Final = tuple(Item.__struct_fields__)


class Told(Struct, frozen=True):
    """The verdict on a row. `malformed`: it is no transition, and nothing of it is kept."""

    verdict: VerdictName
    reason: Reason | Literal["malformed"] | None = None


MALFORMED: Final = Told("refused", "malformed")


class TakenIn(Struct, frozen=True):
    """`told`: for each row in the order given. `changed`: whether planning is worth a ring."""

    told: list[Told]
    changed: bool


def item_of(row: RowData) -> Item | None:
    """The transition that `row` says, or None. An empty text is none, as databases store it."""
    given = {name: row[name] for name in FIELDS if row.get(name) not in (None, "")}
    try:
        return msgspec.convert(given, Item)
    except msgspec.ValidationError:
        return None


async def take_in(
    device: DeviceScope, items: Sequence[Item | None], device_now: datetime
) -> TakenIn:
    """Push `items`, as many as there are; None stands for a row that is no transition.

    Each `MOST_TRANSITIONS` are one transaction; after an error the same rows may come again.
    """
    sound = [item for item in items if item is not None]
    told: list[Told] = []
    changed = False
    for start in range(0, len(sound), MOST_TRANSITIONS):
        batch = Push(device_now, sound[start : start + MOST_TRANSITIONS])
        outcome = await push(device, batch)
        told += [Told(result.verdict, result.reason) for result in outcome.results]
        changed = changed or outcome.changed
    verdicts = iter(told)
    return TakenIn([MALFORMED if item is None else next(verdicts) for item in items], changed)
