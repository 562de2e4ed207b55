"""What is stored of a task's accepted transitions, for tests to look at."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from rules.history import ordered
from sync.database import Tx
from sync.intake.histories import read_histories


class TransitionRecord(Struct, frozen=True):
    """An accepted fact. `moment`: at which it counts; `device_moment` as the device said.

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
    survey_reason: str | None
    by: UUID | None
    accepted_by: UUID | None


TRANSITIONS: Final = """
SELECT id, task, state, moment, sequence, device_moment, received_at, device, technician, note,
  survey, email, unexpected, type, customer, location, unit, priority, reason, channel,
  account_manager, tags, customer_tags, survey_reason, by, settled_by
FROM transition WHERE account = $1 AND task = $2
"""


async def transitions_of(tx: Tx, task: UUID) -> list[TransitionRecord]:
    """The task's history in its true order, earliest first."""
    rows = await tx.fetch(TRANSITIONS, tx.account, task)
    records = {row["id"]: TransitionRecord(*row) for row in rows}
    history = ordered((await read_histories(tx, [task]))[task])
    return [replace(records[one.id], moment=one.moment) for one in history]
