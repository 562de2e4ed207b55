"""Reading completions in the order in which they were committed."""

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from sync.database import Tx
from sync.errors import ResyncError

_READ: Final = """
SELECT f.epoch, coalesce(h.position, 0) AS last_position, c.*, t.external_id
FROM feed_head f
LEFT JOIN completion_head h ON h.account = f.account
LEFT JOIN LATERAL (
  SELECT task, round, transition, moment, day, type, customer, location, unit, priority, reason,
    channel, account_manager, tags, customer_tags, technician, position
  FROM completion WHERE account = $1 AND position > $2
  ORDER BY position LIMIT $3) c ON true
LEFT JOIN LATERAL (
  SELECT external_id FROM task WHERE account = $1 AND id = c.task LIMIT 1) t ON true
WHERE f.account = $1
ORDER BY c.position
"""


class CompletionCursor(Struct, frozen=True, array_like=True):
    """What a cursor contains: a position, in an epoch that ends when a backup is restored."""

    epoch: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    position: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Completion(Struct, frozen=True):
    """The first entry of a task's round into a done or closed state, with its transition.

    `moment`: when it counts, UTC; `day`: its civil day in the location's zone, else the account's.
    `external_id`: the task's. The rest is as it was when the transition was received.
    """

    task: UUID
    external_id: str | None
    round: int
    transition: UUID
    moment: datetime
    day: date
    type: UUID
    customer: UUID | None
    location: UUID | None
    unit: UUID
    priority: str | None
    reason: str | None
    channel: str | None
    account_manager: UUID | None
    tags: list[str]
    customer_tags: list[str]
    technician: UUID


class Stretch(Struct, frozen=True):
    """Completions in order. `places`: the place before the first, and that of each of them."""

    items: list[Completion]
    places: list[CompletionCursor]


async def read_completions(tx: Tx, after: CompletionCursor | None, most: int) -> Stretch:
    """Return at most `most` completions behind a place, or from the start.

    :raises ResyncError: the place is from before a restore; read again from the start.
    """
    start = 0 if after is None else after.position
    rows = await tx.fetch(_READ, tx.account, start, most)
    account = rows[0]  # always there; its task is null where no completion follows
    if after is not None and (after.epoch != account["epoch"] or start > account["last_position"]):
        raise ResyncError("this place is gone; read again without a cursor")
    found = [row for row in rows if row["task"] is not None]
    items = [
        Completion(**{name: row[name] for name in Completion.__struct_fields__}) for row in found
    ]
    positions = [start, *(row["position"] for row in found)]
    return Stretch(items, [CompletionCursor(account["epoch"], position) for position in positions])
