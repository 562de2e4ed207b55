"""Who is responsible for a task, from when to when: a technician, or a unit's pool."""

from collections.abc import Collection, Iterator, Mapping, Sequence
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


async def read_assignments(tx: Tx, items: Sequence[TaskPut]) -> list[Turns | None]:
    """What each of `items` says, None where it says nothing.

    :raises FieldError: a turn that ends before it starts, or is nobody's or two people's.
    :raises UnknownReferenceError: no such technician or unit.
    """
    wanted = [_wanted(item) for item in items]
    puts = [put for turns in wanted if turns is not None for put in turns]
    technicians = {put.technician for put in puts if put.technician is not None}
    units = {put.unit for put in puts if put.unit is not None}
    people = await find(tx, User, technicians)
    pools = await find(tx, Unit, units)
    found: list[Turns | None] = []
    for place, (item, turns) in enumerate(zip(items, wanted, strict=True)):
        try:
            found.append(_turns(item, turns, people, pools))
        except FieldError as error:
            raise error.of(place, item.external_id) from None
    return found


async def replace_assignments(tx: Tx, handovers: Sequence[Handover]) -> set[UUID]:
    """Write what changes of who has the tasks, which are locked; the tasks that it changes."""
    short = [h.task for h in handovers if not h.turns.whole and not h.new]
    rows = await tx.fetch(OPEN, tx.account, short) if short else []
    before = _by_task(rows)
    still = {
        task: {(turn.technician, turn.unit) for turn in open_} for task, open_ in before.items()
    }
    moved = [h for h in handovers if h.turns.whole or h.new or _differs(h, still)]
    before |= await _forget(tx, [h.task for h in moved if h.turns.whole and not h.new])
    await _close(tx, moved, still)
    await _add(tx, moved)
    await record(tx, "task.assign", list(_told(moved, before)))
    return {h.task for h in moved}


def _told(moved: Sequence[Handover], before: Mapping[UUID, list[Turn]]) -> Iterator[AuditChange]:
    """Who had each task, of the turns that were open or are replaced, and who has it now."""
    for handover in moved:
        now = [replace(turn, start=turn.start or handover.at) for turn in handover.turns.turns]
        was = before.get(handover.task, [])
        if was != now:
            yield AuditChange(
                f"task/{handover.task}", {"turns": was} if was else None, {"turns": now}
            )


def _by_task(rows: Sequence[asyncpg.Record]) -> dict[UUID, list[Turn]]:
    found: dict[UUID, list[Turn]] = {}
    for row in rows:
        turn = Turn(row["technician"], row["unit"], row["start_at"], row["end_at"])
        found.setdefault(row["task"], []).append(turn)
    return found


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


def _turns(
    item: TaskPut,
    turns: Sequence[AssignmentPut] | None,
    people: Mapping[Ref, UUID],
    pools: Mapping[Ref, UUID],
) -> Turns | None:
    if turns is None:
        return None
    if item.assignments is UNSET:
        return Turns([_turn(put, people, pools, "") for put in turns], whole=False)
    told = [_turn(put, people, pools, f"assignments.{place}") for place, put in enumerate(turns)]
    return Turns(told, whole=True)


def _turn(
    put: AssignmentPut, people: Mapping[Ref, UUID], pools: Mapping[Ref, UUID], where: str
) -> Turn:
    """`where`: the turn's place among those of a whole history, empty for the short way."""
    if (put.technician is None) == (put.unit is None):
        raise FieldError(where or "technician", "a turn is a technician's or a pool's")
    moment(f"{where}.start", put.start)
    if put.end is not None and moment(f"{where}.end", put.end) < put.start:
        raise FieldError(f"{where}.end", "a turn ends after it starts")
    if put.technician is not None and put.technician not in people:
        raise unknown(f"{where}.technician" if where else "technician")
    if put.unit is not None and put.unit not in pools:
        raise unknown(f"{where}.unit" if where else "pool")
    return Turn(
        technician=None if put.technician is None else people[put.technician],
        unit=None if put.unit is None else pools[put.unit],
        start=put.start if where else None,
        end=put.end,
    )


def _differs(
    handover: Handover, still: Mapping[UUID, set[tuple[UUID | None, UUID | None]]]
) -> bool:
    wanted = {(turn.technician, turn.unit) for turn in handover.turns.turns}
    return still.get(handover.task, set()) != wanted


async def _forget(tx: Tx, tasks: Sequence[UUID]) -> dict[UUID, list[Turn]]:
    """The turns that `tasks` had until now."""
    return _by_task(await tx.fetch(FORGET, tx.account, tasks)) if tasks else {}


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
