"""Decoding and pushing rows of an app's own database, each with a verdict of its own.

Libraries repeat a batch until it is answered. So a fault in one row becomes the verdict on that row
and never an error of the whole batch. Texts beside the transition itself (note, address, reason for
an unticked survey) are cut or repaired rather than refused.
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

#: The columns of a row that are read; an app's own columns are ignored.
FIELDS: Final = tuple(Item.__struct_encode_fields__)
#: Code points to which these texts are cut.
LONGEST: Final = {
    "note": LONGEST_NOTE,
    "survey_reason": LONGEST_SURVEY_REASON,
    "email": LONGEST_ADDRESS,
}


class RowVerdict(Struct, frozen=True):
    """The verdict on a row. `malformed`: it is no transition and is not stored."""

    verdict: VerdictName
    reason: Reason | None = None


MALFORMED: Final = RowVerdict("refused", "malformed")


class PushedRows(Struct, frozen=True):
    """`verdicts`: one for each row, in their order. `changed`: whether to ring planning."""

    verdicts: list[RowVerdict]
    changed: bool


def decode_row_or_none(row: RowData) -> Item | None:
    """Return the transition in `row`, or None if there is none."""
    try:
        return decode_row(row)
    except msgspec.ValidationError:
        return None


def decode_row(row: RowData) -> Item:
    """Return the transition in `row`. An empty text is null, as databases store it.

    :raises msgspec.ValidationError: it is no transition.
    """
    given = {name: row[name] for name in FIELDS if row.get(name) not in (None, "")}
    for name, most in LONGEST.items():
        if name not in given:
            continue
        value = given[name]
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        text = text.replace("\0", "\ufffd")
        given[name] = text if len(text) <= most else f"{text[: most - 1]}\u2026"
    if given.get("survey") in (0, 1):  # SQLite has no booleans
        given["survey"] = bool(given["survey"])
    if given.get("survey", True) is True:
        given.pop("survey_reason", None)
    if isinstance(given.get("sequence"), float) and given["sequence"].is_integer():
        given["sequence"] = int(given["sequence"])
    return msgspec.convert(given, Item)


async def push_items(
    device: DeviceScope, items: Sequence[Item | None], device_now: datetime
) -> PushedRows:
    """Push any number of `items`, of which None stands for a row that is no transition.

    Each `MOST_TRANSITIONS` of them are a transaction of their own; after an error the caller may
    repeat all of them.
    """
    valid = [item for item in items if item is not None]
    verdicts: list[RowVerdict] = []
    changed = False
    for start in range(0, len(valid), MOST_TRANSITIONS):
        batch = Push(device_now, valid[start : start + MOST_TRANSITIONS])
        outcome = await push(device, batch)
        verdicts += [RowVerdict(result.verdict, result.reason) for result in outcome.results]
        changed = changed or outcome.changed
    following = iter(verdicts)
    return PushedRows([MALFORMED if item is None else next(following) for item in items], changed)
