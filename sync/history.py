"""What is known of a task's past, for the timeline, and what was not accepted."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from sync.database import Tx
from sync.intake.arrivals import Body


class TransitionRecord(Struct, frozen=True):
    """An accepted fact. `moment` corrected, `device_moment` as the device said.

    `by`: the dispatcher who told it in the technician's place. `accepted_by`: who accepted it
    after it had been refused.
    """

    id: UUID
    task: UUID
    state: str
    moment: datetime
    sequence: int
    device_moment: datetime
    received_at: datetime
    device: UUID | None
    technician: UUID
    note: str | None
    survey: bool
    email: str | None
    unexpected: bool
    unit: UUID
    priority: str | None
    reason: str | None
    channel: str | None
    account_manager: UUID | None
    tags: list[str]
    survey_reason: str | None
    by: UUID | None
    accepted_by: UUID | None


class OpenItem(Struct, frozen=True):
    """A transition that was refused or is parked, as it was pushed.

    `moment`: corrected; `device_moment`: as the device said.
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


TRANSITIONS: Final = """
SELECT t.id, t.task, t.state, t.moment, t.sequence, t.device_moment, t.received_at, t.device,
  t.technician, t.note, t.survey, t.email, t.unexpected, t.unit, t.priority, t.reason, t.channel,
  t.account_manager, t.tags, t.survey_reason, t.by, v.settled_by
FROM transition t LEFT JOIN verdict v ON v.account = t.account AND v.id = t.id
WHERE t.account = $1 AND t.task = $2 ORDER BY t.moment, t.sequence, t.id
"""
OPEN_OF_TASK: Final = """
SELECT id, device, technician, task, verdict, reason, body, received_at
FROM verdict WHERE account = $1 AND task = $2 AND verdict <> 'accepted' ORDER BY received_at, id
"""
OPEN_OF_TECHNICIAN: Final = """
SELECT id, device, technician, task, verdict, reason, body, received_at
FROM verdict WHERE account = $1 AND technician = $2 AND verdict <> 'accepted'
  AND ($4::uuid IS NULL OR id > $4)
ORDER BY id LIMIT $3
"""
OPEN: Final = """
SELECT id, device, technician, task, verdict, reason, body, received_at
FROM verdict WHERE account = $1 AND verdict <> 'accepted' AND ($3::uuid IS NULL OR id > $3)
ORDER BY id LIMIT $2
"""

_read_body: Final = msgspec.json.Decoder(Body).decode


async def transitions_of(tx: Tx, task: UUID) -> list[TransitionRecord]:
    """The task's history in its true order, earliest first."""
    return [TransitionRecord(*row) for row in await tx.fetch(TRANSITIONS, tx.account, task)]


async def open_items_of_task(tx: Tx, task: UUID) -> list[OpenItem]:
    """What was refused or is parked for a task, in the order received."""
    return [_open_item(row) for row in await tx.fetch(OPEN_OF_TASK, tx.account, task)]


async def open_items(tx: Tx, limit: int, after: UUID | None = None) -> list[OpenItem]:
    """What was refused or is parked in the account, by id; keyset-paged."""
    return [_open_item(row) for row in await tx.fetch(OPEN, tx.account, limit, after)]


async def open_items_of_technician(
    tx: Tx, technician: UUID, limit: int, after: UUID | None = None
) -> list[OpenItem]:
    """What was refused or is parked of a technician's pushes, by id; keyset-paged."""
    rows = await tx.fetch(OPEN_OF_TECHNICIAN, tx.account, technician, limit, after)
    return [_open_item(row) for row in rows]


def _open_item(row: asyncpg.Record) -> OpenItem:
    body = _read_body(row["body"])
    return OpenItem(
        id=row["id"],
        device=row["device"],
        technician=row["technician"],
        task=row["task"],
        verdict=row["verdict"],
        reason=row["reason"],
        received_at=row["received_at"],
        **msgspec.structs.asdict(body),
    )
