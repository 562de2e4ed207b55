"""Reading a page of a technician's feed."""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Final

import asyncpg
from msgspec import Struct

from sync.database import Tx, run
from sync.errors import ResyncError
from sync.feed.changes import Change, Gone, KindName
from sync.feed.content import read_content
from sync.feed.cursor import Place, read_cursor, write_cursor
from sync.feed.pruning import prune
from sync.messages import DeviceScope
from sync.restore import lock_account, record_restore

USUAL_CHANGES: Final = 1000
MOST_CHANGES: Final = 5000

HEAD: Final = "SELECT epoch, position, pruned FROM feed_head WHERE account = $1"

#: The head and the rows of one moment: tombstones forgotten between two statements would be
#: missing from the rows, and the head would not say so.
ROWS: Final = """
SELECT h.epoch, h.position AS head, h.pruned, f.position, f.kind, f.id, f.deleted
FROM feed_head h LEFT JOIN LATERAL (
  SELECT r.position, r.kind, r.id, r.deleted FROM feed r
  WHERE r.account = $1 AND r.technician = $2 AND r.position > $3
    AND ($5::text[] IS NULL OR r.kind = ANY($5))
  ORDER BY r.position LIMIT $4) f ON true
WHERE h.account = $1 ORDER BY f.position
"""

#: Two devices may find out at once; the second finds it done.
NEW_EPOCH: Final = """
UPDATE feed_head SET epoch = greatest(epoch, $2) + 1
WHERE account = $1 AND (epoch, position) < ($2, $3)
"""


class Page(Struct, frozen=True):
    """Changes in feed order. Pull again with `cursor`; at once while `more`."""

    changes: list[Change]
    cursor: str
    more: bool


class Stretch(Struct, frozen=True):
    """Changes in feed order, and the place after them; `more` are there already."""

    changes: list[Change]
    place: Place
    more: bool


async def pull(
    device: DeviceScope,
    cursor: str | None,
    key: bytes,
    limit: int = USUAL_CHANGES,
    protocol: int = 1,
) -> Page:
    """The page after `cursor`, or the first one without it.

    `key`: the secret that authenticates cursors. `limit`: at most so many changes; what lies
    outside 1 to `MOST_CHANGES` counts as the nearest of these. `protocol`: which the device speaks.

    :raises CursorError: we never gave this cursor to this technician.
    :raises ResyncError: the device must start again without a cursor.
    """
    after = None if cursor is None else read_cursor(key, device, cursor)
    most = min(max(limit, 1), MOST_CHANGES)
    read = partial(read_stretch, device=device, after=after, most=most, protocol=protocol)
    stretch = await run(device.account, read)
    if stretch is None:
        raise ResyncError("this place in the feed is gone; pull again without a cursor")
    return Page(stretch.changes, write_cursor(key, device, stretch.place), stretch.more)


async def read_stretch(
    tx: Tx,
    device: DeviceScope,
    after: Place | None,
    most: int,
    kinds: Collection[KindName] | None = None,
    protocol: int = 1,
) -> Stretch | None:
    """At most `most` changes of `kinds` (None: all) after a place that we gave, or from the start.

    A place of an older protocol than `protocol` can be continued, from the start of its epoch: all
    is told again with what the older one left out. None stands for a resync, so that a new epoch
    is committed before it is told.
    """
    if after is None:
        await prune(tx)
    goes_on = after is not None and after.protocol >= protocol
    start = after.position if after and goes_on else 0
    wanted = None if kinds is None else list(kinds)
    found = await tx.fetch(ROWS, tx.account, device.technician, start, most + 1, wanted)
    head = found[0]  # made with the account; alone where there is no row
    if after and not await _continues(tx, after, head):
        return None
    floor = after.floor if after and goes_on else head["pruned"]
    rows = found if head["position"] is not None else []
    more = len(rows) > most
    rows = rows[:most]
    last: int = rows[-1]["position"] if rows else start
    # All up to the head is committed: an idle feed's place moves on and does not grow old.
    end = last if more else max(last, head["head"])
    changes = _joined(rows, await read_content(tx, rows))
    return Stretch(changes, Place(head["epoch"], end, floor, protocol), more)


async def _continues(tx: Tx, after: Place, head: asyncpg.Record) -> bool:
    if after > Place(head["epoch"], head["head"]):
        # We wrote this cursor and do not remember it: the database was restored.
        await lock_account(tx)
        if await tx.execute(NEW_EPOCH, tx.account, after.epoch, after.position):
            await record_restore(tx)
        return False
    seen = max(after.position, after.floor)
    return bool(after.epoch == head["epoch"] and seen >= head["pruned"])


def _joined(rows: Iterable[asyncpg.Record], content: dict[tuple[str, str], Change]) -> list[Change]:
    return [
        Gone(row["kind"], row["id"]) if row["deleted"] else content[row["kind"], row["id"]]
        for row in rows
    ]
