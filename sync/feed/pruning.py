"""Deleting tombstones that are older than any cursor that is still accepted."""

from datetime import timedelta
from typing import Final

from sync.database import Tx
from sync.feed.publish import lock_head

#: A device that did not pull for longer must start again.
TOMBSTONE_LIFE: Final = timedelta(days=90)

STALE: Final = "SELECT FROM feed WHERE account = $1 AND deleted AND changed_at < $2 LIMIT 1"

PRUNE: Final = """
WITH gone AS (
  DELETE FROM feed WHERE account = $1 AND deleted AND changed_at < $2 RETURNING position
), last AS (
  SELECT max(position) AS position FROM gone
)
UPDATE feed_head SET pruned = greatest(pruned, last.position) FROM last
WHERE account = $1 AND last.position IS NOT NULL
"""


async def prune(tx: Tx) -> None:
    """Delete tombstones older than `TOMBSTONE_LIFE`; record the position up to which some lack."""
    before = tx.now - TOMBSTONE_LIFE
    if await tx.fetchrow(STALE, tx.account, before) is None:
        return
    await lock_head(tx)
    await tx.execute(PRUNE, tx.account, before)
