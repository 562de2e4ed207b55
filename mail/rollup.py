"""Roll-up: a task's result, computed again from its answers whenever one of them changed."""

from typing import Final
from uuid import UUID

from mail.queues import Queue, work_off
from sync.database import Tx

QUEUE: Final = Queue(
    name="rollup",
    due="""
    SELECT account, task FROM rollup_change
    WHERE quarantined_at IS NULL AND not_before <= $1
    ORDER BY not_before LIMIT $2
    """,
    failed="""
    UPDATE rollup_change SET attempts = attempts + 1, error = $4,
      not_before = $3::timestamptz + interval '5 seconds' * power(4, attempts),
      quarantined_at = CASE WHEN attempts + 1 >= $5 THEN $3::timestamptz END
    WHERE account = $1 AND task = $2
    """,
)

#: An answer that arrives now waits for this lock, then queues its task again.
_CLAIM: Final = """
SELECT task FROM rollup_change WHERE account = $1 AND task = ANY($2)
ORDER BY task
FOR UPDATE SKIP LOCKED
"""

_MAKE_ROOM: Final = """
INSERT INTO task_result (account, task, answers, negative, comments, call_back, rolled_at)
SELECT $1, task, 0, false, 0, false, $3 FROM unnest($2::uuid[]) AS task
ON CONFLICT (account, task) DO NOTHING
"""

_LOCK: Final = """
SELECT task FROM task_result WHERE account = $1 AND task = ANY($2) ORDER BY task FOR UPDATE
"""

#: Answers of the wrong person count for nothing; the timeline still shows them.
_RECOMPUTE: Final = """
UPDATE task_result r
SET answers = n.answers, rating_mean = n.rating_mean, rating_last = n.rating_last,
  negative = n.negative, comments = n.comments, call_back = n.call_back,
  answered_at = n.answered_at, rolled_at = $3
FROM (
  SELECT one.task,
    count(a.rating)::integer AS answers,
    avg(a.rating) AS rating_mean,
    (array_agg(a.rating ORDER BY a.answered_at DESC, a.invitation DESC)
      FILTER (WHERE a.rating IS NOT NULL))[1] AS rating_last,
    coalesce(bool_or(a.sentiment = 'negative'), false) AS negative,
    (count(*) FILTER (WHERE a.comment <> ''))::integer AS comments,
    coalesce(bool_or(a.call_back), false) AS call_back,
    max(a.answered_at) AS answered_at
  FROM unnest($2::uuid[]) AS one (task)
  LEFT JOIN answer a ON a.account = $1 AND a.task = one.task AND NOT a.not_me
  GROUP BY one.task
) n
WHERE r.account = $1 AND r.task = n.task
"""

_DONE: Final = "DELETE FROM rollup_change WHERE account = $1 AND task = ANY($2)"


async def roll_due(limit: int = 500) -> int:
    """Recompute at most `limit` results of all accounts; how many were.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    return await work_off(QUEUE, limit, roll)


async def roll(tx: Tx, tasks: list[UUID]) -> int:
    """Recompute the results of those `tasks` whose entry nobody else has; how many those were."""
    claimed = [row["task"] for row in await tx.fetch(_CLAIM, tx.account, tasks)]
    if claimed:
        await tx.execute(_MAKE_ROOM, tx.account, claimed, tx.now)
        await tx.fetch(_LOCK, tx.account, claimed)
        await tx.execute(_RECOMPUTE, tx.account, claimed, tx.now)
        await tx.execute(_DONE, tx.account, claimed)
    return len(claimed)
