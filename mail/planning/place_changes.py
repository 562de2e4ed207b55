"""Locations whose calendar changed: what waits there for its first mail is planned again.

In chunks, each with the place where the next one goes on in its own transaction: one that is killed
is done again, and nobody waits for all of them.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from mail.campaigns.calendar import EVERYWHERE
from mail.queues import queue_in
from mail.states import MOVE
from sync.database import Tx

#: Tasks that are queued in one transaction.
CHUNK: Final = 500

QUEUE: Final = queue_in("place_change", "places", "location")

_PLACE: Final = """
SELECT after, changed_at FROM place_change WHERE account = $1 AND location = $2
"""

#: What is behind `$2`, in the order of a key: of the queue, or of the location's tasks.
_BEHIND_EVERYWHERE: Final = """
SELECT o.invitation AS key, i.task
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
WHERE o.account = $1 AND o.invitation > $2
ORDER BY o.invitation LIMIT $3
"""
_BEHIND: Final = """
SELECT id AS key, id AS task FROM task WHERE account = $1 AND location = $4 AND id > $2
ORDER BY id LIMIT $3
"""

#: Whoever plans one of them read its location before: what comes of that is seen once it is locked.
_LOCK_TASKS: Final = """
SELECT id FROM task WHERE account = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE
"""
_QUEUE_TASKS: Final = MOVE.reading("""
INSERT INTO task_change (account, task, changed_at, attempts, not_before)
SELECT $1, waits.task, $2, 0, $2 FROM (
  SELECT DISTINCT i.task
  FROM invitation i JOIN outbox o ON (o.account, o.invitation) = (i.account, i.id)
  WHERE i.account = $1 AND i.task = ANY($3) AND i.status IN ({from_statuses})
    AND o.phase IN ({from_phases})) waits
ON CONFLICT (account, task) DO UPDATE
SET changed_at = $2, attempts = 0, not_before = $2, quarantined_at = NULL, error = NULL
WHERE task_change.attempts > 0
""")

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
    tasks: set[UUID] = set()
    reached: list[tuple[UUID, datetime, UUID | None, UUID | None]] = []
    for location in sorted(locations):
        place = await tx.fetchrow(_PLACE, tx.account, location)
        done += 1
        if place is None:
            continue  # another worker has ended it
        after: UUID | None = place["after"]
        behind = (tx.account, after or _FIRST, left)
        if location == EVERYWHERE:
            found = await tx.fetch(_BEHIND_EVERYWHERE, *behind)
        else:
            found = await tx.fetch(_BEHIND, *behind, location)
        tasks |= {row["task"] for row in found if row["task"] is not None}
        end = found[-1]["key"] if len(found) == left else None
        reached.append((location, place["changed_at"], after, end))
        left -= len(found)
        if left <= 0:
            break
    await tx.fetch(_LOCK_TASKS, tx.account, tasks)
    await tx.execute(_QUEUE_TASKS, tx.account, tx.now, tasks)
    for *fence, end in reached:
        if end is None:
            await tx.execute(_DEQUEUE, tx.account, *fence)
        else:
            await tx.execute(_GO_ON, tx.account, *fence, end)
    return done
