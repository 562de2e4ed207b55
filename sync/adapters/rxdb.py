"""RxDB 17's replication: documents, checkpoints, and conflicts in place of verdicts.

Its push has one way to change a document on the device: to call it a conflict and give the
server's state of it. So each transition comes back with `status` and `reason`, the app's default
conflict handler writes them down, and the document is in step. A pushed document that already
says its verdict is taken as read.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from sync.adapters.per_row_push import RowVerdict, item_of, take_in
from sync.adapters.resolved_transitions import read_settled
from sync.database import Tx, run
from sync.errors import CursorError
from sync.feed.changes import Change, Gone, KindName
from sync.feed.cursor import Place, read_cursor, write_cursor
from sync.feed.pull import read_stretch
from sync.intake.verdicts import read_verdicts
from sync.messages import DeviceScope, SentId

Collection: TypeAlias = Literal[
    "tasks", "customers", "locations", "task_types", "task_states", "transitions"
]
Document: TypeAlias = dict[str, Any]

#: No collection can be called `states`: a database of RxDB has a property of that name.
KINDS: Final[Mapping[Collection, KindName]] = {
    "tasks": "task",
    "customers": "customer",
    "locations": "location",
    "task_types": "task_type",
    "task_states": "state",
    "transitions": "verdict",
}


class Checkpoint(Struct, frozen=True):
    """RxDB stores it and merges it into the one before, so it must be an object."""

    cursor: str


class Documents(Struct, frozen=True, omit_defaults=True):
    """A page, full unless it is the last. `resync`: this is the start of everything.

    A device that is told so drops what it holds and does not find in these pages.
    """

    documents: list[Document]
    checkpoint: Checkpoint
    resync: bool = False


class ChangeRow(Struct, frozen=True, rename="camel"):
    """What RxDB pushes; the state that it assumes here plays no part, for facts only grow."""

    new_document_state: Document


class Pushed(Struct, frozen=True):
    """`conflicts`: the documents as they are here. `changed`: planning is worth a ring."""

    conflicts: list[Document]
    changed: bool


async def pull(
    device: DeviceScope, collection: Collection, cursor: str | None, key: bytes, limit: int
) -> Documents:
    """The page of `collection` after `cursor`. `key`: the secret that authenticates cursors.

    A cursor that cannot be continued, or is not this technician's, is answered from the start:
    RxDB would ask for ever after an error.
    """
    try:
        after = read_cursor(key, device, cursor) if cursor else None
    except CursorError:
        after = None
    read = partial(_page, device=device, kind=KINDS[collection], key=key, most=limit)
    page = await run(device.account, partial(read, after=after)) if after or not cursor else None
    if page is not None:
        return page
    page = await run(device.account, partial(read, after=None))
    assert page is not None  # noqa: S101 - the start can always be read
    return msgspec.structs.replace(page, resync=True)


async def _page(
    tx: Tx, *, device: DeviceScope, kind: KindName, key: bytes, most: int, after: Place | None
) -> Documents | None:
    stretch = await read_stretch(tx, device, after, most, [kind])
    if stretch is None:
        return None
    settled = await read_settled(tx, stretch.changes)
    documents = [_document(change, settled) for change in stretch.changes]
    return Documents(documents, Checkpoint(write_cursor(key, device, stretch.place)))


def _document(change: Change, settled: Mapping[str, Document]) -> Document:
    if isinstance(change, Gone):
        return {"id": change.id, "_deleted": True}
    columns = settled.get(change.id) or msgspec.structs.asdict(change)
    return {**columns, "_deleted": False}


async def push(device: DeviceScope, rows: Sequence[ChangeRow], device_now: datetime) -> Pushed:
    """Take in transitions; every document that does not say its verdict yet is a conflict."""
    states = [row.new_document_state for row in rows]
    gone = [state for state in states if state.get("_deleted") is True]
    kept = [state for state in states if state.get("_deleted") is not True]
    taken = await take_in(device, [item_of(state) for state in kept], device_now)
    pairs = list(zip(kept, taken.told, strict=True))
    pairs += await _undeletable(device, gone)
    return Pushed([_with(*pair) for pair in pairs if not _says(*pair)], taken.changed)


async def _undeletable(
    device: DeviceScope, deleted: Sequence[Document]
) -> list[tuple[Document, RowVerdict]]:
    """Of documents that the device deleted, those that are facts here and do not know it.

    One without a verdict was taken back before it was ever sent, or so the device believes; one
    that says its verdict is only being forgotten, which is the device's own affair.
    """
    doubtful = {_uuid(state.get("id")): state for state in deleted if not state.get("status")}
    ids = [one for one in doubtful if one is not None]
    if not ids:
        return []
    stored = await run(device.account, partial(read_verdicts, ids=ids))
    return [
        (doubtful[one], RowVerdict(verdict.verdict, verdict.reason))
        for one, verdict in stored.items()
        if verdict.technician == device.technician
    ]


def _uuid(sent: object) -> UUID | None:
    try:
        return UUID(msgspec.convert(sent, SentId))
    except msgspec.ValidationError:
        return None


def _says(state: Document, told: RowVerdict) -> bool:
    return (state.get("status"), state.get("reason")) == (told.verdict, told.reason)


def _with(state: Document, told: RowVerdict) -> Document:
    return {**state, "status": told.verdict, "reason": told.reason, "_deleted": False}
