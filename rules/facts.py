"""Transitions and kinds of states, as the rules see them."""

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

OrderKey: TypeAlias = tuple[datetime, int, UUID]
"""Moment, sequence and id: a total order, the same as that of the three columns in PostgreSQL."""


class StateKind(StrEnum):
    """What a state means for the work, whatever name and code the account gives it."""

    PLANNED = "planned"
    ACTIVE = "active"
    DONE = "done"
    CLOSED = "closed"
    CANCELLED = "cancelled"


#: Kinds of the states that mean finished work: the first entry into one completes a task.
FINISHED: Final = frozenset({StateKind.DONE, StateKind.CLOSED})


class Transition(Struct, frozen=True, gc=False):
    """A move of a task into `state`; an immutable fact.

    `type`: the task's type at reception; a later change of the task's type does not change it.
    `moment`: UTC, corrected for the device's skew, never after `received`. `ordered` returns
    copies with effective moments, which follow the sequences of a device.
    `sequence`: the device's own count of its transitions. `device`: None for the office.
    `received`: UTC; for one accepted after a refusal, the time of the acceptance.
    `survey`: false if the technician or dispatcher unticked the survey.
    `silent`: imported silently: part of the history, but it never causes a survey.
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
        """The key by which transitions of a task are sorted."""
        return (self.moment, self.sequence, self.id)
