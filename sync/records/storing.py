"""Creating and updating records of one table, by id or by external id."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct
from piccolo.table import Table

from sync.database import Tx
from sync.errors import FieldError, TakenError, TooManyError, UnknownReferenceError
from sync.ids import new_id
from sync.records.checks import Draft
from sync.records.shapes import MOST_RECORDS, Ref

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
    """The records of `table`, which look like `shape`.

    `defaults`: what new records have where nothing was given; other fields are needed.
    `key`: the field that the primary key ends with. `fixed`: fields that a put never changes.
    """

    def __init__(
        self,
        table: type[Table],
        shape: type[R],
        defaults: Mapping[str, object],
        *,
        key: str = "id",
        fixed: Sequence[str] = (),
    ) -> None:
        self._table: Any = table
        self._shape = shape
        self._defaults = defaults
        self._key = key
        self._fixed = frozenset((*_FIXED, *fixed))
        self._names = [k for k in (key, "external_id") if k in shape.__struct_fields__]

    async def put(
        self,
        tx: Tx,
        drafts: Sequence[Draft],
        adjust: Callable[[R | None, R], R] = lambda _, after: after,
    ) -> list[Change[R]]:
        """Write what differs, in the order of `drafts`; rows that exist are locked by id.

        `adjust`: a last word on each record, which gets it before and after.

        :raises TooManyError: more than `MOST_RECORDS`.
        :raises FieldError: a needed field is missing, or a record stands there twice.
        :raises TakenError: another record has the external id or the address.
        """
        if len(drafts) > MOST_RECORDS:
            raise TooManyError(f"at most {MOST_RECORDS} records at once")
        existing = await self._matching(tx, drafts)
        changes = [self._change(existing, draft, tx, adjust) for draft in drafts]
        self._refuse_twins([change.after for change in changes])
        await self._write(tx, [change.after for change in changes if change.real])
        return changes

    async def _matching(self, tx: Tx, drafts: Sequence[Draft]) -> dict[tuple[str, object], R]:
        """Stored records that `drafts` name, by each of their names."""
        conditions = [
            getattr(self._table, name).is_in(values)
            for name in self._names
            if (values := [draft[name] for draft in drafts if draft.get(name) is not None])
        ]
        if not conditions:
            return {}
        columns = [getattr(self._table, field) for field in self._shape.__struct_fields__]
        rows = await (
            self._table.select(*columns)
            .where(self._table.account == tx.account, reduce(or_, conditions))
            .order_by(getattr(self._table, self._key))
            .lock_rows("NO KEY UPDATE")
            .output(load_json=True)
        )
        found = msgspec.convert(rows, list[self._shape])  # type: ignore[name-defined]
        return {(name, getattr(record, name)): record for record in found for name in self._names}

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
            values = [v for record in records if (v := getattr(record, name)) is not None]
            if len(set(values)) < len(values):
                raise FieldError(name, "stands for two records of one call")

    async def _write(self, tx: Tx, records: Sequence[R]) -> None:
        if not records:
            return
        rows = [
            self._table(account=tx.account, **msgspec.structs.asdict(record)) for record in records
        ]
        changing = [
            getattr(self._table, field)
            for field in self._shape.__struct_fields__
            if field not in self._fixed
        ]
        target = (self._table.account, getattr(self._table, self._key))
        try:
            await self._table.insert(*rows).on_conflict(
                target=target, action="DO UPDATE", values=changing
            )
        except asyncpg.UniqueViolationError as error:
            field = "email" if "email" in (error.constraint_name or "") else "external_id"
            raise TakenError(field, "another record has it") from None


async def resolve(tx: Tx, table: type[Table], drafts: Sequence[Draft], field: str) -> None:
    """Replace the references in `field` of `drafts` by ids, all with one query.

    :raises UnknownReferenceError: one names no record of the account.
    """
    wanted = {draft[field] for draft in drafts if draft.get(field) is not None}
    found = await find(tx, table, field, wanted)
    for draft in drafts:
        if draft.get(field) is not None:
            draft[field] = found[draft[field]]


async def find(tx: Tx, table: type[Table], field: str, wanted: set[Ref]) -> dict[Ref, UUID]:
    """The ids of the records that `wanted` refers to.

    :raises UnknownReferenceError: one names no record of the account; it stood in `field`.
    """
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
    found = {ref: known.get(ref if isinstance(ref, UUID) else ref.external) for ref in wanted}
    if None in found.values():
        raise UnknownReferenceError(field, "names no record of this account")
    return {ref: identity for ref, identity in found.items() if identity is not None}
