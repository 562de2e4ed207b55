"""Completions: one for each task that entered a finished state, told to programs by position.

A task's row lock guards its completion as it guards its history. Positions come from a counter of
the account, whose lock is held until the commit, so that their order is that of commits:
who reads on from a position misses nothing. A completion that moves gets a new position and is
told again. None is ever taken back: facts stay, whatever an account calls finished later.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from mail.planning.history import ROUND, Past
from rules.facts import FINISHED, Transition
from rules.history import first_entry
from sync.database import Tx

#: The states that finish, beside each completion; beside none where there is none.
_KNOWN: Final = """
SELECT s.finished, c.task, c.transition, c.moment
FROM (SELECT array_agg(code) AS finished FROM state WHERE account = $1 AND kind = ANY($2)) s
LEFT JOIN completion c ON c.account = $1 AND c.task = ANY($3) AND c.round = $4
"""

#: Days are ours to tell: PostgreSQL may be built without the older names of zones.
_ZONES: Final = """
SELECT t.id AS task, coalesce(l.zone, a.zone) AS zone
FROM task t JOIN account a ON a.account = t.account
LEFT JOIN location l ON (l.account, l.id) = (t.account, t.location)
WHERE t.account = $1 AND t.id = ANY($2)
"""

_WRITE: Final = """
WITH head AS (
  INSERT INTO completion_head AS h (account, position) VALUES ($1, $3)
  ON CONFLICT (account) DO UPDATE SET position = h.position + excluded.position
  RETURNING position - $3 AS base
)
INSERT INTO completion (account, task, round, transition, moment, day, type, customer, location,
  unit, priority, reason, channel, account_manager, tags, customer_tags, technician, position)
SELECT $1, t.task, $2, t.id, one.moment, one.day, t.type, t.customer, t.location,
  t.unit, t.priority, t.reason, t.channel, t.account_manager, t.tags, t.customer_tags,
  t.technician, head.base + one.place
FROM head, unnest($4::uuid[], $5::timestamptz[], $6::date[])
  WITH ORDINALITY AS one (transition, moment, day, place)
JOIN transition t ON t.account = $1 AND t.id = one.transition
ON CONFLICT (account, task, round) DO UPDATE
SET transition = excluded.transition, moment = excluded.moment, day = excluded.day,
  type = excluded.type, customer = excluded.customer, location = excluded.location,
  unit = excluded.unit, priority = excluded.priority, reason = excluded.reason,
  channel = excluded.channel, account_manager = excluded.account_manager,
  tags = excluded.tags, customer_tags = excluded.customer_tags,
  technician = excluded.technician, position = excluded.position
"""


async def complete(tx: Tx, pasts: Iterable[Past]) -> None:
    """Write the completions that differ, of tasks whose rows are locked. Done last.

    The day of a completion is that of its moment in the location's zone, else the account's.
    """
    changed = await _changed(tx, {past.task: past.history for past in pasts})
    if changed:
        days = await _days(tx, changed)
        told = [(one.id, one.moment, days[task]) for task, one in changed.items()]
        await tx.execute(_WRITE, tx.account, ROUND, len(told), *zip(*told, strict=True))


async def _changed(tx: Tx, histories: Mapping[UUID, list[Transition]]) -> dict[UUID, Transition]:
    """The first entries of tasks that are not what stands in the table."""
    kinds = [kind.value for kind in FINISHED]
    rows = await tx.fetch(_KNOWN, tx.account, kinds, list(histories), ROUND)
    finished = rows[0]["finished"] or ()
    known = {row["task"]: (row["transition"], row["moment"]) for row in rows}
    entries = {task: first_entry(history, finished) for task, history in histories.items()}
    return {
        task: one
        for task, one in entries.items()
        if one is not None and known.get(task) != (one.id, one.moment)
    }


async def _days(tx: Tx, entries: Mapping[UUID, Transition]) -> dict[UUID, date]:
    return {
        row["task"]: entries[row["task"]].moment.astimezone(ZoneInfo(row["zone"])).date()
        for row in await tx.fetch(_ZONES, tx.account, list(entries))
    }
