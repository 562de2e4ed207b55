"""WatermelonDB 0.28's sync: one number as the place in the feed, everything since in one answer.

The number is the epoch x 2^40 + the position. It is not authenticated, so it proves nothing: one
that lies ahead of the feed, as after a restored backup, never makes other devices start again. It
is treated like one that is too old: this device gets everything, to replace what it holds. What
proves a restored backup is a cursor of ours, which an app may keep and send beside the number.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, Final, TypeAlias, cast

import asyncpg
import msgspec
from msgspec import Struct

from sync.adapters.per_row_push import RowVerdict, item_of, take_in
from sync.adapters.resolved_transitions import read_settled
from sync.database import Tx, run
from sync.errors import CursorError
from sync.feed.changes import Change, Gone, KindName, VerdictChange
from sync.feed.cursor import Place, read_cursor, write_cursor
from sync.feed.pull import HEAD, MOST_CHANGES, Stretch, read_stretch
from sync.messages import DeviceScope, Item

Raw: TypeAlias = dict[str, Any]

#: Positions of one epoch; the number stays exact in JavaScript for 8,191 epochs.
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
#: Tables that the server alone writes. Transitions are the device's: they are never replaced.
PULLED: Final = tuple(table for table in TABLES.values() if table != TRANSITIONS)


class TableChanges(Struct, frozen=True):
    """What changed in one table. From us everything that is not deleted is `updated`."""

    created: list[Raw] = []
    updated: list[Raw] = []
    deleted: list[str] = []


class Strategy(Struct, frozen=True):
    """How the library applies tables: `replacement` deletes rows that the answer lacks."""

    default: str
    override: dict[str, str]


REPLACEMENT: Final = Strategy("incremental", dict.fromkeys(PULLED, "replacement"))


class Pulled(Struct, frozen=True, rename={"strategy": "experimentalStrategy"}, omit_defaults=True):
    """Everything since the number that was asked with, and the number to ask with next.

    `cursor`: the same place, authenticated.
    """

    changes: dict[str, TableChanges]
    timestamp: int
    cursor: str
    strategy: Strategy | None = None


class RowResult(Struct, frozen=True, omit_defaults=True):
    """The verdict on a pushed row; `id` as the row says it."""

    id: str
    verdict: str
    reason: str | None = None


class RowVerdicts(Struct, frozen=True, rename={"rejected": "experimentalRejectedIds"}):
    """`results`: a verdict for each transition, in the order sent, created ones first.

    `rejected`: rows that must not be marked as synced yet: refused or parked transitions which do
    not say so in their `status`, and whatever a device changed in tables that it may only read.
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
    """Everything that changed after `number`; without one, or where it leads nowhere, all.

    `cursor`: of the last pull, as far as the app keeps it; one that is not this technician's
    counts as none. `key`: the secret that authenticates cursors. `most`: changes read at once.
    """
    after = Place(*divmod(number, POSITIONS)) if number else None
    proof = _proof(key, device, cursor)
    read = partial(_pull, device=device, after=after, proof=proof, key=key, most=most)
    return await run(device.account, read)


def _proof(key: bytes, device: DeviceScope, cursor: str | None) -> Place | None:
    try:
        return read_cursor(key, device, cursor) if cursor else None
    except CursorError:
        return None


async def _pull(
    tx: Tx, *, device: DeviceScope, after: Place | None, proof: Place | None, key: bytes, most: int
) -> Pulled:
    stretch = await _continued(tx, device, after, proof, most)
    strategy = None
    if stretch is None:
        stretch = await read_stretch(tx, device, None, most)
        strategy = REPLACEMENT
    assert stretch is not None  # noqa: S101 - the start can always be read
    changes = list(stretch.changes)
    while stretch.more:
        stretch = await read_stretch(tx, device, stretch.place, most)
        if stretch is None:
            raise asyncpg.SerializationError("the feed began anew while it was read")
        changes += stretch.changes
    place = stretch.place
    settled = await read_settled(tx, changes)
    number = place.epoch * POSITIONS + place.position
    cursor = write_cursor(key, device, place)
    return Pulled(_tables(changes, settled), number, cursor, strategy)


async def _continued(
    tx: Tx, device: DeviceScope, after: Place | None, proof: Place | None, most: int
) -> Stretch | None:
    """The stretch after `after`, unless nobody has been there; `proof` says whether we have."""
    row = await tx.fetchrow(HEAD, tx.account)
    assert row is not None  # noqa: S101 - made with the account
    head = Place(row["epoch"], row["position"])
    if proof is not None and proof > head:
        return await read_stretch(tx, device, proof, most)  # a new epoch, and no stretch
    if after is None or after > head:
        return None
    return await read_stretch(tx, device, after, most)


def _tables(changes: Sequence[Change], settled: Mapping[str, Raw]) -> dict[str, TableChanges]:
    """All tables, empty ones too: the library replaces only those that are named."""
    tables = {table: TableChanges([], [], []) for table in TABLES.values()}
    for change in _last_words(changes):
        table = tables[TABLES[_kind(change)]]
        if isinstance(change, Gone):
            table.deleted.append(change.id)
        else:
            columns = _columns(change, settled)
            table.updated.append({name: _cell(one) for name, one in columns.items()})
    return tables


def _last_words(changes: Sequence[Change]) -> Iterable[Change]:
    """The last change of each thing: it may have moved on in the feed between two stretches.

    The library refuses an answer that both updates and deletes a row.
    """
    return {(_kind(change), change.id): change for change in changes}.values()


def _kind(change: Change) -> KindName:
    if isinstance(change, Gone):
        return change.kind
    return cast("KindName", change.__struct_config__.tag)


def _columns(change: Change, settled: Mapping[str, Raw]) -> Raw:
    if isinstance(change, VerdictChange):
        return settled[change.id]
    return msgspec.structs.asdict(change)


def _cell(value: object) -> object:
    """A value as a column holds it: dates in milliseconds, lists and maps as JSON text."""
    match value:
        case datetime():
            return (value - EPOCH) // MILLISECOND
        case str() | int() | None:
            return value
        case _:
            return msgspec.json.encode(value).decode()


async def push(
    device: DeviceScope, changes: Mapping[str, TableChanges], device_now: datetime
) -> tuple[RowVerdicts, bool]:
    """Take in transitions; the answer, and whether planning is worth a ring.

    Deleting a transition on the device forgets it there and changes nothing here.
    """
    told_by = changes.get(TRANSITIONS, TableChanges())
    rows = [*told_by.created, *told_by.updated]
    taken = await take_in(device, [_item(row) for row in rows], device_now)
    pairs = list(zip(rows, taken.told, strict=True))
    results = [RowResult(_id(row), told.verdict, told.reason) for row, told in pairs]
    rejected = {name: _ids(table) for name, table in changes.items() if name != TRANSITIONS}
    rejected[TRANSITIONS] = [_id(row) for row, told in pairs if not _may_leave(row, told)]
    return RowVerdicts(results, {name: ids for name, ids in rejected.items() if ids}), taken.changed


def _item(row: Raw) -> Item | None:
    moment = row.get("moment")
    if not isinstance(moment, int | float):
        return None
    try:
        return item_of({**row, "moment": EPOCH + moment * MILLISECOND})
    except (OverflowError, ValueError):
        return None


def _may_leave(row: Raw, told: RowVerdict) -> bool:
    """Whether the row may leave the device's queue: nothing bad about it is untold."""
    return told.verdict in {"accepted", "duplicate"} or row.get("status") == told.verdict


def _id(row: Raw) -> str:
    return str(row.get("id", ""))


def _ids(table: TableChanges) -> list[str]:
    return [*(_id(row) for row in chain(table.created, table.updated)), *table.deleted]
