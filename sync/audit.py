"""The record of who changed what, written in the transaction of the change and never altered.

Told are changes of records and what gives or ends access; what devices push is a fact already.
Nothing secret: no password, code, token or hash of one.
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
#: The newest first, behind one that was seen.
READ: Final = """
SELECT at, id, actor, action, object, before, after FROM audit
WHERE account = $1 AND ($2::text IS NULL OR object = $2)
  AND ($3::timestamptz IS NULL OR (at, id) < ($3, $4))
ORDER BY at DESC, id DESC LIMIT $5
"""


class Audit(Table, tablename="audit", db=DB):
    """One change. `actor`: user/ID, token/START, code, customer, terminal, or system.

    `object`: what was changed, as kind/ID; of a token, only the start of what names it.
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


class Told(Struct, frozen=True):
    """What changed of `object` (kind/ID): the fields that differ, as they were and are.

    None: there was nothing before, or there is nothing to be said.
    """

    object: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """One change as it is read."""

    id: UUID
    at: datetime
    actor: str
    action: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def between(object_: str, before: Struct | None, after: Struct) -> Told:
    """What differs between a record and the same one later; of a new one, all that it holds."""
    if before is None:
        made = {
            field: value
            for field in after.__struct_fields__
            if (value := getattr(after, field)) is not None
        }
        return Told(object_, None, made)
    differing = [
        field
        for field in after.__struct_fields__
        if getattr(before, field, UNSET) != getattr(after, field)
    ]
    return Told(
        object_,
        {field: getattr(before, field) for field in differing},
        {field: getattr(after, field) for field in differing},
    )


async def tell(tx: Tx, action: str, changes: Sequence[Told]) -> None:
    """Write down that `tx.actor` did `action` to each of `changes`."""
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
        [_json(change.before) for change in changes],
        [_json(change.after) for change in changes],
    )


def _json(said: Mapping[str, Any] | None) -> str | None:
    return None if said is None else msgspec.json.encode(said).decode()


async def read(
    tx: Tx, limit: int, about: str | None = None, after: tuple[datetime, UUID] | None = None
) -> list[Entry]:
    """Changes, the newest first; `about`: of one object; `after`: behind that time and id."""
    moment, key = after or (None, None)
    rows = await tx.fetch(READ, tx.account, about, moment, key, limit)
    return [
        Entry(**{**row, "before": _read(row["before"]), "after": _read(row["after"])})
        for row in rows
    ]


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
