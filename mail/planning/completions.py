"""Completions: one row for each task that entered a finished state, read by programs in order.

The lock of a task's row protects its completion as it protects its history. Positions come from a
counter of the account that stays locked until the commit, so that positions are in the order of
commits: a reader that goes on from a position misses nothing. A completion that changes gets a new
position and is read again. None is ever deleted, even if the account later calls other states
finished.
"""

from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from mail.planning.history import ROUND, TaskHistory
from rules.history import FINISHED, first_entry
from sync.database import Tx

#: The codes of finished states, in each row beside a completion, or in one row where none exists.
_KNOWN: Final = """
SELECT s.finished, c.task, c.transition, c.moment
FROM (SELECT array_agg(code) AS finished FROM state WHERE account = $1 AND kind = ANY($2)) s
LEFT JOIN completion c ON c.account = $1 AND c.task = ANY($3) AND c.round = $4
"""

#: Python computes the days: PostgreSQL may be built without deprecated names of zones.
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
SELECT $1, t.task, $2, t.id, entry.moment, entry.day, t.type, t.customer, t.location,
  t.unit, t.priority, t.reason, t.channel, t.account_manager, t.tags, t.customer_tags,
  t.technician, head.base + entry.place
FROM head, unnest($4::uuid[], $5::timestamptz[], $6::date[])
  WITH ORDINALITY AS entry (transition, moment, day, place)
JOIN transition t ON t.account = $1 AND t.id = entry.transition
ON CONFLICT (account, task, round) DO UPDATE
SET transition = excluded.transition, moment = excluded.moment, day = excluded.day,
  type = excluded.type, customer = excluded.customer, location = excluded.location,
  unit = excluded.unit, priority = excluded.priority, reason = excluded.reason,
  channel = excluded.channel, account_manager = excluded.account_manager,
  tags = excluded.tags, customer_tags = excluded.customer_tags,
  technician = excluded.technician, position = excluded.position
"""


async def write_completions(tx: Tx, histories: Iterable[TaskHistory]) -> None:
    """Write the completions that are new or changed, of tasks whose rows are locked.

    Called last, because it locks the counter. The day of a completion is that of its moment in
    the location's zone, else the account's.
    """
    transitions = {history.task: history.transitions for history in histories}
    kinds = [kind.value for kind in FINISHED]
    rows = await tx.fetch(_KNOWN, tx.account, kinds, list(transitions), ROUND)
    finished = rows[0]["finished"] or ()
    known = {row["task"]: (row["transition"], row["moment"]) for row in rows}
    changed = {}
    for task, of_task in transitions.items():
        entry = first_entry(of_task, finished)
        if entry is not None and known.get(task) != (entry.id, entry.moment):
            changed[task] = entry
    if not changed:
        return
    entries = []
    for row in await tx.fetch(_ZONES, tx.account, list(changed)):
        entry = changed[row["task"]]
        day = entry.moment.astimezone(ZoneInfo(row["zone"])).date()
        entries.append((entry.id, entry.moment, day))
    columns = zip(*entries, strict=True)
    await tx.execute(_WRITE, tx.account, ROUND, len(entries), *columns)
