"""Tasks and who is responsible for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from sync.database import Tx
from sync.errors import MissingError
from sync.feed.changes import KindName
from sync.feed.membership import hand_over
from sync.intake.authorization import known_states
from sync.intake.parking import Settled, publish_settled, settle_parked
from sync.records.assignments import Handover, Turns, read_assignments, replace_assignments
from sync.records.checks import (
    Check,
    Draft,
    address,
    checked_all,
    moment,
    name,
    optional_line,
    word,
    words,
)
from sync.records.shapes import Ref, TaskPut, TaskRecord
from sync.records.storing import Change, Store, resolve, unknown
from sync.tables.people import Unit, User
from sync.tables.work import Customer, Location, Task, TaskType

CHECKS: Final[dict[str, Check]] = {
    "state": word,
    "title": name,
    "external_id": name,
    "contact_email": address,
    "priority": optional_line,
    "reason": optional_line,
    "channel": optional_line,
    "tags": words,
    "scheduled_at": moment,
    "created_at": moment,
}

TASKS: Final = Store(
    "task",
    Task,
    TaskRecord,
    {
        "state_transition": None,
        "customer": None,
        "location": None,
        "technician": None,
        "contact_email": None,
        "priority": None,
        "reason": None,
        "channel": None,
        "account_manager": None,
        "tags": [],
        "scheduled_at": None,
    },
    fixed=("initial_state", "state", "state_moment", "state_transition"),
)

#: Told by turns.
_ASIDE: Final = ("technician", "pool", "assignments")


class TasksPut(Struct, frozen=True):
    """`ids` in the order given. `changed`: parked transitions were settled: ring planning."""

    ids: list[UUID]
    changed: bool


async def put_tasks(tx: Tx, items: Sequence[TaskPut]) -> TasksPut:
    """Create or update tasks, hand them over as they say, settle what was parked for new ones.

    :raises FieldError: a field cannot be kept or names what the account does not have.
    """
    return await _put(tx, items, tx.now)


async def assign(
    tx: Tx,
    task: UUID,
    *,
    technician: Ref | None = None,
    pool: Ref | None = None,
    at: datetime | None = None,
) -> None:
    """Close the open turns at `at` (now where left out) and open one for whom it names, if any.

    :raises MissingError: no such task.
    :raises FieldError: no such technician or unit, or both at once.
    """
    if not await Task.exists().where((Task.account == tx.account) & (Task.id == task)):
        raise MissingError("no such task")
    entry = TaskPut(id=task, technician=technician, pool=pool)
    await _put(tx, [entry], tx.now if at is None else moment("at", at))


async def _put(tx: Tx, items: Sequence[TaskPut], at: datetime) -> TasksPut:
    turns = await read_assignments(tx, items)
    drafts = checked_all(items, CHECKS)
    for draft, said in zip(drafts, turns, strict=True):
        _complete(draft, said, tx.now)
    await _resolve(tx, drafts)
    changes = await TASKS.put(tx, drafts)
    moved = await replace_assignments(tx, _handovers(changes, turns, at))
    new = [change.after.id for change in changes if change.before is None]
    settled = await settle_parked(tx, new) if new else Settled()
    changed = [c.after.id for c in changes if c.real or c.after.id in moved]
    await hand_over(tx, changed, left=[thing for change in changes for thing in _left(change)])
    await publish_settled(tx, settled)
    return TasksPut([change.after.id for change in changes], settled.changed)


def _complete(draft: Draft, turns: Turns | None, now: datetime) -> None:
    """Say in `draft` what is told in other words: the first state, and who has the task now."""
    for field in _ASIDE:
        draft.pop(field, None)
    if "state" in draft:
        draft["initial_state"] = draft["state"]
        draft["state_moment"] = draft.get("created_at", now)
    if turns is not None:
        draft["technician"] = turns.holder()


async def _resolve(tx: Tx, drafts: Sequence[Draft]) -> None:
    await resolve(tx, TaskType, drafts, "type")
    await resolve(tx, Customer, drafts, "customer")
    await resolve(tx, Location, drafts, "location")
    await resolve(tx, Unit, drafts, "unit")
    await resolve(tx, User, drafts, "account_manager")
    codes = {draft["state"] for draft in drafts if "state" in draft}
    known = await known_states(tx, codes)
    for item, draft in enumerate(drafts):
        if "state" in draft and draft["state"] not in known:
            raise unknown("state").of(item, draft.get("external_id"))


def _handovers(
    changes: Sequence[Change[TaskRecord]], turns: Sequence[Turns | None], at: datetime
) -> list[Handover]:
    return [
        Handover(
            task=change.after.id,
            turns=said,
            at=at if change.before else change.after.created_at,
            new=change.before is None,
        )
        for change, said in zip(changes, turns, strict=True)
        if said is not None
    ]


def _left(change: Change[TaskRecord]) -> list[tuple[KindName, UUID]]:
    """The customer and the location that a task pointed at and does not any more."""
    before, after = change.before, change.after
    left: list[tuple[KindName, UUID]] = []
    if before and before.customer and before.customer != after.customer:
        left.append(("customer", before.customer))
    if before and before.location and before.location != after.location:
        left.append(("location", before.location))
    return left
