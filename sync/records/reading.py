"""Reading records: one by its id, or a page in the order of ids.

Lists are keyset-paged: ask again with `after` = the last id (code, for states) of the page.
"""

from uuid import UUID

from sync.database import Tx
from sync.records.shapes import (
    AccountRecord,
    AssignmentRecord,
    CustomerRecord,
    DeviceRecord,
    LocationRecord,
    StateRecord,
    TaskRecord,
    TaskTypeRecord,
    UnitRecord,
    UserRecord,
)

# get_X raises MissingError; list_X never does.


async def get_account(tx: Tx) -> AccountRecord:
    raise NotImplementedError


async def get_unit(tx: Tx, unit: UUID) -> UnitRecord:
    raise NotImplementedError


async def get_user(tx: Tx, user: UUID) -> UserRecord:
    raise NotImplementedError


async def get_device(tx: Tx, device: UUID) -> DeviceRecord:
    raise NotImplementedError


async def get_customer(tx: Tx, customer: UUID) -> CustomerRecord:
    raise NotImplementedError


async def get_location(tx: Tx, location: UUID) -> LocationRecord:
    raise NotImplementedError


async def get_task_type(tx: Tx, task_type: UUID) -> TaskTypeRecord:
    raise NotImplementedError


async def get_state(tx: Tx, code: str) -> StateRecord:
    raise NotImplementedError


async def get_task(tx: Tx, task: UUID) -> TaskRecord:
    raise NotImplementedError


async def list_units(tx: Tx, limit: int, after: UUID | None = None) -> list[UnitRecord]:
    raise NotImplementedError


async def list_users(tx: Tx, limit: int, after: UUID | None = None) -> list[UserRecord]:
    raise NotImplementedError


async def list_devices(tx: Tx, limit: int, after: UUID | None = None) -> list[DeviceRecord]:
    raise NotImplementedError


async def list_customers(tx: Tx, limit: int, after: UUID | None = None) -> list[CustomerRecord]:
    raise NotImplementedError


async def list_locations(tx: Tx, limit: int, after: UUID | None = None) -> list[LocationRecord]:
    raise NotImplementedError


async def list_task_types(tx: Tx, limit: int, after: UUID | None = None) -> list[TaskTypeRecord]:
    raise NotImplementedError


async def list_states(tx: Tx, limit: int, after: str | None = None) -> list[StateRecord]:
    raise NotImplementedError


async def list_tasks(tx: Tx, limit: int, after: UUID | None = None) -> list[TaskRecord]:
    raise NotImplementedError


async def list_assignments(tx: Tx, task: UUID) -> list[AssignmentRecord]:
    raise NotImplementedError
