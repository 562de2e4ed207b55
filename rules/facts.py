"""What happened in the field, as immutable values."""

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

OrderKey: TypeAlias = tuple[datetime, int, UUID]
"""Moment, then the device's sequence number, then id: total, and the same as PostgreSQL's."""


class Kind(StrEnum):
    """What a state means for the work, whatever the account calls it."""

    PLANNED = "planned"
    ACTIVE = "active"
    DONE = "done"
    CLOSED = "closed"
    CANCELLED = "cancelled"


#: The work is finished: a task's first entry into such a state completes it.
FINISHED: Final = frozenset({Kind.DONE, Kind.CLOSED})


class Transition(Struct, frozen=True, gc=False):
    """A task was moved into `state`; never changed afterwards.

    `type`: the task's when it was received, whatever the task is made into later.
    `moment`: UTC, corrected for the device's skew, never after `received`. In what `ordered`
    gives: when it counts, which keeps the sequence of its device.
    `sequence`: the device's own count of its transitions. `device`: None for the office.
    `received`: UTC; for one accepted after a refusal, the acceptance.
    `survey`: false when the technician or dispatcher unticked the survey.
    `silent`: a silent import; it is history and never sends.
    """

    id: UUID
    type: UUID
    state: str
    moment: datetime
    sequence: int
    received: datetime
    survey: bool = True
    silent: bool = False
    device: UUID | None = None

    @property
    def order(self) -> OrderKey:
        """The place of this transition in its task's history."""
        return (self.moment, self.sequence, self.id)
