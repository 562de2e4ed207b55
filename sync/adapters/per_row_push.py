"""Pushes whose rows are decoded one by one and each get a verdict of their own.

Devices and libraries repeat a batch until it is answered. So a fault in one row becomes the verdict
`malformed` on that row, which is not stored, and never an error of the whole batch. Texts beside
the transition itself (note, address, reason for an unticked survey) are cut or repaired rather than
refused. `push_rows` takes the plain push of docs/protocol.md; the other adapters have shapes of
their own around `push_items`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from sync.intake import PushOutcome, push
from sync.intake.incoming import LONGEST_ADDRESS
from sync.messages import (
    LONGEST_NOTE,
    LONGEST_SURVEY_REASON,
    MOST_TRANSITIONS,
    DeviceScope,
    Item,
    Push,
    Reason,
    Result,
    RoughPush,
    VerdictName,
    check_count,
)

RowData: TypeAlias = Mapping[str, Any]

#: The columns of a row that are read; an app's own columns are ignored.
FIELDS: Final = tuple(Item.__struct_encode_fields__)
_KNOWN: Final = frozenset(FIELDS)
#: Code points to which these texts are cut.
LONGEST: Final = {
    "note": LONGEST_NOTE,
    "survey_reason": LONGEST_SURVEY_REASON,
    "email": LONGEST_ADDRESS,
}
#: Where msgspec found a fault: "Expected `int`, got `str` - at `$.sequence`".
_FAULT: Final = re.compile(r" - at `\$\.(\w+)`\Z")


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


async def push_rows(device: DeviceScope, body: RoughPush) -> PushOutcome:
    """Take in the transitions of `body` and return a verdict on each, in the order sent.

    Each has an `id` that is a text; it is answered as it was sent.

    :raises TooManyError: more than `MOST_TRANSITIONS`; nothing was applied.
    """
    check_count(body.transitions)
    decoded = [_decode_exactly(row) for row in body.transitions]
    items = [found if isinstance(found, Item) else None for found in decoded]
    outcome = await push_items(device, items, body.device_now)
    results: list[Result] = []
    for number, (row, found, verdict) in enumerate(
        zip(body.transitions, decoded, outcome.verdicts, strict=True)
    ):
        pointer = f"/transitions/{number}{found}" if isinstance(found, str) else None
        results.append(Result(row["id"], verdict.verdict, verdict.reason, pointer))
    return PushOutcome(results, outcome.changed)


def _decode_exactly(row: RowData) -> Item | str:
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
        found = _FAULT.search(str(error))
        return f"/{found[1]}" if found else ""
