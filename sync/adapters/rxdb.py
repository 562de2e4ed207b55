"""RxDB 17's replication: documents, checkpoints, and conflicts in place of verdicts.

The only way in which its push changes a document on the device is a conflict with the server's
state of it. So each pushed transition is answered as a conflict that adds `status` and `reason`,
which the default conflict handler of the app writes. A document that already has both is no
conflict.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from sync.adapters.changed_verdicts import read_changed_verdicts
from sync.adapters.per_row_push import RowVerdict, decode_row_or_none, push_items
from sync.database import retried, run, tx
from sync.errors import CursorError
from sync.feed.changes import Gone, KindName
from sync.feed.cursor import Cursor, read_cursor, write_cursor
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
    """The checkpoint that RxDB stores; an object, because RxDB merges it into the one before."""

    cursor: str


class Documents(Struct, frozen=True, omit_defaults=True):
    """A page, which is full unless it is the last.

    `resync`: the first page of everything: the device drops documents that do not come again.
    """

    documents: list[Document]
    checkpoint: Checkpoint
    resync: bool = False


class ChangeRow(Struct, frozen=True, rename="camel"):
    """A row of RxDB's push. The state that it assumes on the server is ignored: facts only grow."""

    new_document_state: Document


class Pushed(Struct, frozen=True):
    """`conflicts`: documents in the server's state. `changed`: whether to ring planning."""

    conflicts: list[Document]
    changed: bool


async def pull(
    device: DeviceScope, collection: Collection, cursor: str | None, key: bytes, limit: int
) -> Documents:
    """Return the page of `collection` after `cursor`. `key`: the secret of the cursors' MAC.

    A cursor that cannot be continued, or is not this technician's, gives the first page: after an
    error RxDB would repeat the request for ever.
    """
    try:
        after = read_cursor(key, device, cursor) if cursor else None
    except CursorError:
        after = None
    kind = KINDS[collection]
    page = await _page(device, kind, key, limit, after) if after or not cursor else None
    if page is not None:
        return page
    page = await _page(device, kind, key, limit, None)
    assert page is not None  # noqa: S101 - the start can always be read
    return msgspec.structs.replace(page, resync=True)


@retried
async def _page(
    device: DeviceScope, kind: KindName, key: bytes, most: int, after: Cursor | None
) -> Documents | None:
    async with tx(device.account) as opened:
        stretch = await read_stretch(opened, device, after, most, [kind])
        if stretch is None:
            return None
        settled = await read_changed_verdicts(opened, stretch.changes)
    documents: list[Document] = []
    for change in stretch.changes:
        if isinstance(change, Gone):
            documents.append({"id": change.id, "_deleted": True})
        else:
            columns = settled.get(change.id) or msgspec.structs.asdict(change)
            documents.append({**columns, "_deleted": False})
    return Documents(documents, Checkpoint(write_cursor(key, device, stretch.cursor)))


async def push(device: DeviceScope, rows: Sequence[ChangeRow], device_now: datetime) -> Pushed:
    """Take in transitions; each document without its verdict comes back as a conflict."""
    states = [row.new_document_state for row in rows]
    deleted = [state for state in states if state.get("_deleted") is True]
    pushed = [state for state in states if state.get("_deleted") is not True]
    outcome = await push_items(device, [decode_row_or_none(state) for state in pushed], device_now)
    judged = list(zip(pushed, outcome.verdicts, strict=True))
    judged += await _undeletable(device, deleted)
    conflicts: list[Document] = []
    for state, verdict in judged:
        columns = {"status": verdict.verdict, "reason": verdict.reason}
        if any(state.get(name) != value for name, value in columns.items()):
            conflicts.append({**state, **columns, "_deleted": False})
    return Pushed(conflicts, outcome.changed)


async def _undeletable(
    device: DeviceScope, deleted: Sequence[Document]
) -> list[tuple[Document, RowVerdict]]:
    """Return the deleted documents that the server has and that had no verdict, with it.

    The device deleted them as steps that were never sent, but a push whose answer was lost had
    brought them. One with a verdict is only removed from the device.
    """
    unanswered: dict[UUID, Document] = {}
    for state in deleted:
        try:
            sent_id = msgspec.convert(state.get("id"), SentId)
        except msgspec.ValidationError:
            continue
        if not state.get("status"):
            unanswered[UUID(sent_id)] = state
    if not unanswered:
        return []
    stored = await run(device.account, partial(read_verdicts, ids=list(unanswered)))
    return [
        (unanswered[id_], RowVerdict(verdict.verdict, verdict.reason))
        for id_, verdict in stored.items()
        if verdict.technician == device.technician
    ]
