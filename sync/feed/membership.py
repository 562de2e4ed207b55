"""Who gains and who loses tasks, and what comes and goes with them."""

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from sync.database import Tx
from sync.feed.changes import KindName
from sync.feed.publish import Row, lock_head, write

#: Technician and task.
Hold: TypeAlias = tuple[UUID, UUID]

STATES: Final = "SELECT code FROM state WHERE account = $1 ORDER BY code"

#: Open turns; a pool's turn is that of the active technicians of its unit and those below.
HOLDERS: Final = """
WITH RECURSIVE turn AS (
  SELECT task, technician, unit FROM assignment
  WHERE account = $1 AND task = ANY($2) AND end_at IS NULL
), below AS (
  SELECT unit AS pool, unit FROM turn WHERE unit IS NOT NULL
  UNION
  SELECT below.pool, unit.id FROM below
  JOIN unit ON unit.account = $1 AND unit.parent = below.unit
)
SELECT technician, task FROM turn WHERE technician IS NOT NULL
UNION
SELECT u.id, turn.task FROM turn
JOIN below ON below.pool = turn.unit
JOIN app_user u ON u.account = $1 AND u.unit = below.unit
WHERE u.role = 'technician' AND u.active
"""

HELD: Final = """
SELECT technician, id::uuid AS task FROM feed
WHERE account = $1 AND kind = 'task' AND id = ANY($2::text[]) AND NOT deleted
"""

BROUGHT: Final = """
SELECT id, type, customer, location FROM task WHERE account = $1 AND id = ANY($2)
"""

#: Customers and locations in a technician's feed to which none of the technician's tasks leads.
#: Written so that technicians are no reason to read through all that they hold: of what a thing's
#: key gives they are only picked.
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


async def hand_over(
    tx: Tx,
    tasks: Collection[UUID],
    *,
    left: Collection[tuple[KindName, UUID]] = (),
) -> None:
    """Bring the feeds in line with who holds `tasks` now.

    Gains arrive whole; losses leave tombstones, also of what only the lost tasks led to. Who keeps
    a task gets it anew, for its content changed. `left`: customers and locations that the tasks
    pointed at before.
    """
    if tasks:
        await lock_head(tx)
        await _bring_in_line(tx, list(tasks), changed=True, left=left)


async def update_pool_memberships(tx: Tx) -> None:
    """The same for every task of a pool, after people or units moved."""
    await lock_head(tx)
    # Not before: what another transaction gave to a pool while we waited must be among them.
    tasks = [row["task"] for row in await tx.fetch(POOLED, tx.account)]
    if tasks:
        await _bring_in_line(tx, tasks, changed=False, left=())


async def _bring_in_line(
    tx: Tx, tasks: list[UUID], *, changed: bool, left: Collection[tuple[KindName, UUID]]
) -> None:
    """What `hand_over` does, in the account's turn; `changed`: the tasks' content too."""
    wanted = await _holds(tx, HOLDERS, tasks)
    held = await _holds(tx, HELD, [str(task) for task in tasks])
    brought = {row["id"]: row for row in await tx.fetch(BROUGHT, tx.account, tasks)}
    states = [row["code"] for row in await tx.fetch(STATES, tx.account)]
    await write(tx, _arrivals(wanted if changed else wanted - held, states, brought))
    lost = sorted(held - wanted)
    await write(tx, [Row(technician, "task", str(task), True) for technician, task in lost])
    await _drop_orphans(tx, held, [*left, *_led_to(brought[task] for _, task in lost)])


async def _holds(tx: Tx, sql: str, tasks: list[UUID] | list[str]) -> set[Hold]:
    rows = await tx.fetch(sql, tx.account, tasks)
    return {(row["technician"], row["task"]) for row in rows}


def _arrivals(
    holds: set[Hold], states: list[str], brought: dict[UUID, asyncpg.Record]
) -> list[Row]:
    """Whole arrivals in an order in which nothing points at what has not arrived."""
    technicians = sorted({technician for technician, _ in holds})
    known = [Row(technician, "state", code) for technician in technicians for code in states]
    things: list[Row] = []
    tasks: list[Row] = []
    for technician, task in sorted(holds):
        row = brought[task]
        things.append(Row(technician, "task_type", str(row["type"])))
        things.extend(Row(technician, kind, str(thing)) for kind, thing in _led_to([row]))
        tasks.append(Row(technician, "task", str(task)))
    return list(dict.fromkeys(chain(known, things, tasks)))


def _led_to(rows: Iterable[asyncpg.Record]) -> list[tuple[KindName, UUID]]:
    found: list[tuple[KindName, UUID]] = []
    for row in rows:
        if row["customer"] is not None:
            found.append(("customer", row["customer"]))
        if row["location"] is not None:
            found.append(("location", row["location"]))
    return found


async def _drop_orphans(
    tx: Tx, held: set[Hold], candidates: Collection[tuple[KindName, UUID]]
) -> None:
    technicians = list({technician for technician, _ in held})
    kinds: tuple[KindName, ...] = ("customer", "location")
    rows: list[Row] = []
    for kind in kinds:
        ids = [str(thing) for name, thing in candidates if name == kind]
        sql = ORPHANS.format(kind=kind)
        found = await tx.fetch(sql, tx.account, ids, technicians) if ids else []
        rows.extend(Row(row["technician"], kind, row["id"], True) for row in found)
    await write(tx, sorted(rows))
