"""Creating and updating records of one table, by id or by external id."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct
from piccolo.columns import JSONB
from piccolo.table import Table

from sync.audit import AuditChange, between, record
from sync.database import Tx
from sync.errors import FieldError, TakenError, UnknownReferenceError
from sync.ids import new_id
from sync.records.checks import Draft
from sync.records.shapes import Ref

R = TypeVar("R", bound=Struct)

#: Fields that stay what they were when any record was made.
_FIXED: Final = ("id", "code", "created_at")


class Change(Struct, Generic[R], frozen=True):
    """A record before (None: it is new) and after."""

    before: R | None
    after: R

    @property
    def real(self) -> bool:
        """Whether anything differs."""
        return self.before != self.after


class Store(Generic[R]):
    """The records of `table`, which look like `shape` and are called `noun`.

    `defaults`: what new records have where nothing was given; other fields are needed.
    `key`: the field that the primary key ends with. `fixed`: fields that a put never changes.
    `unique`: fields that no two records share, beside the key and the external id.
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
        self._noun = noun
        self._tablename: str = table._meta.tablename  # noqa: SLF001 - Piccolo's way to ask
        self._shape = shape
        self._defaults = defaults
        self._key = key
        self._fixed = frozenset((*_FIXED, *fixed))
        self._unique = tuple(unique)
        self._json = [
            field for field in shape.__struct_fields__ if isinstance(getattr(table, field), JSONB)
        ]
        self._names = [k for k in (key, "external_id") if k in shape.__struct_fields__]
        self._add, self._update = self._insert_sql(), self._update_sql()

    def _insert_sql(self) -> str:
        """Adds records from a JSON array of them, in its order; those whose names nobody has."""
        name = self._tablename
        fields = self._shape.__struct_fields__
        return f"""
            INSERT INTO {name} (account, {", ".join(fields)})
            SELECT $1, {", ".join(f"r.{field}" for field in fields)}
            FROM jsonb_populate_recordset(NULL::{name}, $2::jsonb) r
            ON CONFLICT DO NOTHING RETURNING {self._key}
        """  # noqa: S608 - names of our own

    def _update_sql(self) -> str:
        """Writes records that exist over themselves, from a JSON array of them and one of keys.

        No upsert: that one locks rows as if their keys might change, and so stands in the way of
        feeds, which refer to people, for as long as its transaction.
        """
        name, key = self._tablename, self._key
        fields = [field for field in self._shape.__struct_fields__ if field not in self._fixed]
        changes = ", ".join(f"{field} = r.{field}" for field in fields)
        return f"""
            UPDATE {name} t SET {changes}
            FROM jsonb_populate_recordset(NULL::{name}, $2::jsonb) r
            WHERE t.account = $1 AND t.{key} = ANY($3) AND t.{key} = r.{key}
        """  # noqa: S608 - names of our own

    async def put(
        self,
        tx: Tx,
        drafts: Sequence[Draft],
        adjust: Callable[[R | None, R], R] = lambda _, after: after,
    ) -> list[Change[R]]:
        """Write what differs, in the order of `drafts`, and tell of it; rows are locked by id.

        `adjust`: a last word on each record, which gets it before and after.

        :raises FieldError: a needed field is missing, or a record stands there twice.
        :raises TakenError: another record has the external id or the address.
        """
        existing = await self._matching(tx, drafts)
        changes = self._changes(existing, drafts, tx, adjust)
        self._refuse_twins([change.after for change in changes])
        self._refuse_taken(existing, changes)
        await self._create(tx, drafts, changes, adjust)
        await self._write(tx, [one.after for one in changes if one.before and one.real])
        await record(tx, f"{self._noun}.write", [self._told(one) for one in changes if one.real])
        return changes

    def _told(self, change: Change[R]) -> AuditChange:
        return between(
            f"{self._noun}/{getattr(change.after, self._key)}", change.before, change.after
        )

    async def _create(
        self,
        tx: Tx,
        drafts: Sequence[Draft],
        changes: list[Change[R]],
        adjust: Callable[[R | None, R], R],
    ) -> None:
        """Insert what is new. What somebody else created meanwhile is there now, and is changed.

        :raises TakenError: somebody else did, and it only has the address.
        """
        made = await self._insert(tx, [one.after for one in changes if one.before is None])
        late = [
            place
            for place, change in enumerate(changes)
            if change.before is None and getattr(change.after, self._key) not in made
        ]
        if not late:
            return
        again = [drafts[place] for place in late]
        existing = await self._matching(tx, again)
        for place, change in zip(late, self._changes(existing, again, tx, adjust), strict=True):
            if change.before is None:
                error = TakenError((*self._unique, "external_id")[0], "another record has it")
                raise error.of(place, drafts[place].get("external_id"))
            changes[place] = change

    async def _insert(self, tx: Tx, records: Sequence[R]) -> set[object]:
        """The keys of those of `records` whose names nobody had, in one order for everybody."""
        if not records:
            return set()
        names = [name for name in self._names if name != self._key]
        ordered = sorted(
            records, key=lambda one: [str(getattr(one, name)) for name in (*names, self._key)]
        )
        rows = await tx.fetch(self._add, tx.account, msgspec.json.encode(ordered).decode())
        return {row[self._key] for row in rows}

    def _changes(
        self,
        existing: Mapping[tuple[str, object], R],
        drafts: Sequence[Draft],
        tx: Tx,
        adjust: Callable[[R | None, R], R],
    ) -> list[Change[R]]:
        """:raises FieldError: a needed field is missing."""
        changes: list[Change[R]] = []
        for item, draft in enumerate(drafts):
            try:
                changes.append(self._change(existing, draft, tx, adjust))
            except FieldError as error:
                raise error.of(item, draft.get("external_id")) from None
        return changes

    async def _matching(self, tx: Tx, drafts: Sequence[Draft]) -> dict[tuple[str, object], R]:
        """Stored records that `drafts` name, or whose names they take, by each of their names."""
        wanted = {
            name: values
            for name in (*self._names, *self._unique)
            if (values := [draft[name] for draft in drafts if draft.get(name) is not None])
        }
        if not wanted:
            return {}
        either = " OR ".join(f"{name} = ANY(${place})" for place, name in enumerate(wanted, 2))
        rows = await tx.fetch(
            f"SELECT {', '.join(self._shape.__struct_fields__)} FROM {self._tablename}"  # noqa: S608
            f" WHERE account = $1 AND ({either}) ORDER BY {self._key} FOR NO KEY UPDATE",
            tx.account,
            *wanted.values(),
        )
        found = [msgspec.convert(self._read(row), self._shape) for row in rows]
        names = (*self._names, *self._unique)
        return {(name, getattr(item, name)): item for item in found for name in names}

    def _read(self, row: asyncpg.Record) -> dict[str, Any]:
        return {**row, **{field: msgspec.json.decode(row[field]) for field in self._json}}

    def _change(
        self,
        existing: Mapping[tuple[str, object], R],
        draft: Draft,
        tx: Tx,
        adjust: Callable[[R | None, R], R],
    ) -> Change[R]:
        for name in self._names:
            before = existing.get((name, draft[name])) if draft.get(name) is not None else None
            if before is not None:
                given = {field: draft[field] for field in draft.keys() - self._fixed}
                return Change(before, adjust(before, msgspec.structs.replace(before, **given)))
        return Change(None, adjust(None, self._new(draft, tx)))

    def _new(self, draft: Draft, tx: Tx) -> R:
        known = {"id": new_id(), "external_id": None, "created_at": tx.now, **self._defaults}
        values = {**known, **draft}
        fields = self._shape.__struct_fields__
        for field in fields:
            if field not in values:
                raise FieldError(field, "is needed to create this")
        return self._shape(**{field: values[field] for field in fields})

    def _refuse_twins(self, records: Sequence[R]) -> None:
        for name in self._names:
            seen: set[object] = set()
            for item, after in enumerate(records):
                value = getattr(after, name)
                if value in seen:
                    error = FieldError(name, "stands for two records of one call")
                    raise error.of(item, getattr(after, "external_id", None))
                if value is not None:
                    seen.add(value)

    def _refuse_taken(
        self, existing: Mapping[tuple[str, object], R], changes: Sequence[Change[R]]
    ) -> None:
        """:raises TakenError: a record that keeps its name has the name of one of `changes`."""
        keys = {getattr(change.after, self._key): change.after for change in changes}
        claimed: dict[tuple[str, object], object] = {}
        for item, change in enumerate(changes):
            key = getattr(change.after, self._key)
            for name in (*self._names, *self._unique):
                place = (name, getattr(change.after, name))
                if place[1] is None:
                    continue
                owner = existing.get(place)
                holder = None if owner is None else getattr(owner, self._key)
                keeps = owner is not None and getattr(keys.get(holder, owner), name) == place[1]
                if claimed.setdefault(place, key) != key or (keeps and holder != key):
                    error = TakenError(name, "another record has it")
                    raise error.of(item, getattr(change.after, "external_id", None))

    async def _write(self, tx: Tx, records: Sequence[R]) -> None:
        if not records:
            return
        try:
            keys = [getattr(after, self._key) for after in records]
            said = msgspec.json.encode(records).decode()
            await tx.execute(self._update, tx.account, said, keys)
        except asyncpg.UniqueViolationError as error:  # of a record made meanwhile
            field = "email" if "email" in (error.constraint_name or "") else "external_id"
            raise TakenError(field, "another record has it") from None


async def resolve(tx: Tx, table: type[Table], drafts: Sequence[Draft], field: str) -> None:
    """Replace the references in `field` of `drafts` by ids, all with one query.

    :raises UnknownReferenceError: one names no record of the account.
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
    """The error about a reference that `find` did not find."""
    return UnknownReferenceError(field, "names no record of this account")


async def find(tx: Tx, table: type[Table], wanted: set[Ref]) -> dict[Ref, UUID]:
    """The ids of the records that `wanted` refers to, of those that the account has."""
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
