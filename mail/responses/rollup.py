"""Roll-up: computing the result of a task from all its answers, whenever one has changed."""

from typing import Final
from uuid import UUID

from mail.positions import ADVANCE
from mail.queues import process_due, queue_in
from sync.database import Tx

QUEUE: Final = queue_in("rollup_change", "rollup", "invitation")

#: A concurrent answer waits for this lock, and is then queued again.
_LOCK_ENTRIES: Final = """
SELECT invitation FROM rollup_change WHERE account = $1 AND invitation = ANY($2)
ORDER BY invitation
FOR UPDATE SKIP LOCKED
"""

#: In the order in which their results are locked.
_TASKS: Final = """
SELECT DISTINCT task FROM answer
WHERE account = $1 AND invitation = ANY($2) AND task IS NOT NULL ORDER BY task
"""

_INSERT: Final = """
INSERT INTO task_result (account, task, answers, negative, comments, call_back, rolled_at)
SELECT $1, task, 0, false, 0, false, $3 FROM unnest($2::uuid[]) AS task
ON CONFLICT (account, task) DO NOTHING
"""

_LOCK_RESULTS: Final = """
SELECT task FROM task_result WHERE account = $1 AND task = ANY($2) ORDER BY task FOR UPDATE
"""

#: Answers with `not_me` do not count; the timeline shows them.
_RECOMPUTE: Final = """
UPDATE task_result r
SET answers = n.answers, lead_kind = n.lead_kind, lead_value = n.lead_value,
  lead_mean = n.lead_mean, sentiment = n.sentiment, nps = n.nps, negative = n.negative,
  comments = n.comments, call_back = n.call_back, answered_at = n.answered_at, rolled_at = $3
FROM (
  SELECT t.task, l.lead_kind, l.lead_value, l.sentiment,
    count(a.lead_value)::integer AS answers,
    avg(a.lead_value) FILTER (WHERE a.lead_kind = l.lead_kind) AS lead_mean,
    (array_agg(a.nps ORDER BY a.answered_at DESC, a.invitation DESC)
      FILTER (WHERE a.nps IS NOT NULL))[1] AS nps,
    coalesce(bool_or(a.sentiment = 'negative'), false) AS negative,
    (count(*) FILTER (WHERE a.commented))::integer AS comments,
    coalesce(bool_or(a.call_back), false) AS call_back,
    max(a.answered_at) AS answered_at
  FROM unnest($2::uuid[]) AS t (task)
  LEFT JOIN LATERAL (
    SELECT *, EXISTS (SELECT FROM answer_value v
      WHERE v.account = $1 AND v.invitation = answer.invitation AND v.text <> '') AS commented
    FROM answer WHERE account = $1 AND task = t.task AND NOT not_me) a ON true
  LEFT JOIN LATERAL (
    SELECT lead_kind, lead_value, sentiment
    FROM answer WHERE account = $1 AND task = t.task AND NOT not_me AND lead_value IS NOT NULL
    ORDER BY answered_at DESC, invitation DESC LIMIT 1) l ON true
  GROUP BY t.task, l.lead_kind, l.lead_value, l.sentiment
) n
WHERE r.account = $1 AND r.task = n.task
"""

_DEQUEUE: Final = "DELETE FROM rollup_change WHERE account = $1 AND invitation = ANY($2)"


async def roll_due(limit: int = 500) -> int:
    """Roll up at most `limit` changed answers of all accounts, and return how many were.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    return await process_due(QUEUE, limit, roll)


async def roll(tx: Tx, invitations: list[UUID]) -> int:
    """Roll up those of `invitations` whose entries are not locked, and return their number."""
    rows = await tx.fetch(_LOCK_ENTRIES, tx.account, invitations)
    locked = [row["invitation"] for row in rows]
    if not locked:
        return 0
    if tasks := [row["task"] for row in await tx.fetch(_TASKS, tx.account, locked)]:
        await tx.execute(_INSERT, tx.account, tasks, tx.now)
        await tx.fetch(_LOCK_RESULTS, tx.account, tasks)
        await tx.execute(_RECOMPUTE, tx.account, tasks, tx.now)
    await tx.execute(_DEQUEUE, tx.account, locked)
    tx.last.add(ADVANCE)
    return len(locked)
