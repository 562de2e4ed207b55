"""Assignments: who is responsible for a task, from when to when; a technician or a unit's pool."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import UNSET, Struct
from msgspec.structs import replace

from rules.timing import LATEST
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import FieldError
from sync.ids import new_id
from sync.records.checks import moment
from sync.records.shapes import AssignmentPut, Ref, TaskPut
from sync.records.storing import find, unknown
from sync.tables.people import Unit, User

OPEN: Final = """
SELECT task, technician, unit, start_at, end_at FROM assignment
WHERE account = $1 AND task = ANY($2) AND end_at IS NULL
"""
FORGET: Final = """
DELETE FROM assignment WHERE account = $1 AND task = ANY($2)
RETURNING task, technician, unit, start_at, end_at
"""

#: An assignment that has not begun yet ends at its own start.
CLOSE: Final = """
UPDATE assignment a SET end_at = greatest(a.start_at, c.at)
FROM unnest($2::uuid[], $3::timestamptz[]) AS c(task, at)
WHERE a.account = $1 AND a.task = c.task AND a.end_at IS NULL
"""
ADD: Final = """
INSERT INTO assignment (account, id, task, technician, unit, start_at, end_at)
SELECT $1, t.id, t.task, t.technician, t.unit, t.start_at, t.end_at
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[])
  AS t(id, task, technician, unit, start_at, end_at)
"""


class AssignmentSpan(Struct, frozen=True):
    """An assignment with its references resolved; times are UTC.

    `start`: None for the moment of the handover. `end`: None while it is open.
    """

    technician: UUID | None
    unit: UUID | None
    start: datetime | None = None
    end: datetime | None = None


class RequestedAssignments(Struct, frozen=True):
    """The assignments that an item asks for.

    `whole`: they replace the stored history of the task; else they end what is open.
    """

    spans: list[AssignmentSpan]
    whole: bool

    def technician(self) -> UUID | None:
        """Return the technician of the open assignment that starts last; None without one."""
        still_open = [span for span in self.spans if span.end is None]
        if not still_open:
            return None
        return max(still_open, key=lambda span: span.start or LATEST).technician


class Handover(Struct, frozen=True):
    """The assignments to write for `task`. `at`: their start where they give none, UTC.

    `new`: whether the task was created by this transaction.
    """

    task: UUID
    assignments: RequestedAssignments
    at: datetime
    new: bool


async def read_assignments(tx: Tx, items: Sequence[TaskPut]) -> list[RequestedAssignments | None]:
    """Return the assignments that each of `items` asks for; None where it does not mention any.

    :raises FieldError: one ends before it starts, or does not name one technician or one unit.
    :raises UnknownReferenceError: the account has no such technician or unit.
    """
    wanted = [_wanted(item) for item in items]
    puts = [put for assignments in wanted for put in assignments or ()]
    people = await find(tx, User, {put.technician for put in puts if put.technician is not None})
    pools = await find(tx, Unit, {put.unit for put in puts if put.unit is not None})
    found: list[RequestedAssignments | None] = []
    for number, (item, assignments) in enumerate(zip(items, wanted, strict=True)):
        if assignments is None:
            found.append(None)
            continue
        whole = item.assignments is not UNSET
        try:
            spans = [
                _span(put, people, pools, f"assignments.{place}" if whole else "")
                for place, put in enumerate(assignments)
            ]
        except FieldError as error:
            raise error.of(number, item.external_id) from None
        found.append(RequestedAssignments(spans, whole))
    return found


async def replace_assignments(tx: Tx, handovers: Sequence[Handover]) -> set[UUID]:
    """Write assignments that differ from the open ones; return the tasks whose assignments changed.

    The tasks are locked.
    """
    added = [h.task for h in handovers if not h.assignments.whole and not h.new]
    before = _by_task(await tx.fetch(OPEN, tx.account, added) if added else [])
    still_open = {
        task: {(span.technician, span.unit) for span in spans} for task, spans in before.items()
    }
    changed: list[Handover] = []
    for handover in handovers:
        wanted = {(span.technician, span.unit) for span in handover.assignments.spans}
        differs = still_open.get(handover.task, set()) != wanted
        if handover.assignments.whole or handover.new or differs:
            changed.append(handover)
    replaced = [h.task for h in changed if h.assignments.whole and not h.new]
    if replaced:
        before |= _by_task(await tx.fetch(FORGET, tx.account, replaced))
    closed = [(h.task, h.at) for h in changed if h.task in still_open]
    if closed:
        await tx.execute(CLOSE, tx.account, *zip(*closed, strict=True))
    rows = [
        (new_id(), h.task, span.technician, span.unit, span.start or h.at, span.end)
        for h in changed
        for span in h.assignments.spans
    ]
    if rows:
        await tx.execute(ADD, tx.account, *zip(*rows, strict=True))
    await record(tx, "task.assign", list(_audit_changes(changed, before)))
    return {h.task for h in changed}


def _audit_changes(
    changed: Sequence[Handover], before: Mapping[UUID, list[AssignmentSpan]]
) -> Iterator[AuditChange]:
    """Yield, for each task, the assignments that were open or replaced, and those written."""
    for handover in changed:
        old = before.get(handover.task, [])
        new = [
            replace(span, start=span.start or handover.at) for span in handover.assignments.spans
        ]
        if old != new:
            values = {"assignments": old} if old else None
            yield AuditChange(f"task/{handover.task}", values, {"assignments": new})


def _by_task(rows: Sequence[asyncpg.Record]) -> dict[UUID, list[AssignmentSpan]]:
    found: dict[UUID, list[AssignmentSpan]] = {}
    for row in rows:
        span = AssignmentSpan(row["technician"], row["unit"], row["start_at"], row["end_at"])
        found.setdefault(row["task"], []).append(span)
    return found


def _wanted(item: TaskPut) -> list[AssignmentPut] | None:
    """Return the assignments that `item` gives, or the one that its short form stands for."""
    if item.assignments is not UNSET:
        return item.assignments
    if item.technician is UNSET and item.pool is UNSET:
        return None
    technician = None if item.technician is UNSET else item.technician
    pool = None if item.pool is UNSET else item.pool
    if technician is None and pool is None:
        return []
    return [AssignmentPut(start=LATEST, technician=technician, unit=pool)]


def _span(
    put: AssignmentPut, people: Mapping[Ref, UUID], pools: Mapping[Ref, UUID], where: str
) -> AssignmentSpan:
    """Return `put` checked and resolved. `where`: its path in the item; empty: the short form."""
    if (put.technician is None) == (put.unit is None):
        raise FieldError(where or "technician", "must name one technician or one pool")
    moment(f"{where}.start", put.start)
    if put.end is not None and moment(f"{where}.end", put.end) < put.start:
        raise FieldError(f"{where}.end", "must not be before the start")
    if put.technician is not None and put.technician not in people:
        raise unknown(f"{where}.technician" if where else "technician")
    if put.unit is not None and put.unit not in pools:
        raise unknown(f"{where}.unit" if where else "pool")
    return AssignmentSpan(
        technician=None if put.technician is None else people[put.technician],
        unit=None if put.unit is None else pools[put.unit],
        start=put.start if where else None,
        end=put.end,
    )
