"""Reading records: one by its id, or a page in the order of ids.

Lists are keyset-paged: ask again with `after` = the last id (code, for states) of the page.
`get_*` raise `MissingError` for what the account does not have.
"""

from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from piccolo.columns import Column
from piccolo.table import Table

from sync.database import Tx
from sync.errors import MissingError
from sync.records.shapes import (
    MOST_RECORDS,
    AccountRecord,
    AssignmentRecord,
    CustomerRecord,
    DeviceRecord,
    External,
    LocationRecord,
    StateRecord,
    TaskRecord,
    TaskTypeRecord,
    UnitRecord,
    UserRecord,
)
from sync.records.storing import find
from sync.tables.people import Account, Device, Unit, User
from sync.tables.work import Assignment, Customer, Location, State, Task, TaskType
from sync.validation import is_line

R = TypeVar("R", bound=Struct)


async def get_account(tx: Tx) -> AccountRecord:
    """The account in whose scope `tx` is."""
    return await _one(tx, Account, AccountRecord, Account.account, tx.account)


async def get_unit(tx: Tx, unit: UUID) -> UnitRecord:
    """One unit."""
    return await _one(tx, Unit, UnitRecord, Unit.id, unit)


async def get_user(tx: Tx, user: UUID) -> UserRecord:
    """One user."""
    return await _one(tx, User, UserRecord, User.id, user)


async def get_device(tx: Tx, device: UUID) -> DeviceRecord:
    """One device."""
    return await _one(tx, Device, DeviceRecord, Device.id, device)


async def get_customer(tx: Tx, customer: UUID) -> CustomerRecord:
    """One customer."""
    return await _one(tx, Customer, CustomerRecord, Customer.id, customer)


async def get_location(tx: Tx, location: UUID) -> LocationRecord:
    """One location."""
    return await _one(tx, Location, LocationRecord, Location.id, location)


async def get_task_type(tx: Tx, task_type: UUID) -> TaskTypeRecord:
    """One task type."""
    return await _one(tx, TaskType, TaskTypeRecord, TaskType.id, task_type)


async def get_state(tx: Tx, code: str) -> StateRecord:
    """One state."""
    if "\0" in code:
        raise MissingError("no such state")
    return await _one(tx, State, StateRecord, State.code, code)


async def get_task(tx: Tx, task: UUID) -> TaskRecord:
    """One task."""
    return await _one(tx, Task, TaskRecord, Task.id, task)


async def id_of(tx: Tx, table: type[Table], external_id: str) -> UUID:
    """The id of the record of `table` that another system calls `external_id`.

    :raises MissingError: the account has none.
    """
    found = await find(tx, table, {External(external_id)}) if is_line(external_id) else {}
    if not found:
        raise MissingError("no record has this external id")
    return next(iter(found.values()))


async def list_units(tx: Tx, limit: int, after: UUID | None = None) -> list[UnitRecord]:
    """A page of units."""
    return await _page(tx, Unit, UnitRecord, Unit.id, limit, after)


async def list_users(tx: Tx, limit: int, after: UUID | None = None) -> list[UserRecord]:
    """A page of users."""
    return await _page(tx, User, UserRecord, User.id, limit, after)


async def list_devices(tx: Tx, limit: int, after: UUID | None = None) -> list[DeviceRecord]:
    """A page of devices, revoked ones too."""
    return await _page(tx, Device, DeviceRecord, Device.id, limit, after)


async def list_customers(tx: Tx, limit: int, after: UUID | None = None) -> list[CustomerRecord]:
    """A page of customers."""
    return await _page(tx, Customer, CustomerRecord, Customer.id, limit, after)


async def list_locations(tx: Tx, limit: int, after: UUID | None = None) -> list[LocationRecord]:
    """A page of locations."""
    return await _page(tx, Location, LocationRecord, Location.id, limit, after)


async def list_task_types(tx: Tx, limit: int, after: UUID | None = None) -> list[TaskTypeRecord]:
    """A page of task types."""
    return await _page(tx, TaskType, TaskTypeRecord, TaskType.id, limit, after)


async def list_states(tx: Tx, limit: int, after: str | None = None) -> list[StateRecord]:
    """A page of states, by code."""
    return await _page(tx, State, StateRecord, State.code, limit, after)


async def list_tasks(tx: Tx, limit: int, after: UUID | None = None) -> list[TaskRecord]:
    """A page of tasks."""
    return await _page(tx, Task, TaskRecord, Task.id, limit, after)


async def list_assignments(
    tx: Tx, task: UUID, limit: int = MOST_RECORDS, after: UUID | None = None
) -> list[AssignmentRecord]:
    """A page of the turns on a task."""
    query = _turns(tx, task).order_by(Assignment.id).limit(limit)
    rows = await (query if after is None else query.where(Assignment.id > after))
    return msgspec.convert(rows, list[AssignmentRecord])


async def last_assignments(tx: Tx, task: UUID, limit: int) -> list[AssignmentRecord]:
    """The `limit` turns on a task that started last, earliest first."""
    last = _turns(tx, task).order_by(Assignment.start_at, Assignment.id, ascending=False)
    return msgspec.convert((await last.limit(limit))[::-1], list[AssignmentRecord])


def _turns(tx: Tx, task: UUID) -> Any:
    """Piccolo's query for the turns on `task`."""
    columns = _columns(Assignment, AssignmentRecord)
    mine = (Assignment.account == tx.account) & (Assignment.task == task)
    return Assignment.select(*columns).where(mine)


async def _one(tx: Tx, table: type[Table], shape: type[R], key: Column, value: object) -> R:
    rows = await _select(tx, table, shape).where(key == value)
    if not rows:
        raise MissingError(f"no such {shape.__name__.removesuffix('Record').lower()}")
    return msgspec.convert(rows[0], shape)


async def _page(
    tx: Tx, table: type[Table], shape: type[R], key: Column, limit: int, after: object
) -> list[R]:
    query = _select(tx, table, shape).order_by(key).limit(limit)
    rows = await (query if after is None else query.where(key > after))
    return [msgspec.convert(row, shape) for row in rows]


def _select(tx: Tx, table: Any, shape: type[Struct]) -> Any:
    """Piccolo's query for the account's rows of `table`, as `shape` has them."""
    columns = _columns(table, shape)
    return table.select(*columns).where(table.account == tx.account).output(load_json=True)


def _columns(table: type[Table], shape: type[Struct]) -> list[Column]:
    return [getattr(table, field) for field in shape.__struct_fields__]
