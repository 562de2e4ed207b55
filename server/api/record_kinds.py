"""The kinds of records, with their types and their functions in `sync.records`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET

from mail.campaigns import store as campaigns
from server.access.rights import Action
from server.access.sessions import end_all, register
from server.api.records import RecordKind, Stored
from server.api.tasks import TaskDetail, read_detail
from sync.database import Tx
from sync.records import customers, people, reading, shapes, task_types, tasks
from sync.tables.people import Unit, User
from sync.tables.work import Customer, Location, State, Task, TaskType


def _keyed(
    put: Callable[[Tx, Sequence[Any]], Awaitable[Sequence[Any]]],
) -> Callable[[Tx, Sequence[Any]], Awaitable[Stored]]:
    """A `store` of records whose change makes no work for planning."""

    async def store(opened: Tx, items: Sequence[Any]) -> Stored:
        return Stored(list(await put(opened, items)))

    return store


async def _store_users(opened: Tx, items: Sequence[shapes.UserPut]) -> Stored:
    """Store users, register their addresses for sign-in, and end sessions of deactivated users."""
    deactivated = []

    async def follow_up(ids: Sequence[UUID]) -> None:
        for user, item in zip(ids, items, strict=True):
            if item.email is not UNSET:
                await register(opened, user, item.email)
            if item.active is False:
                await end_all(opened, user)
                deactivated.append(user)

    ids = await people.put_users(opened, items, follow_up)
    return Stored(list(ids), deactivated=deactivated)


async def _store_tasks(opened: Tx, items: Sequence[shapes.TaskPut]) -> Stored:
    stored = await tasks.put_tasks(opened, items)
    return Stored(list(stored.ids), stored.changed)


UNITS: Final = RecordKind(
    plural="units",
    noun="unit",
    put=shapes.UnitPut,
    record=shapes.UnitRecord,
    store=_keyed(campaigns.put_units),
    get=reading.get_unit,
    page=reading.list_units,
    table=Unit,
    needed=("kind", "name"),
    reading=Action.UNIT_READ,
    writing=Action.UNIT_WRITE,
)
USERS: Final = RecordKind(
    plural="users",
    noun="user",
    put=shapes.UserPut,
    record=shapes.UserRecord,
    store=_store_users,
    get=reading.get_user,
    page=reading.list_users,
    table=User,
    needed=("unit", "role", "name", "email"),
    reading=Action.USER_READ,
    writing=Action.USER_WRITE,
    grants=True,
)
CUSTOMERS: Final = RecordKind(
    plural="customers",
    noun="customer",
    put=shapes.CustomerPut,
    record=shapes.CustomerRecord,
    store=_keyed(customers.put_customers),
    get=reading.get_customer,
    page=reading.list_customers,
    table=Customer,
    needed=("name",),
    reading=Action.CUSTOMER_READ,
    writing=Action.CUSTOMER_WRITE,
)
LOCATIONS: Final = RecordKind(
    plural="locations",
    noun="location",
    put=shapes.LocationPut,
    record=shapes.LocationRecord,
    store=_keyed(customers.put_locations),
    get=reading.get_location,
    page=reading.list_locations,
    table=Location,
    needed=("name", "address"),
    reading=Action.LOCATION_READ,
    writing=Action.LOCATION_WRITE,
)
TASK_TYPES: Final = RecordKind(
    plural="task types",
    noun="task type",
    put=shapes.TaskTypePut,
    record=shapes.TaskTypeRecord,
    store=_keyed(task_types.put_task_types),
    get=reading.get_task_type,
    page=reading.list_task_types,
    table=TaskType,
    needed=("name",),
    reading=Action.TASK_TYPE_READ,
    writing=Action.TASK_TYPE_WRITE,
)
STATES: Final = RecordKind(
    plural="states",
    noun="state",
    put=shapes.StatePut,
    record=shapes.StateRecord,
    store=_keyed(task_types.put_states),
    get=reading.get_state,
    page=reading.list_states,
    table=State,
    needed=("code", "name", "kind"),
    reading=Action.STATE_READ,
    writing=Action.STATE_WRITE,
    coded=True,
)
TASKS: Final = RecordKind(
    plural="tasks",
    noun="task",
    put=shapes.TaskPut,
    record=shapes.TaskRecord,
    whole=TaskDetail,
    store=_store_tasks,
    get=read_detail,
    page=reading.list_tasks,
    table=Task,
    needed=("type", "state", "title", "unit"),
    reading=Action.TASK_READ,
    writing=Action.TASK_WRITE,
)
