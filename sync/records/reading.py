"""Reading records, by id or as pages in the order of ids.

The next page of a list is that `after` the last id (of states: code) of this one. `get_*` raise
`MissingError` if the account has no such record.
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
    """Return the account of the scope of `tx`."""
    return await _get(tx, Account, AccountRecord, Account.account, tx.account)


async def get_unit(tx: Tx, unit: UUID) -> UnitRecord:
    """Return a unit by its id."""
    return await _get(tx, Unit, UnitRecord, Unit.id, unit)


async def get_user(tx: Tx, user: UUID) -> UserRecord:
    """Return a user by its id."""
    return await _get(tx, User, UserRecord, User.id, user)


async def get_device(tx: Tx, device: UUID) -> DeviceRecord:
    """Return a device by its id."""
    return await _get(tx, Device, DeviceRecord, Device.id, device)


async def get_customer(tx: Tx, customer: UUID) -> CustomerRecord:
    """Return a customer by its id."""
    return await _get(tx, Customer, CustomerRecord, Customer.id, customer)


async def get_location(tx: Tx, location: UUID) -> LocationRecord:
    """Return a location by its id."""
    return await _get(tx, Location, LocationRecord, Location.id, location)


async def get_task_type(tx: Tx, task_type: UUID) -> TaskTypeRecord:
    """Return a task type by its id."""
    return await _get(tx, TaskType, TaskTypeRecord, TaskType.id, task_type)


async def get_state(tx: Tx, code: str) -> StateRecord:
    """Return a state by its code."""
    if "\0" in code:
        raise MissingError("no such state")
    return await _get(tx, State, StateRecord, State.code, code)


async def get_task(tx: Tx, task: UUID) -> TaskRecord:
    """Return a task by its id."""
    return await _get(tx, Task, TaskRecord, Task.id, task)


async def id_of(tx: Tx, table: type[Table], external_id: str) -> UUID:
    """Return the id of the record of `table` with an external id.

    :raises MissingError: the account has no such record.
    """
    found = await find(tx, table, {External(external_id)}) if is_line(external_id) else {}
    if not found:
        raise MissingError("no record has this external id")
    return next(iter(found.values()))


async def list_units(tx: Tx, limit: int, after: UUID | None = None) -> list[UnitRecord]:
    """Return a page of units."""
    return await _list(tx, Unit, UnitRecord, Unit.id, limit, after)


async def list_users(tx: Tx, limit: int, after: UUID | None = None) -> list[UserRecord]:
    """Return a page of users."""
    return await _list(tx, User, UserRecord, User.id, limit, after)


async def list_devices(tx: Tx, limit: int, after: UUID | None = None) -> list[DeviceRecord]:
    """Return a page of devices, revoked ones too."""
    return await _list(tx, Device, DeviceRecord, Device.id, limit, after)


async def list_customers(tx: Tx, limit: int, after: UUID | None = None) -> list[CustomerRecord]:
    """Return a page of customers."""
    return await _list(tx, Customer, CustomerRecord, Customer.id, limit, after)


async def list_locations(tx: Tx, limit: int, after: UUID | None = None) -> list[LocationRecord]:
    """Return a page of locations."""
    return await _list(tx, Location, LocationRecord, Location.id, limit, after)


async def list_task_types(tx: Tx, limit: int, after: UUID | None = None) -> list[TaskTypeRecord]:
    """Return a page of task types."""
    return await _list(tx, TaskType, TaskTypeRecord, TaskType.id, limit, after)


async def list_states(tx: Tx, limit: int, after: str | None = None) -> list[StateRecord]:
    """Return a page of states, by code."""
    return await _list(tx, State, StateRecord, State.code, limit, after)


async def list_tasks(tx: Tx, limit: int, after: UUID | None = None) -> list[TaskRecord]:
    """Return a page of tasks."""
    return await _list(tx, Task, TaskRecord, Task.id, limit, after)


async def list_assignments(
    tx: Tx, task: UUID, limit: int = MOST_RECORDS, after: UUID | None = None
) -> list[AssignmentRecord]:
    """Return a page of the assignments to a task."""
    query = _assignments(tx, task).order_by(Assignment.id).limit(limit)
    rows = await (query if after is None else query.where(Assignment.id > after))
    return msgspec.convert(rows, list[AssignmentRecord])


async def last_assignments(tx: Tx, task: UUID, limit: int) -> list[AssignmentRecord]:
    """Return the `limit` assignments to a task that started last, earliest first."""
    last = _assignments(tx, task).order_by(Assignment.start_at, Assignment.id, ascending=False)
    return msgspec.convert((await last.limit(limit))[::-1], list[AssignmentRecord])


def _assignments(tx: Tx, task: UUID) -> Any:
    """Return Piccolo's query for the assignments to `task`."""
    columns = _columns(Assignment, AssignmentRecord)
    of_task = (Assignment.account == tx.account) & (Assignment.task == task)
    return Assignment.select(*columns).where(of_task)


async def _get(tx: Tx, table: type[Table], shape: type[R], key: Column, value: object) -> R:
    rows = await _select(tx, table, shape).where(key == value)
    if not rows:
        raise MissingError(f"no such {shape.__name__.removesuffix('Record').lower()}")
    return msgspec.convert(rows[0], shape)


async def _list(
    tx: Tx, table: type[Table], shape: type[R], key: Column, limit: int, after: object
) -> list[R]:
    query = _select(tx, table, shape).order_by(key).limit(limit)
    rows = await (query if after is None else query.where(key > after))
    return [msgspec.convert(row, shape) for row in rows]


def _select(tx: Tx, table: Any, shape: type[Struct]) -> Any:
    """Return Piccolo's query for the account's rows of `table`, with the fields of `shape`."""
    columns = _columns(table, shape)
    return table.select(*columns).where(table.account == tx.account).output(load_json=True)


def _columns(table: type[Table], shape: type[Struct]) -> list[Column]:
    return [getattr(table, field) for field in shape.__struct_fields__]
