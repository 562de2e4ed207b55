"""Reading a page of a technician's feed."""

from typing import Final

from msgspec import Struct

from sync.feed.changes import Change
from sync.wire import DeviceScope

USUAL_CHANGES: Final = 1000
MOST_CHANGES: Final = 5000


class Page(Struct, frozen=True):
    """Changes in feed order. Pull again with `cursor`; at once while `more`."""

    changes: list[Change]
    cursor: str
    more: bool


async def pull(
    device: DeviceScope, cursor: str | None, key: bytes, limit: int = USUAL_CHANGES
) -> Page:
    """The page after `cursor`, or the first one without it.

    `key`: the secret that authenticates cursors. `limit`: 1 to `MOST_CHANGES` changes.

    :raises CursorError: we never gave this cursor to this technician.
    :raises ResyncError: the device must start again without a cursor.
    """
    raise NotImplementedError
