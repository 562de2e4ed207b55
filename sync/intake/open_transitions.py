"""Open transitions: those that were refused, or are parked until their task is created."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from sync.database import Tx
from sync.intake.incoming import Body


class OpenItem(Struct, frozen=True):
    """A refused or parked transition, as it was pushed.

    `moment`: corrected for the device's skew. `device_moment`: by the device's clock.
    `dismissed_at`: when a dispatcher settled a refused one without accepting it.
    """

    id: UUID
    device: UUID | None
    technician: UUID
    task: UUID
    verdict: str
    reason: str | None
    state: str
    moment: datetime
    device_moment: datetime
    sequence: int
    note: str | None
    survey: bool
    email: str | None
    survey_reason: str | None
    received_at: datetime
    dismissed_at: datetime | None


OPEN_OF_TECHNICIAN: Final = """
SELECT id, device, technician, pushed_task, verdict, refusal, body, arrived_at, dismissed_at
FROM transition WHERE account = $1 AND technician = $2 AND verdict <> 'accepted'
  AND ($4::uuid IS NULL OR id > $4)
ORDER BY id LIMIT $3
"""
OPEN: Final = """
SELECT id, device, technician, pushed_task, verdict, refusal, body, arrived_at, dismissed_at
FROM transition WHERE account = $1 AND verdict <> 'accepted' AND ($3::uuid IS NULL OR id > $3)
ORDER BY id LIMIT $2
"""

_read_body: Final = msgspec.json.Decoder(Body).decode


async def open_items(tx: Tx, limit: int, after: UUID | None = None) -> list[OpenItem]:
    """Return a page of the account's open transitions, by id.

    `after`: the last id of the page before.
    """
    return [_open_item(row) for row in await tx.fetch(OPEN, tx.account, limit, after)]


async def open_items_of_technician(
    tx: Tx, technician: UUID, limit: int, after: UUID | None = None
) -> list[OpenItem]:
    """Return a page of a technician's open transitions by id, as `open_items` does."""
    rows = await tx.fetch(OPEN_OF_TECHNICIAN, tx.account, technician, limit, after)
    return [_open_item(row) for row in rows]


def _open_item(row: asyncpg.Record) -> OpenItem:
    body = _read_body(row["body"])
    return OpenItem(
        id=row["id"],
        device=row["device"],
        technician=row["technician"],
        task=row["pushed_task"],
        verdict=row["verdict"],
        reason=row["refusal"],
        received_at=row["arrived_at"],
        dismissed_at=row["dismissed_at"],
        **msgspec.structs.asdict(body),
    )
