"""Membership in feeds: who gains or loses tasks, and the records that come and go with them."""

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from sync.database import Tx
from sync.feed.changes import KindName
from sync.feed.publish import Row, lock_head, write

#: Kinds of records that tasks share; their names are also the columns of `task`.
SHARED: Final[tuple[KindName, ...]] = ("customer", "location")

#: A technician, and a task in their feed.
Member: TypeAlias = tuple[UUID, UUID]

STATES: Final = "SELECT code FROM state WHERE account = $1 ORDER BY code"

#: Technicians with an open assignment to the tasks. A pool's assignment is that of the active
#: technicians of its unit and of the units below.
ASSIGNED: Final = """
WITH RECURSIVE assigned AS (
  SELECT task, technician, unit FROM assignment
  WHERE account = $1 AND task = ANY($2) AND end_at IS NULL
), below AS (
  SELECT unit AS pool, unit FROM assigned WHERE unit IS NOT NULL
  UNION
  SELECT below.pool, unit.id FROM below
  JOIN unit ON unit.account = $1 AND unit.parent = below.unit
)
SELECT technician, task FROM assigned WHERE technician IS NOT NULL
UNION
SELECT u.id, assigned.task FROM assigned
JOIN below ON below.pool = assigned.unit
JOIN app_user u ON u.account = $1 AND u.unit = below.unit
WHERE u.role = 'technician' AND u.active
"""

IN_FEEDS: Final = """
SELECT technician, id::uuid AS task FROM feed
WHERE account = $1 AND kind = 'task' AND id = ANY($2::text[]) AND NOT deleted
"""

REFERENCES: Final = """
SELECT id, type, customer, location FROM task WHERE account = $1 AND id = ANY($2)
"""

#: Customers and locations in a technician's feed to which none of the tasks in that feed refers.
#: `array_position` and `IS NOT DISTINCT FROM` keep the planner from an index by technician, which
#: would read whole feeds: rows are found by the thing's key and then filtered by technician.
ORPHANS: Final = """
SELECT f.technician, f.kind, f.id FROM feed f
WHERE f.account = $1 AND NOT f.deleted AND f.kind = '{kind}'
  AND f.id = ANY($2::text[]) AND array_position($3::uuid[], f.technician) IS NOT NULL
  AND (
    SELECT true FROM task t WHERE t.account = $1 AND t.{kind} = f.id::uuid AND (
      SELECT true FROM feed h WHERE h.account = $1 AND h.kind = 'task' AND h.id = t.id::text
        AND h.technician IS NOT DISTINCT FROM f.technician AND NOT h.deleted
    ) LIMIT 1
  ) IS NULL
"""

POOLED: Final = """
SELECT DISTINCT task FROM assignment
WHERE account = $1 AND unit IS NOT NULL AND end_at IS NULL ORDER BY task
"""


async def update_task_feeds(
    tx: Tx,
    tasks: Collection[UUID],
    *,
    left: Collection[tuple[KindName, UUID]] = (),
) -> None:
    """Update the feeds of all who have, or had, one of `tasks`, whose content changed.

    Who gains a task gets all that it refers to; who loses it gets tombstones, also of what only the
    lost tasks referred to; who keeps it gets it anew. `left`: customers and locations to which the
    tasks referred before. Locks the feed's counter.
    """
    if tasks:
        await lock_head(tx)
        await _update(tx, list(tasks), changed=True, left=left)


async def update_pool_memberships(tx: Tx) -> None:
    """Update the feeds for all tasks of pools, after users or units moved.

    Locks the feed's counter.
    """
    await lock_head(tx)
    # Read after the lock, so that tasks which another transaction gave to a pool are among them.
    tasks = [row["task"] for row in await tx.fetch(POOLED, tx.account)]
    if tasks:
        await _update(tx, tasks, changed=False, left=())


async def _update(
    tx: Tx, tasks: list[UUID], *, changed: bool, left: Collection[tuple[KindName, UUID]]
) -> None:
    """Do what `update_task_feeds` says, under the counter's lock. `changed`: the content did."""
    assigned = await _members(tx, ASSIGNED, tasks)
    before = await _members(tx, IN_FEEDS, [str(task) for task in tasks])
    rows = {row["id"]: row for row in await tx.fetch(REFERENCES, tx.account, tasks)}
    states = [row["code"] for row in await tx.fetch(STATES, tx.account)]
    await write(tx, _arrivals(assigned if changed else assigned - before, states, rows))
    lost = sorted(before - assigned)
    await write(tx, [Row(technician, "task", str(task), True) for technician, task in lost])
    candidates = [*left, *_references(rows[task] for _, task in lost)]
    technicians = list({technician for technician, _ in before})
    orphans: list[Row] = []
    for kind in SHARED:
        ids = [str(id_) for name, id_ in candidates if name == kind]
        found = (
            await tx.fetch(ORPHANS.format(kind=kind), tx.account, ids, technicians) if ids else []
        )
        orphans.extend(Row(row["technician"], kind, row["id"], True) for row in found)
    await write(tx, sorted(orphans))


async def _members(tx: Tx, sql: str, tasks: list[UUID] | list[str]) -> set[Member]:
    rows = await tx.fetch(sql, tx.account, tasks)
    return {(row["technician"], row["task"]) for row in rows}


def _arrivals(
    members: set[Member], states: list[str], rows: dict[UUID, asyncpg.Record]
) -> list[Row]:
    """Return the feed rows of tasks that arrive, each after all that it refers to."""
    technicians = sorted({technician for technician, _ in members})
    known = [Row(technician, "state", code) for technician in technicians for code in states]
    things: list[Row] = []
    tasks: list[Row] = []
    for technician, task in sorted(members):
        row = rows[task]
        things.append(Row(technician, "task_type", str(row["type"])))
        things.extend(Row(technician, kind, str(id_)) for kind, id_ in _references([row]))
        tasks.append(Row(technician, "task", str(task)))
    return list(dict.fromkeys(chain(known, things, tasks)))


def _references(rows: Iterable[asyncpg.Record]) -> list[tuple[KindName, UUID]]:
    """Return the customers and locations of task `rows`."""
    return [(kind, row[kind]) for row in rows for kind in SHARED if row[kind] is not None]
