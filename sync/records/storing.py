"""Creating and updating the records of a table, by id or by external id."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct
from piccolo.columns import JSONB
from piccolo.table import Table

from sync.audit import between, record
from sync.database import Tx
from sync.errors import FieldError, TakenError, UnknownReferenceError
from sync.ids import new_id
from sync.records.checks import Draft
from sync.records.shapes import Ref

R = TypeVar("R", bound=Struct)

#: Records by a name of a column and its value.
Existing: TypeAlias = Mapping[tuple[str, object], R]

#: Fields that no update of a record changes.
_FIXED: Final = ("id", "code", "created_at")

#: Inserts records from a JSON array, in its order, but for those whose names are in use.
_INSERT: Final = """
INSERT INTO {table} (account, {fields})
SELECT $1, {values} FROM jsonb_populate_recordset(NULL::{table}, $2::jsonb) r
ON CONFLICT DO NOTHING RETURNING {key}
"""
#: Updates existing records from a JSON array of them and an array of keys. Not an upsert, which
#: locks rows as if their keys might change: inserts into feeds, which refer to users, would wait
#: until its transaction ends.
_UPDATE: Final = """
UPDATE {table} t SET {changes}
FROM jsonb_populate_recordset(NULL::{table}, $2::jsonb) r
WHERE t.account = $1 AND t.{key} = ANY($3) AND t.{key} = r.{key}
"""
_SELECT: Final = """
SELECT {fields} FROM {table} WHERE account = $1 AND ({condition}) ORDER BY {key} FOR NO KEY UPDATE
"""


class Change(Struct, Generic[R], frozen=True):
    """A record before (None: it is new) and after."""

    before: R | None
    after: R

    @property
    def real(self) -> bool:
        """Whether anything differs."""
        return self.before != self.after


class Store(Generic[R]):
    """The records of `table`, with the fields of `shape`; `noun` names them in the audit trail.

    `defaults`: values of new records; fields without one must be given. `key`: the last column of
    the primary key. `fixed`: fields that a put never changes. `unique`: fields that no two records
    of an account share, besides the key and the external id.
    """

    def __init__(
        self,
        noun: str,
        table: type[Table],
        shape: type[R],
        defaults: Mapping[str, object],
        *,
        key: str = "id",
        fixed: Sequence[str] = (),
        unique: Sequence[str] = (),
    ) -> None:
        fields = shape.__struct_fields__
        names = {"table": table._meta.tablename, "key": key, "fields": ", ".join(fields)}  # noqa: SLF001 - Piccolo's way to ask
        self._noun, self._shape, self._key = noun, shape, key
        self._defaults = defaults
        self._fixed = frozenset((*_FIXED, *fixed))
        self._names = [name for name in (key, "external_id") if name in fields]
        self._unique = tuple(unique)
        self._json = [field for field in fields if isinstance(getattr(table, field), JSONB)]
        self._insert = _INSERT.format(**names, values=", ".join(f"r.{field}" for field in fields))
        changes = ", ".join(f"{field} = r.{field}" for field in fields if field not in self._fixed)
        self._update = _UPDATE.format(**names, changes=changes)
        self._select = _SELECT.format(**names, condition="{condition}")

    async def put(
        self,
        tx: Tx,
        drafts: Sequence[Draft],
        adjust: Callable[[R | None, R], R] = lambda _, after: after,
    ) -> list[Change[R]]:
        """Write and record what differs, and return it in the order of `drafts`.

        Rows are locked in the order of their keys. `adjust`: returns what is written, given a
        record before and after.

        :raises FieldError: a needed field is missing, or two drafts are the same record.
        :raises TakenError: another record has the external id or a unique field.
        """
        existing = await self._matching(tx, drafts)
        changes = self._changes(existing, drafts, tx, adjust)
        self._check_names(existing, changes)
        await self._create(tx, drafts, changes, adjust)
        updated = [change.after for change in changes if change.before and change.real]
        if updated:
            keys = [getattr(after, self._key) for after in updated]
            rows = msgspec.json.encode(updated).decode()
            try:
                await tx.execute(self._update, tx.account, rows, keys)
            except asyncpg.UniqueViolationError as error:  # of a record created meanwhile
                name = "email" if "email" in (error.constraint_name or "") else "external_id"
                raise _taken(name) from None
        real = [
            between(f"{self._noun}/{getattr(change.after, self._key)}", change.before, change.after)
            for change in changes
            if change.real
        ]
        await record(tx, f"{self._noun}.write", real)
        return changes

    async def _create(
        self,
        tx: Tx,
        drafts: Sequence[Draft],
        changes: list[Change[R]],
        adjust: Callable[[R | None, R], R],
    ) -> None:
        """Insert new records; one that another transaction created meanwhile becomes an update.

        :raises TakenError: another transaction created a record with the same unique field.
        """
        new = [change.after for change in changes if change.before is None]
        if not new:
            return
        # In one order in all transactions, so that two that create the same do not deadlock.
        order = [name for name in self._names if name != self._key] + [self._key]
        new.sort(key=lambda after: [str(getattr(after, name)) for name in order])
        rows = await tx.fetch(self._insert, tx.account, msgspec.json.encode(new).decode())
        created = {row[self._key] for row in rows}
        late = [
            item
            for item, change in enumerate(changes)
            if change.before is None and getattr(change.after, self._key) not in created
        ]
        if not late:
            return
        again = [drafts[item] for item in late]
        existing = await self._matching(tx, again)
        for item, change in zip(late, self._changes(existing, again, tx, adjust), strict=True):
            if change.before is None:
                name = (*self._unique, "external_id")[0]
                raise _taken(name).of(item, drafts[item].get("external_id"))
            changes[item] = change

    def _changes(
        self,
        existing: Existing[R],
        drafts: Sequence[Draft],
        tx: Tx,
        adjust: Callable[[R | None, R], R],
    ) -> list[Change[R]]:
        """Return each of `drafts` as a change of an existing or a new record.

        :raises FieldError: a needed field is missing.
        """
        changes: list[Change[R]] = []
        for item, draft in enumerate(drafts):
            names = [(name, draft[name]) for name in self._names if draft.get(name) is not None]
            before = next((existing[name] for name in names if name in existing), None)
            if before is not None:
                given = {field: draft[field] for field in draft.keys() - self._fixed}
                after = msgspec.structs.replace(before, **given)
            else:
                known = {"id": new_id(), "external_id": None, "created_at": tx.now}
                values = {**known, **self._defaults, **draft}
                fields = self._shape.__struct_fields__
                missing = [field for field in fields if field not in values]
                if missing:
                    error = FieldError(missing[0], "is needed to create this")
                    raise error.of(item, draft.get("external_id"))
                after = self._shape(**{field: values[field] for field in fields})
            changes.append(Change(before, adjust(before, after)))
        return changes

    async def _matching(self, tx: Tx, drafts: Sequence[Draft]) -> Existing[R]:
        """Lock and return the stored records that have a key or a unique field of `drafts`."""
        names = (*self._names, *self._unique)
        wanted = {
            name: values
            for name in names
            if (values := [draft[name] for draft in drafts if draft.get(name) is not None])
        }
        if not wanted:
            return {}
        either = " OR ".join(f"{name} = ANY(${number})" for number, name in enumerate(wanted, 2))
        found: dict[tuple[str, object], R] = {}
        for row in await tx.fetch(
            self._select.format(condition=either), tx.account, *wanted.values()
        ):
            texts = {field: msgspec.json.decode(row[field]) for field in self._json}
            stored = msgspec.convert({**row, **texts}, self._shape)
            found.update({(name, getattr(stored, name)): stored for name in names})
        return found

    def _check_names(self, existing: Existing[R], changes: Sequence[Change[R]]) -> None:
        """:raises FieldError: two of `changes` have one key or external id.

        :raises TakenError: a name is another record's, which keeps it, or is in `changes` twice.
        """
        by_key = {getattr(change.after, self._key): change.after for change in changes}
        seen: set[tuple[str, object]] = set()
        for item, change in enumerate(changes):
            external_id = getattr(change.after, "external_id", None)
            for name in (*self._names, *self._unique):
                value = getattr(change.after, name)
                if value is None:
                    continue
                if (name, value) in seen and name in self._names:
                    error = FieldError(name, "stands for two records of one call")
                    raise error.of(item, external_id)
                owner = existing.get((name, value))
                owner_key = None if owner is None else getattr(owner, self._key)
                keeps = owner is not None and getattr(by_key.get(owner_key, owner), name) == value
                is_other = owner_key != getattr(change.after, self._key)
                if (name, value) in seen or (keeps and is_other):
                    raise _taken(name).of(item, external_id)
                seen.add((name, value))


def _taken(name: str) -> TakenError:
    return TakenError(name, "another record has it")


async def resolve(tx: Tx, table: type[Table], drafts: Sequence[Draft], field: str) -> None:
    """Replace the references in `field` of `drafts` by ids, with one query for all.

    :raises UnknownReferenceError: the account has no such record.
    """
    wanted = {draft[field] for draft in drafts if draft.get(field) is not None}
    found = await find(tx, table, wanted)
    for item, draft in enumerate(drafts):
        if draft.get(field) is None:
            continue
        if draft[field] not in found:
            raise unknown(field).of(item, draft.get("external_id"))
        draft[field] = found[draft[field]]


def unknown(field: str) -> UnknownReferenceError:
    """Return the error about a reference in `field` that `find` did not find."""
    return UnknownReferenceError(field, "names no record of this account")


async def find(tx: Tx, table: type[Table], wanted: set[Ref]) -> dict[Ref, UUID]:
    """Return the ids of `wanted` that are records of the account, by reference."""
    if not wanted:
        return {}
    columns: Any = table
    ids = [ref for ref in wanted if isinstance(ref, UUID)]
    externals = [ref.external for ref in wanted if not isinstance(ref, UUID)]
    conditions = [columns.id.is_in(ids)] if ids else []
    conditions += [columns.external_id.is_in(externals)] if externals else []
    rows = await columns.select(columns.id, columns.external_id).where(
        columns.account == tx.account, reduce(or_, conditions)
    )
    known: dict[object, UUID] = {row["id"]: row["id"] for row in rows}
    known |= {row["external_id"]: row["id"] for row in rows}
    named = {ref: ref if isinstance(ref, UUID) else ref.external for ref in wanted}
    return {ref: known[name] for ref, name in named.items() if name in known}
