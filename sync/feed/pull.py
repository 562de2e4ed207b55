"""Reading a page of a technician's feed."""

from collections.abc import Collection
from functools import partial
from typing import Final

import asyncpg
from msgspec import Struct

from sync.database import Tx, run
from sync.errors import ResyncError
from sync.feed.changes import Change, Gone, KindName
from sync.feed.content import read_content
from sync.feed.cursor import Cursor, read_cursor, write_cursor
from sync.feed.pruning import prune
from sync.messages import DeviceScope
from sync.restore import lock_account, record_restore

USUAL_CHANGES: Final = 1000
MOST_CHANGES: Final = 5000

HEAD: Final = "SELECT epoch, position, pruned FROM feed_head WHERE account = $1"

#: Head and rows of one snapshot: tombstones that were pruned between two statements would be
#: missing from the rows, and `pruned` of an earlier snapshot would not show it.
ROWS: Final = """
SELECT h.epoch, h.position AS head, h.pruned, f.position, f.kind, f.id, f.deleted
FROM feed_head h LEFT JOIN LATERAL (
  SELECT r.position, r.kind, r.id, r.deleted FROM feed r
  WHERE r.account = $1 AND r.technician = $2 AND r.position > $3
    AND ($5::text[] IS NULL OR r.kind = ANY($5))
  ORDER BY r.position LIMIT $4) f ON true
WHERE h.account = $1 ORDER BY f.position
"""

#: Two devices may detect a restore at once; the statement of the second changes nothing.
NEW_EPOCH: Final = """
UPDATE feed_head SET epoch = greatest(epoch, $2) + 1
WHERE account = $1 AND (epoch, position) < ($2, $3)
"""


class Page(Struct, frozen=True):
    """Changes in feed order. The next pull sends `cursor`; at once while `more`."""

    changes: list[Change]
    cursor: str
    more: bool


class Stretch(Struct, frozen=True):
    """Changes in feed order, the cursor after them, and whether there are more already."""

    changes: list[Change]
    cursor: Cursor
    more: bool


async def pull(
    device: DeviceScope,
    cursor: str | None,
    key: bytes,
    limit: int = USUAL_CHANGES,
    protocol: int = 1,
) -> Page:
    """Return the page after `cursor`, or the first one without it.

    `key`: the secret of the cursors' MAC. `limit`: the most changes, clamped to 1 to
    `MOST_CHANGES`. `protocol`: the version that the device speaks.

    :raises CursorError: `cursor` was not written for this technician.
    :raises ResyncError: the device must start again without a cursor.
    """
    after = None if cursor is None else read_cursor(key, device, cursor)
    most = min(max(limit, 1), MOST_CHANGES)
    read = partial(read_stretch, device=device, after=after, most=most, protocol=protocol)
    stretch = await run(device.account, read)
    if stretch is None:
        raise ResyncError("this cursor cannot be continued; pull again without one")
    return Page(stretch.changes, write_cursor(key, device, stretch.cursor), stretch.more)


async def read_stretch(
    tx: Tx,
    device: DeviceScope,
    after: Cursor | None,
    most: int,
    kinds: Collection[KindName] | None = None,
    protocol: int = 1,
) -> Stretch | None:
    """Return at most `most` changes of `kinds` (None: all) after a cursor, or from the start.

    A cursor of a protocol older than `protocol` is continued from the start, so that what the older
    one left out comes too. None: the cursor cannot be continued. It is no exception, because a new
    epoch must be committed before the device learns of it.
    """
    if after is None:
        await prune(tx)
    goes_on = after is not None and after.protocol >= protocol
    start = after.position if after and goes_on else 0
    wanted = None if kinds is None else list(kinds)
    found = await tx.fetch(ROWS, tx.account, device.technician, start, most + 1, wanted)
    head = found[0]  # made with the account; its other columns are null without rows
    if after and not await _can_continue(tx, after, head):
        return None
    floor = after.floor if after and goes_on else head["pruned"]
    rows = found if head["position"] is not None else []
    more = len(rows) > most
    rows = rows[:most]
    last: int = rows[-1]["position"] if rows else start
    # All up to the head is committed, so the cursor of a feed without changes does not grow old.
    end = last if more else max(last, head["head"])
    content = await read_content(tx, rows)
    changes = [
        Gone(row["kind"], row["id"]) if row["deleted"] else content[row["kind"], row["id"]]
        for row in rows
    ]
    return Stretch(changes, Cursor(head["epoch"], end, floor, protocol), more)


async def _can_continue(tx: Tx, after: Cursor, head: asyncpg.Record) -> bool:
    if after > Cursor(head["epoch"], head["head"]):
        # A cursor of ours that is ahead of the feed: the database was restored from a backup.
        await lock_account(tx)
        if await tx.execute(NEW_EPOCH, tx.account, after.epoch, after.position):
            await record_restore(tx)
        return False
    seen = max(after.position, after.floor)
    return bool(after.epoch == head["epoch"] and seen >= head["pruned"])
