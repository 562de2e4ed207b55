"""Tasks and their assignments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from sync.database import Tx
from sync.errors import MissingError
from sync.feed.membership import SHARED, update_task_feeds
from sync.feed.publish import touch
from sync.intake.parking import Unparked, publish_unparked, settle_parked
from sync.intake.verdicts import known_states
from sync.records.assignments import (
    Handover,
    RequestedAssignments,
    read_assignments,
    replace_assignments,
)
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
from sync.records.storing import Store, resolve, unknown
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

_BEGIN_ROUND: Final = """
UPDATE task SET round_opened_at = $3, sent_by_hand = NULL WHERE account = $1 AND id = $2
"""
_SENT_BY_HAND: Final = """
UPDATE task SET sent_by_hand = array_append(array_remove(sent_by_hand, $3), $3)
WHERE account = $1 AND id = $2
"""

#: Fields of a put that become assignments.
_ASSIGNED: Final = ("technician", "pool", "assignments")


class TasksPut(Struct, frozen=True):
    """`ids` in the order given. `changed`: a parked transition was accepted: ring planning."""

    ids: list[UUID]
    changed: bool


async def put_tasks(tx: Tx, items: Sequence[TaskPut]) -> TasksPut:
    """Create or update tasks with their assignments, and settle what was parked for new ones.

    :raises FieldError: a value is invalid or names a record that the account does not have.
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
    """End the open assignments of a task at `at` (default: now) and open one, if one is named.

    :raises MissingError: the account has no such task.
    :raises FieldError: it has no such technician or unit, or both are named.
    """
    if not await Task.exists().where((Task.account == tx.account) & (Task.id == task)):
        raise MissingError("no such task")
    entry = TaskPut(id=task, technician=technician, pool=pool)
    await _put(tx, [entry], tx.now if at is None else moment("at", at))


async def begin_round(tx: Tx, task: UUID, opened_at: datetime) -> None:
    """Store that the current round of `task` was opened at `opened_at`, and tell it to devices.

    The last statements of a transaction, which has locked the task.
    """
    await tx.execute(_BEGIN_ROUND, tx.account, task, opened_at)
    await touch(tx, [("task", str(task))])


async def add_sent_by_hand(tx: Tx, task: UUID, campaign: UUID) -> None:
    """Store that a survey of the current round of `task` was sent by hand, and tell it to devices.

    The last statements of a transaction, which has locked the task.
    """
    await tx.execute(_SENT_BY_HAND, tx.account, task, campaign)
    await touch(tx, [("task", str(task))])


async def _put(tx: Tx, items: Sequence[TaskPut], at: datetime) -> TasksPut:
    """Do what `put_tasks` says; assignments of existing tasks without a start begin at `at`."""
    assignments = await read_assignments(tx, items)
    changes = await TASKS.put(tx, await _drafts(tx, items, assignments))
    handovers = [
        Handover(
            task=change.after.id,
            assignments=wanted,
            at=at if change.before else change.after.created_at,
            new=change.before is None,
        )
        for change, wanted in zip(changes, assignments, strict=True)
        if wanted is not None
    ]
    moved = await replace_assignments(tx, handovers)
    new = [change.after.id for change in changes if change.before is None]
    settled = await settle_parked(tx, new) if new else Unparked()
    changed = [c.after.id for c in changes if c.real or c.after.id in moved]
    left = [
        (kind, before)
        for change in changes
        for kind in SHARED
        if (before := getattr(change.before, kind, None)) is not None
        and before != getattr(change.after, kind)
    ]
    await update_task_feeds(tx, changed, left=left)
    await publish_unparked(tx, settled)
    return TasksPut([change.after.id for change in changes], settled.changed)


async def _drafts(
    tx: Tx, items: Sequence[TaskPut], assignments: Sequence[RequestedAssignments | None]
) -> list[Draft]:
    """Return `items` with ids for references, and the columns that follow from other fields.

    :raises FieldError: as `put_tasks`.
    """
    drafts = checked_all(items, CHECKS)
    for draft, wanted in zip(drafts, assignments, strict=True):
        for field in _ASSIGNED:
            draft.pop(field, None)
        if "state" in draft:
            draft["initial_state"] = draft["state"]
            draft["state_moment"] = draft.get("created_at", tx.now)
        if wanted is not None:
            draft["technician"] = wanted.technician()
    await resolve(tx, TaskType, drafts, "type")
    await resolve(tx, Customer, drafts, "customer")
    await resolve(tx, Location, drafts, "location")
    await resolve(tx, Unit, drafts, "unit")
    await resolve(tx, User, drafts, "account_manager")
    known = await known_states(tx, {draft["state"] for draft in drafts if "state" in draft})
    for item, draft in enumerate(drafts):
        if "state" in draft and draft["state"] not in known:
            raise unknown("state").of(item, draft.get("external_id"))
    return drafts
