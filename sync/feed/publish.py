"""Writing the feed: always the last statements of a transaction.

The account's counter in `feed_head` is the last row that a transaction locks, so one transaction at
a time writes the account's feeds and positions follow the order of commits. `touch` moves a thing
whose content changed to the end of the feeds that contain it; `membership.update_task_feeds` works
out from the open assignments who gains or loses tasks.

Whatever decides what is written is read after the counter was locked, by a statement of its own.
Of two transactions that each change what the other reads, the second to get the lock then sees what
the first committed. What was read before may be out of date.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from sync.database import Tx
from sync.feed.changes import KindName

Thing = tuple[KindName, str]

TOUCH: Final = "SELECT feed_touch($1, $2, $3, $4)"

#: A shared thing that is in the feed already keeps its position. Tasks and verdicts get a new one:
#: they are written only when they changed.
WRITE: Final = """
WITH head AS (
  UPDATE feed_head SET position = position + $6 WHERE account = $1
  RETURNING position - $6 AS base
)
INSERT INTO feed (account, technician, kind, id, position, deleted, changed_at)
SELECT $1, w.technician, w.kind, w.id, head.base + w.place, w.deleted, $7
FROM head, unnest($2::uuid[], $3::text[], $4::text[], $5::boolean[])
  WITH ORDINALITY AS w(technician, kind, id, deleted, place)
ON CONFLICT (account, kind, id, technician) DO UPDATE
SET position = excluded.position, deleted = excluded.deleted, changed_at = excluded.changed_at
WHERE feed.deleted <> excluded.deleted OR feed.kind IN ('task', 'verdict')
"""


class Row(NamedTuple):
    """One thing in one technician's feed."""

    technician: UUID
    kind: KindName
    id: str
    deleted: bool = False


async def lock_head(tx: Tx) -> None:
    """Lock the account's feed counter: the last lock of a transaction."""
    await tx.execute("SELECT FROM feed_head WHERE account = $1 FOR UPDATE", tx.account)


async def touch(tx: Tx, things: Iterable[Thing]) -> None:
    """Move `things`, whose content changed, to the end of the feeds that contain them.

    It locks the feed's counter before it reads which feeds those are.
    """
    distinct = list(dict.fromkeys(things))
    if not distinct:
        return
    kinds = [kind for kind, _ in distinct]
    ids = [thing for _, thing in distinct]
    await tx.execute(TOUCH, tx.account, kinds, ids, tx.now)


async def write(tx: Tx, rows: Sequence[Row]) -> None:
    """Write `rows` to the end of the feeds, in this order; each thing and technician once."""
    if not rows:
        return
    technicians, kinds, ids, deleted = zip(*rows, strict=True)
    await tx.execute(WRITE, tx.account, technicians, kinds, ids, deleted, len(rows), tx.now)
