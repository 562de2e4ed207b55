"""Locations whose calendar changed: what waits there for its first mail is planned again.

In chunks, each with the place where the next one goes on in its own transaction: one that is killed
is done again, and nobody waits for all of them.
"""

from typing import Final
from uuid import UUID

from mail.campaigns.calendar import EVERYWHERE
from mail.queues import Queue
from mail.states import MOVE
from sync.database import Tx

#: Tasks that are queued in one transaction.
CHUNK: Final = 500

QUEUE: Final = Queue(
    name="places",
    entry="location",
    due="""
    SELECT account, location FROM place_change
    WHERE quarantined_at IS NULL AND not_before <= $1
    ORDER BY not_before LIMIT $2
    """,
    failed="""
    UPDATE place_change SET attempts = attempts + 1, error = $4,
      not_before = $3::timestamptz + interval '5 seconds' * power(4, attempts),
      quarantined_at = CASE WHEN attempts + 1 >= $5 THEN $3::timestamptz END
    WHERE account = $1 AND location = $2
    """,
)

_PLACE: Final = """
SELECT after, changed_at FROM place_change WHERE account = $1 AND location = $2
"""

#: What is behind `$2`, in the order of a key: of the queue, or of the location's tasks.
_BEHIND_EVERYWHERE: Final = MOVE.reading("""
SELECT o.invitation AS key, i.task, o.phase IN ({from_phases}) AND i.status IN ({from_statuses})
  AND i.task IS NOT NULL AS waits
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
WHERE o.account = $1 AND o.invitation > $2
ORDER BY o.invitation LIMIT $3
""")
_BEHIND: Final = MOVE.reading("""
SELECT t.id AS key, t.id AS task, EXISTS (
  SELECT FROM invitation i JOIN outbox o ON (o.account, o.invitation) = (i.account, i.id)
  WHERE i.account = $1 AND i.task = t.id AND i.status IN ({from_statuses})
    AND o.phase IN ({from_phases})) AS waits
FROM task t WHERE t.account = $1 AND t.location = $4 AND t.id > $2
ORDER BY t.id LIMIT $3
""")

_QUEUE_TASKS: Final = """
WITH locked AS MATERIALIZED (
  SELECT id FROM task WHERE account = $1 AND id = ANY($3) ORDER BY id FOR NO KEY UPDATE
)
INSERT INTO task_change (account, task, changed_at, attempts, not_before)
SELECT $1, id, $2, 0, $2 FROM locked
ON CONFLICT (account, task) DO UPDATE
SET changed_at = $2, attempts = 0, not_before = $2, quarantined_at = NULL, error = NULL
WHERE task_change.attempts > 0
"""

#: Unless it changed once more, or another worker was first.
_GO_ON: Final = """
UPDATE place_change SET after = $5, attempts = 0, error = NULL
WHERE account = $1 AND location = $2 AND changed_at = $3 AND after IS NOT DISTINCT FROM $4
"""
_DEQUEUE: Final = """
DELETE FROM place_change
WHERE account = $1 AND location = $2 AND changed_at = $3 AND after IS NOT DISTINCT FROM $4
"""

_FIRST: Final = UUID(int=0)


async def queue_waiting(tx: Tx, locations: list[UUID], chunk: int = CHUNK) -> int:
    """Queue about a `chunk` of the tasks that wait at `locations`; return at how many it began."""
    done, left = 0, chunk
    for location in locations:
        left -= await _queue_some(tx, location, left)
        done += 1
        if left <= 0:
            break
    return done


async def _queue_some(tx: Tx, location: UUID, limit: int) -> int:
    """Queue what waits among the next `limit` of a location; return how many of them there were."""
    row = await tx.fetchrow(_PLACE, tx.account, location)
    if row is None:
        return 0  # another worker has ended it
    after: UUID | None = row["after"]
    behind = (tx.account, after or _FIRST, limit)
    if location == EVERYWHERE:
        found = await tx.fetch(_BEHIND_EVERYWHERE, *behind)
    else:
        found = await tx.fetch(_BEHIND, *behind, location)
    tasks = {one["task"] for one in found if one["waits"]}
    await tx.execute(_QUEUE_TASKS, tx.account, tx.now, tasks)
    fence = (tx.account, location, row["changed_at"], after)
    if len(found) < limit:
        await tx.execute(_DEQUEUE, *fence)
    else:
        await tx.execute(_GO_ON, *fence, found[-1]["key"])
    return len(found)
