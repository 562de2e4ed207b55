"""WatermelonDB 0.28's sync: a number as cursor, and everything since then in one answer.

The number is epoch x 2^40 + position. It has no MAC, so it proves nothing. One ahead of the feed,
as after a restored backup, is treated like one that is too old: this device gets everything as a
replacement, and other devices are not affected. Only a real cursor, which an app may store and send
with the number, proves that a backup was restored.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias, cast

import asyncpg
import msgspec
from msgspec import Struct

from sync.adapters.changed_verdicts import read_changed_verdicts
from sync.adapters.per_row_push import decode_row_or_none, push_items
from sync.database import Tx, run
from sync.errors import CursorError
from sync.feed.changes import Change, Gone, KindName, VerdictChange
from sync.feed.cursor import Cursor, read_cursor, write_cursor
from sync.feed.pull import HEAD, MOST_CHANGES, read_stretch
from sync.messages import DeviceScope, Item

Raw: TypeAlias = dict[str, Any]

#: Positions in an epoch. JavaScript represents the number exactly for 8,191 epochs.
POSITIONS: Final = 2**40
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)

TRANSITIONS: Final = "transitions"
TABLES: Final[Mapping[KindName, str]] = {
    "task": "tasks",
    "customer": "customers",
    "location": "locations",
    "task_type": "task_types",
    "state": "states",
    "verdict": TRANSITIONS,
}
#: Tables that only the server writes. Transitions are written by the device and never replaced.
PULLED: Final = tuple(table for table in TABLES.values() if table != TRANSITIONS)


class TableChanges(Struct, frozen=True):
    """The changes of one table. In answers `created` is empty: all but deletions are `updated`."""

    created: list[Raw] = []
    updated: list[Raw] = []
    deleted: list[str] = []


class Strategy(Struct, frozen=True):
    """How the library applies tables: `replacement` deletes rows that the answer lacks."""

    default: str
    override: dict[str, str]


REPLACEMENT: Final = Strategy("incremental", dict.fromkeys(PULLED, "replacement"))


class Pulled(Struct, frozen=True, rename={"strategy": "experimentalStrategy"}, omit_defaults=True):
    """Everything since the number of the request, and the number for the next one.

    `cursor`: the same position as a cursor with a MAC.
    """

    changes: dict[str, TableChanges]
    timestamp: int
    cursor: str
    strategy: Strategy | None = None


class RowResult(Struct, frozen=True, omit_defaults=True):
    """The verdict on a pushed row; `id` as it is in the row."""

    id: str
    verdict: str
    reason: str | None = None


class RowVerdicts(Struct, frozen=True, rename={"rejected": "experimentalRejectedIds"}):
    """`results`: a verdict for each transition, in the order sent, created ones first.

    `rejected`: rows that the device must not mark as synced yet: refused and parked transitions
    without this verdict in their `status`, and all rows of tables that a device may only read.
    """

    results: list[RowResult]
    rejected: dict[str, list[str]]


async def pull(
    device: DeviceScope,
    number: int | None,
    cursor: str | None,
    key: bytes,
    most: int = MOST_CHANGES,
) -> Pulled:
    """Return everything that changed after `number`, or all if it is None or cannot be continued.

    `cursor`: of the last pull, if the app stored it; one that is not this technician's is ignored.
    `key`: the secret of the cursors' MAC. `most`: changes that are read at once.
    """
    after = Cursor(*divmod(number, POSITIONS)) if number else None
    try:
        proof = read_cursor(key, device, cursor) if cursor else None
    except CursorError:
        proof = None
    read = partial(_read_all, device=device, after=after, proof=proof, most=most)
    changes, end, strategy = await run(device.account, read)
    number = end.epoch * POSITIONS + end.position
    return Pulled(changes, number, write_cursor(key, device, end), strategy)


async def _read_all(
    tx: Tx, *, device: DeviceScope, after: Cursor | None, proof: Cursor | None, most: int
) -> tuple[dict[str, TableChanges], Cursor, Strategy | None]:
    """Return the changes by table, the cursor after them, and how the device applies them.

    A `proof` ahead of the feed raises its epoch; an `after` ahead of it is ignored.
    """
    row = await tx.fetchrow(HEAD, tx.account)
    assert row is not None  # noqa: S101 - made with the account
    head = Cursor(row["epoch"], row["position"])
    if proof is not None and proof > head:
        after = proof  # `read_stretch` raises the epoch and returns None
    elif after is not None and after > head:
        after = None
    stretch = None if after is None else await read_stretch(tx, device, after, most)
    strategy = None
    if stretch is None:
        stretch = await read_stretch(tx, device, None, most)
        strategy = REPLACEMENT
    assert stretch is not None  # noqa: S101 - the start can always be read
    changes = list(stretch.changes)
    while stretch.more:
        stretch = await read_stretch(tx, device, stretch.cursor, most)
        if stretch is None:
            raise asyncpg.SerializationError("the feed got a new epoch while it was read")
        changes += stretch.changes
    return _tables(changes, await read_changed_verdicts(tx, changes)), stretch.cursor, strategy


def _tables(changes: Sequence[Change], settled: Mapping[str, Raw]) -> dict[str, TableChanges]:
    """Return all tables, empty ones too: the library replaces only those that are named.

    Of each row only the last change: it may have moved in the feed between two stretches, and the
    library refuses an answer that both updates and deletes a row.
    """
    tables = {table: TableChanges([], [], []) for table in TABLES.values()}
    for change in {(_kind(change), change.id): change for change in changes}.values():
        table = tables[TABLES[_kind(change)]]
        if isinstance(change, Gone):
            table.deleted.append(change.id)
        elif isinstance(change, VerdictChange):
            table.updated.append(_row(settled[change.id]))
        else:
            table.updated.append(_row(msgspec.structs.asdict(change)))
    return tables


def _kind(change: Change) -> KindName:
    if isinstance(change, Gone):
        return change.kind
    return cast("KindName", change.__struct_config__.tag)


def _row(columns: Raw) -> Raw:
    """Return `columns` with times in milliseconds, and lists and maps as JSON text."""
    row: Raw = {}
    for name, value in columns.items():
        if isinstance(value, datetime):
            row[name] = (value - EPOCH) // MILLISECOND
        elif value is None or isinstance(value, str | int):
            row[name] = value
        else:
            row[name] = msgspec.json.encode(value).decode()
    return row


async def push(
    device: DeviceScope, changes: Mapping[str, TableChanges], device_now: datetime
) -> tuple[RowVerdicts, bool]:
    """Take in transitions; return the answer, and whether to ring planning.

    A transition that was deleted on the device is forgotten there only.
    """
    pushed = changes.get(TRANSITIONS, TableChanges())
    rows = [*pushed.created, *pushed.updated]
    outcome = await push_items(device, [_decode(row) for row in rows], device_now)
    results: list[RowResult] = []
    rejected: dict[str, list[str]] = {TRANSITIONS: []}
    for row, verdict in zip(rows, outcome.verdicts, strict=True):
        results.append(RowResult(_id(row), verdict.verdict, verdict.reason))
        is_known = row.get("status") == verdict.verdict
        if verdict.verdict not in {"accepted", "duplicate"} and not is_known:
            rejected[TRANSITIONS].append(_id(row))
    for name, table in changes.items():
        if name != TRANSITIONS:
            written = [*table.created, *table.updated]
            rejected[name] = [*(_id(row) for row in written), *table.deleted]
    return RowVerdicts(
        results, {name: ids for name, ids in rejected.items() if ids}
    ), outcome.changed


def _decode(row: Raw) -> Item | None:
    moment = row.get("moment")
    if not isinstance(moment, int | float):
        return None
    try:
        return decode_row_or_none({**row, "moment": EPOCH + moment * MILLISECOND})
    except (OverflowError, ValueError):
        return None


def _id(row: Raw) -> str:
    return str(row.get("id", ""))
