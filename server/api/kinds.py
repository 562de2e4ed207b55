"""Which records there are, by their functions in `sync`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from msgspec import UNSET

from server.api.records import Kind, Stored
from server.api.tasks import TaskDetail, read_detail
from server.auth import plans, writes
from server.sessions import end_all, register
from sync.database import Tx
from sync.records import clients, kinds, people, reading, shapes, tasks


def _keyed(
    put: Callable[[Tx, Sequence[Any]], Awaitable[Sequence[Any]]],
) -> Callable[[Tx, Sequence[Any]], Awaitable[Stored]]:
    async def store(opened: Tx, items: Sequence[Any]) -> Stored:
        return Stored(list(await put(opened, items)))

    return store


async def _store_users(opened: Tx, items: Sequence[shapes.UserPut]) -> Stored:
    """Users sign in with their address, so the directory follows it; who leaves is out."""
    ids = await people.put_users(opened, items)
    for user, item in zip(ids, items, strict=True):
        if item.email is not UNSET:
            await register(opened, user, item.email)
        if item.active is False:
            await end_all(opened, user)
    return Stored(list(ids))


async def _store_tasks(opened: Tx, items: Sequence[shapes.TaskPut]) -> Stored:
    stored = await tasks.put_tasks(opened, items)
    return Stored(list(stored.ids), stored.changed)


UNITS: Final = Kind(
    plural="units",
    noun="unit",
    put=shapes.UnitPut,
    record=shapes.UnitRecord,
    whole=shapes.UnitRecord,
    store=_keyed(people.put_units),
    get=reading.get_unit,
    page=reading.list_units,
    access=writes,
)
USERS: Final = Kind(
    plural="users",
    noun="user",
    put=shapes.UserPut,
    record=shapes.UserRecord,
    whole=shapes.UserRecord,
    store=_store_users,
    get=reading.get_user,
    page=reading.list_users,
    access=writes,
)
CUSTOMERS: Final = Kind(
    plural="customers",
    noun="customer",
    put=shapes.CustomerPut,
    record=shapes.CustomerRecord,
    whole=shapes.CustomerRecord,
    store=_keyed(clients.put_customers),
    get=reading.get_customer,
    page=reading.list_customers,
    access=writes,
)
LOCATIONS: Final = Kind(
    plural="locations",
    noun="location",
    put=shapes.LocationPut,
    record=shapes.LocationRecord,
    whole=shapes.LocationRecord,
    store=_keyed(clients.put_locations),
    get=reading.get_location,
    page=reading.list_locations,
    access=writes,
)
TASK_TYPES: Final = Kind(
    plural="task types",
    noun="task type",
    put=shapes.TaskTypePut,
    record=shapes.TaskTypeRecord,
    whole=shapes.TaskTypeRecord,
    store=_keyed(kinds.put_task_types),
    get=reading.get_task_type,
    page=reading.list_task_types,
    access=writes,
)
STATES: Final = Kind(
    plural="states",
    noun="state",
    put=shapes.StatePut,
    record=shapes.StateRecord,
    whole=shapes.StateRecord,
    store=_keyed(kinds.put_states),
    get=reading.get_state,
    page=reading.list_states,
    access=writes,
    coded=True,
)
TASKS: Final = Kind(
    plural="tasks",
    noun="task",
    put=shapes.TaskPut,
    record=shapes.TaskRecord,
    whole=TaskDetail,
    store=_store_tasks,
    get=read_detail,
    page=reading.list_tasks,
    access=plans,
)
