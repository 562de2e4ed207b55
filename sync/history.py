"""What is known of a task's past, for the timeline, and what was not accepted."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from sync.database import Tx


class TransitionRecord(Struct, frozen=True):
    """An accepted fact. `moment` corrected, `device_moment` as the device said."""

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
    received_at: datetime


async def transitions_of(tx: Tx, task: UUID) -> list[TransitionRecord]:
    """The task's history in its true order, earliest first."""
    raise NotImplementedError


async def open_items_of_task(tx: Tx, task: UUID) -> list[OpenItem]:
    """What was refused or is parked for a task, in the order received."""
    raise NotImplementedError


async def open_items_of_technician(
    tx: Tx, technician: UUID, limit: int, after: UUID | None = None
) -> list[OpenItem]:
    """What was refused or is parked of a technician's pushes, by id; keyset-paged."""
    raise NotImplementedError
