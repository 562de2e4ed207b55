"""Rows of an app's own database, judged one by one: a bad row must not keep others waiting.

Libraries push a batch again until it is answered, so what is wrong with one row is said as the
verdict on that row and never as an error of the whole. A row is a step: what it says besides (a
note, an address, why nobody is to be asked) is made to fit rather than cost the step.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from sync.intake import push
from sync.intake.incoming import LONGEST_ADDRESS
from sync.messages import (
    LONGEST_NOTE,
    LONGEST_SURVEY_REASON,
    MOST_TRANSITIONS,
    DeviceScope,
    Item,
    Push,
    Reason,
    VerdictName,
)

RowData: TypeAlias = Mapping[str, Any]

#: What a row may say of a transition; an app's own columns stay with the app.
FIELDS: Final = tuple(Item.__struct_encode_fields__)
#: Letters of what a step says besides.
LONGEST: Final = {
    "note": LONGEST_NOTE,
    "survey_reason": LONGEST_SURVEY_REASON,
    "email": LONGEST_ADDRESS,
}


class RowVerdict(Struct, frozen=True):
    """The verdict on a row. `malformed`: it is no transition, and nothing of it is kept."""

    verdict: VerdictName
    reason: Reason | None = None


MALFORMED: Final = RowVerdict("refused", "malformed")


class TakenIn(Struct, frozen=True):
    """`told`: for each row in the order given. `changed`: whether planning is worth a ring."""

    told: list[RowVerdict]
    changed: bool


def item_of(row: RowData) -> Item | None:
    """The transition that `row` says, or None."""
    try:
        return item_given(row)
    except msgspec.ValidationError:
        return None


def item_given(row: RowData) -> Item:
    """The transition that `row` says. An empty text is none, as databases store it.

    :raises msgspec.ValidationError: it is no transition.
    """
    given = {name: row[name] for name in FIELDS if row.get(name) not in (None, "")}
    for name, most in LONGEST.items():
        if name in given:
            given[name] = _text(given[name], most)
    if given.get("survey") in (0, 1):  # SQLite has no booleans
        given["survey"] = bool(given["survey"])
    if given.get("survey", True) is True:
        given.pop("survey_reason", None)
    if isinstance(given.get("sequence"), float) and given["sequence"].is_integer():
        given["sequence"] = int(given["sequence"])
    return msgspec.convert(given, Item)


def _text(value: object, most: int) -> str:
    """`value` as a column holds it, at most so many letters; what comes out goes in unchanged."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = text.replace("\0", "\ufffd")
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


async def take_in(
    device: DeviceScope, items: Sequence[Item | None], device_now: datetime
) -> TakenIn:
    """Push `items`, as many as there are; None stands for a row that is no transition.

    Each `MOST_TRANSITIONS` are one transaction; after an error the same rows may come again.
    """
    sound = [item for item in items if item is not None]
    told: list[RowVerdict] = []
    changed = False
    for start in range(0, len(sound), MOST_TRANSITIONS):
        batch = Push(device_now, sound[start : start + MOST_TRANSITIONS])
        outcome = await push(device, batch)
        told += [RowVerdict(result.verdict, result.reason) for result in outcome.results]
        changed = changed or outcome.changed
    verdicts = iter(told)
    return TakenIn([MALFORMED if item is None else next(verdicts) for item in items], changed)
