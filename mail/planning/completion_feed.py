"""Reading completions in the order in which they were committed."""

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from sync.database import Tx
from sync.errors import ResyncError

_READ: Final = """
SELECT f.epoch, coalesce(h.position, 0) AS head, c.*, t.external_id
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


class Place(Struct, frozen=True, array_like=True):
    """After `position`, in an epoch of the account's feeds: a restored database begins another."""

    epoch: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    position: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Completion(Struct, frozen=True):
    """A task that entered a done or closed state for the first time, by which transition.

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
    """Completions after a place. `places`: that one, and the one after each of them."""

    items: list[Completion]
    places: list[Place]


async def read_completions(tx: Tx, after: Place | None, most: int) -> Stretch:
    """At most `most` completions after a place, or from the start.

    :raises ResyncError: the place is of before a restore; start again without one.
    """
    start = 0 if after is None else after.position
    rows = await tx.fetch(_READ, tx.account, start, most)
    head = rows[0]  # made with the account; alone where no completion follows
    if after is not None and (after.epoch != head["epoch"] or start > head["head"]):
        raise ResyncError("this place is gone; read again without a cursor")
    told = [row for row in rows if row["task"] is not None]
    items = [
        Completion(**{name: row[name] for name in Completion.__struct_fields__}) for row in told
    ]
    positions = [start, *(row["position"] for row in told)]
    return Stretch(items, [Place(head["epoch"], position) for position in positions])
