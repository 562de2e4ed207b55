"""A task's history: its transitions, in an order that neither arrival nor wrong clocks change."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from rules.criteria import NO_FACTS, Facts
from rules.timing import EARLIEST, LATEST

OrderKey: TypeAlias = tuple[datetime, int, UUID]
"""Moment, sequence and id: a total order, the same as that of the three columns in PostgreSQL."""

_by_order: Final[Callable[["Transition"], OrderKey]] = attrgetter("moment", "sequence", "id")
_by_sequence = attrgetter("sequence")


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
    `facts`: of the task and its customer at reception; needed only where campaigns decide.
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
    facts: Facts = NO_FACTS

    @property
    def order(self) -> OrderKey:
        """The key by which transitions of a task are sorted."""
        return _by_order(self)


def ordered(transitions: Iterable[Transition]) -> list[Transition]:
    """Return one task's history in order, each transition with its effective moment.

    The order is moment, sequence, id. Transitions of one device keep its sequence even if its clock
    was changed between them: an effective moment is not later than the reception of that or of any
    later transition of the device, and not earlier than the moment of an earlier one. It depends on
    the set alone, so one that arrives late may change the moments of others.
    """
    in_order = sorted(transitions, key=_by_order)
    last: dict[UUID, int] = {}
    for step in in_order:
        if step.device is None:
            continue
        if last.get(step.device, step.sequence) > step.sequence:
            break
        last[step.device] = step.sequence
    else:  # nearly always: moments and sequences agree
        return in_order
    by_device: defaultdict[UUID | None, list[Transition]] = defaultdict(list)
    for step in in_order:
        by_device[step.device].append(step)
    effective = by_device.pop(None, [])
    for steps in by_device.values():
        effective += _in_sequence(steps)
    return sorted(effective, key=_by_order)


def by_rounds(
    transitions: Iterable[Transition], opened: Sequence[datetime]
) -> list[list[Transition]]:
    """Return one task's history by rounds: the first, and one for each moment in `opened`.

    `opened`: UTC, when the second round was opened, the third and so on; none before an earlier
    one. A transition belongs to the last round that was opened at or before its effective moment,
    so one that arrives late finds its round. Each round is in order, as by `ordered`.
    """
    in_order = ordered(transitions)
    moments = [step.moment for step in in_order]
    bounds = [0, *(bisect_left(moments, moment) for moment in opened), len(in_order)]
    return [in_order[start:end] for start, end in pairwise(bounds)]


def current(transitions: Iterable[Transition]) -> Transition | None:
    """Return the last transition by order, which gives the task its state; None if there is none.

    Its moment is the effective one, as in `ordered`.
    """
    in_order = ordered(transitions)
    return in_order[-1] if in_order else None


def first_entry(transitions: Iterable[Transition], states: Collection[str]) -> Transition | None:
    """Return the first transition by order into one of `states`; None if there is none.

    Its moment is the effective one, as in `ordered`. One that arrives later may precede it.
    """
    return next((step for step in ordered(transitions) if step.state in states), None)


def follows(last: Transition | None, later: Iterable[Transition]) -> bool:
    """Return whether all of `later` certainly come after a history and change no moment in it.

    `last`: the last transition of that history, with its effective moment; None if it is empty.
    Where True, the whole history is the known one and then `ordered(later)`, so the known one need
    not be read. Only the sequence of the device of `last` is known, so a transition of another
    device gives False, although it may come after.
    """
    if last is None:
        return True
    for step in later:
        if step.device is not None and (
            step.device != last.device or step.sequence <= last.sequence
        ):
            return False
        if step.moment <= last.moment and step.order <= last.order:
            return False
    return True


def _in_sequence(steps: list[Transition]) -> Iterator[Transition]:
    """Yield the transitions of one device with effective moments.

    Transitions of the same sequence do not limit each other.
    """
    in_order = sorted(steps, key=_by_sequence)
    groups = [list(equals) for _, equals in groupby(in_order, key=_by_sequence)]
    capped: list[list[Transition]] = []
    latest = LATEST
    for group in reversed(groups):
        capped.append([_at(step, min(step.moment, step.received, latest)) for step in group])
        latest = min(latest, *(step.received for step in group))
    earliest = EARLIEST
    for group in reversed(capped):
        yield from (_at(step, max(step.moment, earliest)) for step in group)
        earliest = max(earliest, *(step.moment for step in group))


def _at(transition: Transition, moment: datetime) -> Transition:
    return transition if transition.moment == moment else replace(transition, moment=moment)
