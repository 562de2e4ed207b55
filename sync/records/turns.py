"""Who is responsible for a task, from when to when: a technician, or a unit's pool."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct

from rules.timing import LATEST
from sync.database import Tx
from sync.errors import FieldError
from sync.ids import new_id
from sync.people import Unit, User
from sync.records.checks import moment
from sync.records.shapes import AssignmentPut, Ref, TaskPut
from sync.records.storing import find

OPEN: Final = """
SELECT task, technician, unit FROM assignment
WHERE account = $1 AND task = ANY($2) AND end_at IS NULL
"""
FORGET: Final = "DELETE FROM assignment WHERE account = $1 AND task = ANY($2)"

#: A turn that was still to come ends where it would have begun.
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


class Turn(Struct, frozen=True):
    """A turn with its references resolved.

    `start` null: from the handover on; `end` null: open.
    """

    technician: UUID | None
    unit: UUID | None
    start: datetime | None = None
    end: datetime | None = None


class Turns(Struct, frozen=True):
    """What an item says about its task's turns.

    `whole`: in place of the stored history; else whoever has the task hands it over.
    """

    turns: list[Turn]
    whole: bool

    def holder(self) -> UUID | None:
        """The technician of the open turn that started last."""
        still = [turn for turn in self.turns if turn.end is None]
        return max(still, key=lambda turn: turn.start or LATEST).technician if still else None


class Handover(Struct, frozen=True):
    """`turns` for a `task`; a short turn begins at `at` (UTC). `new`: the task was just made."""

    task: UUID
    turns: Turns
    at: datetime
    new: bool


async def read_turns(tx: Tx, items: Sequence[TaskPut]) -> list[Turns | None]:
    """What each of `items` says, None where it says nothing.

    :raises FieldError: a turn that ends before it starts, or is nobody's or two people's.
    :raises UnknownReferenceError: no such technician or unit.
    """
    wanted = [_wanted(item) for item in items]
    puts = [put for turns in wanted if turns is not None for put in turns]
    technicians = {put.technician for put in puts if put.technician is not None}
    units = {put.unit for put in puts if put.unit is not None}
    people = await find(tx, User, "technician", technicians)
    pools = await find(tx, Unit, "pool", units)
    found: list[Turns | None] = []
    for item, turns in zip(items, wanted, strict=True):
        whole = item.assignments is not UNSET
        resolved = None if turns is None else [_turn(put, people, pools, whole) for put in turns]
        found.append(None if resolved is None else Turns(resolved, whole))
    return found


async def hand_over_turns(tx: Tx, handovers: Sequence[Handover]) -> set[UUID]:
    """Write what changes of who has the tasks, which are locked; the tasks that it changes."""
    short = [h.task for h in handovers if not h.turns.whole and not h.new]
    rows = await tx.fetch(OPEN, tx.account, short) if short else []
    still: dict[UUID, set[tuple[UUID | None, UUID | None]]] = {}
    for row in rows:
        still.setdefault(row["task"], set()).add((row["technician"], row["unit"]))
    moved = [h for h in handovers if h.turns.whole or h.new or _differs(h, still)]
    await _forget(tx, [h.task for h in moved if h.turns.whole and not h.new])
    await _close(tx, moved, still)
    await _add(tx, moved)
    return {h.task for h in moved}


def _wanted(item: TaskPut) -> list[AssignmentPut] | None:
    if item.assignments is not UNSET:
        return item.assignments
    if item.technician is UNSET and item.pool is UNSET:
        return None
    technician = None if item.technician is UNSET else item.technician
    pool = None if item.pool is UNSET else item.pool
    if technician is None and pool is None:
        return []
    return [AssignmentPut(start=LATEST, technician=technician, unit=pool)]


def _turn(
    put: AssignmentPut, people: Mapping[Ref, UUID], pools: Mapping[Ref, UUID], whole: bool
) -> Turn:
    if (put.technician is None) == (put.unit is None):
        raise FieldError("assignments", "a turn is a technician's or a pool's")
    moment("assignments", put.start)
    if put.end is not None and moment("assignments", put.end) < put.start:
        raise FieldError("assignments", "a turn ends after it starts")
    return Turn(
        technician=None if put.technician is None else people[put.technician],
        unit=None if put.unit is None else pools[put.unit],
        start=put.start if whole else None,
        end=put.end,
    )


def _differs(
    handover: Handover, still: Mapping[UUID, set[tuple[UUID | None, UUID | None]]]
) -> bool:
    wanted = {(turn.technician, turn.unit) for turn in handover.turns.turns}
    return still.get(handover.task, set()) != wanted


async def _forget(tx: Tx, tasks: Sequence[UUID]) -> None:
    if tasks:
        await tx.execute(FORGET, tx.account, tasks)


async def _close(tx: Tx, moved: Sequence[Handover], still: Collection[UUID]) -> None:
    closing = [(h.task, h.at) for h in moved if h.task in still]
    if closing:
        tasks, moments = zip(*closing, strict=True)
        await tx.execute(CLOSE, tx.account, tasks, moments)


async def _add(tx: Tx, moved: Sequence[Handover]) -> None:
    rows = [
        (new_id(), h.task, turn.technician, turn.unit, turn.start or h.at, turn.end)
        for h in moved
        for turn in h.turns.turns
    ]
    if rows:
        await tx.execute(ADD, tx.account, *zip(*rows, strict=True))
