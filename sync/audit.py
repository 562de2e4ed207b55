"""The audit trail: who changed what, written in the transaction of the change, never altered.

It covers changes of records and whatever grants or revokes access. What devices push is not in it:
transitions are immutable rows of their own. It contains no password, code, token or hash of one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct
from piccolo import columns
from piccolo.columns import JSONB, BigInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB, Tx
from sync.ids import new_id

ADD: Final = """
INSERT INTO audit (account, at, id, actor, action, object, before, after)
SELECT $1, $2, c.id, $3, $4, c.object, c.before, c.after
FROM unnest($5::uuid[], $6::text[], $7::jsonb[], $8::jsonb[]) AS c(id, object, before, after)
"""
#: The newest first, after the one at ($3, $4).
READ: Final = """
SELECT at, id, actor, action, object, before, after FROM audit
WHERE account = $1 AND ($2::text IS NULL OR object = $2)
  AND ($3::timestamptz IS NULL OR (at, id) < ($3, $4))
ORDER BY at DESC, id DESC LIMIT $5
"""


class Audit(Table, tablename="audit", db=DB):
    """One change.

    `actor`: user/ID, token/START, code, customer, terminal, or system. `object`: what was changed,
    as kind/ID; of a token only the start of its id.
    """

    key = ("account", "at", "id")
    account = BigInt(null=False, default=None)
    at = Timestamptz(null=False, default=None)
    id = columns.UUID(primary_key=True, null=False, default=None)
    actor = Text(null=False, default=None)
    action = Text(null=False, default=None)
    object = Text(null=False, default=None)
    before = JSONB(null=True, default=None)
    after = JSONB(null=True, default=None)


class AuditChange(Struct, frozen=True):
    """What changed of `object` (kind/ID): the fields that differ, with old and new values.

    `before`: None for a new object. `after`: None where only the fact is recorded, not the values.
    """

    object: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """One stored change."""

    id: UUID
    at: datetime
    actor: str
    action: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def between(object_: str, before: Struct | None, after: Struct) -> AuditChange:
    """Return the fields that differ between two versions of a record; of a new one, all it has."""
    if before is None:
        values = {field: getattr(after, field) for field in after.__struct_fields__}
        given = {field: value for field, value in values.items() if value is not None}
        return AuditChange(object_, None, given)
    differing = [
        field
        for field in after.__struct_fields__
        if getattr(before, field, UNSET) != getattr(after, field)
    ]
    return AuditChange(
        object_,
        {field: getattr(before, field) for field in differing},
        {field: getattr(after, field) for field in differing},
    )


async def record(tx: Tx, action: str, changes: Sequence[AuditChange]) -> None:
    """Record that `tx.actor` did `action` to each of `changes`; without any, do nothing."""
    if not changes:
        return
    await tx.execute(
        ADD,
        tx.account,
        tx.now,
        tx.actor,
        action,
        [new_id() for _ in changes],
        [change.object for change in changes],
        [_encode(change.before) for change in changes],
        [_encode(change.after) for change in changes],
    )


async def read(
    tx: Tx, limit: int, about: str | None = None, after: tuple[datetime, UUID] | None = None
) -> list[Entry]:
    """Return up to `limit` changes, the newest first.

    `about`: only those of this object, kind/ID. `after`: time (UTC) and id of the last change that
    the caller has seen; what is returned is older.
    """
    moment, key = after or (None, None)
    rows = await tx.fetch(READ, tx.account, about, moment, key, limit)
    return [
        Entry(**{**row, "before": _decode(row["before"]), "after": _decode(row["after"])})
        for row in rows
    ]


def _encode(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()


def _decode(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
