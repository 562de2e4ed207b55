"""What technicians' devices must hold, told from the records alone and apart from the feed."""

from typing import Any, Final, TypeAlias
from uuid import UUID

from sync.feed.changes import (
    Change,
    CustomerChange,
    LocationChange,
    StateChange,
    TaskChange,
    TaskTypeChange,
)
from tests.support.owner import Owner
from tests.sync.replica import Replica

#: By kind and id, the fields that tests change.
Held: TypeAlias = dict[tuple[str, str], tuple[Any, ...]]

UNITS: Final = "SELECT id, parent FROM unit WHERE account = $1"
USERS: Final = "SELECT id, unit, role, active FROM app_user WHERE account = $1"
TURNS: Final = """
SELECT task, technician, unit FROM assignment WHERE account = $1 AND end_at IS NULL
"""
TASKS: Final = """
SELECT id, title, state, type, customer, location FROM task WHERE account = $1
"""
CUSTOMERS: Final = "SELECT id, name, email FROM customer WHERE account = $1"
LOCATIONS: Final = "SELECT id, name FROM location WHERE account = $1"
TYPES: Final = "SELECT id, name FROM task_type WHERE account = $1"
STATES: Final = "SELECT code, name FROM state WHERE account = $1"


def held_by(replica: Replica) -> Held:
    """What a device holds."""
    return {key: _fields(change) for key, change in replica.things.items()}


def _fields(change: Change) -> tuple[Any, ...]:
    match change:
        case TaskChange():
            return (change.title, change.state, change.type, change.customer, change.location)
        case CustomerChange():
            return (change.name, change.email)
        case LocationChange() | TaskTypeChange() | StateChange():
            return (change.name,)
        case _:
            return ()


class Truth:
    """The records of one account as they are now."""

    def __init__(self, records: dict[str, list[Any]]) -> None:
        self.records = records
        self.parents = {row["id"]: row["parent"] for row in records[UNITS]}
        self.users = {row["id"]: row for row in records[USERS]}

    @classmethod
    async def read(cls, owner: Owner, account: int) -> "Truth":
        """Read them with the owner's rights."""
        wanted = (UNITS, USERS, TURNS, TASKS, CUSTOMERS, LOCATIONS, TYPES, STATES)
        return cls({sql: await owner.connection.fetch(sql, account) for sql in wanted})

    def of(self, technician: UUID, known_types: set[str]) -> Held:
        """What a device of `technician` must hold.

        Types that the device knows may stay with it when its last task of them went.
        """
        tasks = [row for row in self.records[TASKS] if row["id"] in self._tasks_of(technician)]
        held: Held = {("task", str(row["id"])): _texts(row) for row in tasks}
        for kind, table in (("customer", CUSTOMERS), ("location", LOCATIONS), ("type", TYPES)):
            led_to = {row[kind] for row in tasks}
            for row in self.records[table]:
                known = kind == "type" and str(row["id"]) in known_types
                if row["id"] in led_to or known:
                    held["task_type" if kind == "type" else kind, str(row["id"])] = _texts(row)
        return held

    def states(self) -> Held:
        """Every state; whoever ever held a task has them all."""
        return {("state", row["code"]): _texts(row) for row in self.records[STATES]}

    def _tasks_of(self, technician: UUID) -> set[UUID]:
        user = self.users[technician]
        works = user["active"] and user["role"] == "technician"
        pools = self._above(user["unit"]) if works else set()
        return {
            turn["task"]
            for turn in self.records[TURNS]
            if turn["technician"] == technician or turn["unit"] in pools
        }

    def _above(self, unit: UUID | None) -> set[UUID]:
        found: set[UUID] = set()
        while unit is not None and unit not in found:
            found.add(unit)
            unit = self.parents[unit]
        return found


def _texts(row: Any) -> tuple[Any, ...]:
    """All but the key, ids as text."""
    return tuple(str(value) if isinstance(value, UUID) else value for value in list(row)[1:])


def differences(truth: Truth, replica: Replica) -> Held:
    """What a device holds and should not, or should hold and does not; nothing is right."""
    held = held_by(replica)
    wanted = truth.of(replica.device.technician, replica.ids("task_type"))
    if replica.ids("state") or replica.ids("task"):
        wanted |= truth.states()
    return dict(held.items() ^ wanted.items())
