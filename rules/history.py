"""A task's history in its one true order, whatever arrived when and whatever clocks said."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from msgspec.structs import replace

from rules.facts import Transition
from rules.timing import EARLIEST, LATEST

_by_order = attrgetter("order")
_by_sequence = attrgetter("sequence")


def ordered(transitions: Iterable[Transition]) -> list[Transition]:
    """Return one task's history in order, each transition at the moment at which it counts.

    By moment, sequence and id, earliest first. The steps of one device keep its sequence, even if
    its clock was set back or forth between them: no step counts later than it or a later step was
    received, nor earlier than a step before it. That depends on the whole set alone, so a step
    that arrives late may move others.
    """
    in_order = sorted(transitions, key=_by_order)
    if len(in_order) < 2 or _in_step(in_order):
        return in_order
    return sorted(_placed(in_order), key=_by_order)


def current(transitions: Iterable[Transition]) -> Transition | None:
    """Return the transition that gives the task its state: the last by order, where it counts.

    None for a task that was never moved. The order of arrival plays no part.
    """
    in_order = ordered(transitions)
    return in_order[-1] if in_order else None


def first_entry(transitions: Iterable[Transition], states: Collection[str]) -> Transition | None:
    """Return the transition that first entered one of `states`, where it counts; None for none.

    A step that arrives late may be earlier than the one that was first before it, or move that.
    """
    return next((one for one in ordered(transitions) if one.state in states), None)


def follows(last: Transition | None, later: Iterable[Transition]) -> bool:
    """Tell whether `later` all count after a history and move none of it.

    `last`: the last of that history, at the moment at which it counts; None where it is empty. The
    ordered whole is then the history and `ordered(later)` behind it, and none of it need be read.
    Of one device the last to count has the highest sequence, so only that device's is known: False
    where another's step comes, although it may follow.
    """
    return last is None or all(_follows(last, one) for one in later)


def _follows(last: Transition, one: Transition) -> bool:
    in_step = one.device is None or (one.device == last.device and one.sequence > last.sequence)
    return in_step and (one.moment > last.moment or one.order > last.order)


def _in_step(in_order: list[Transition]) -> bool:
    """Tell whether moments and sequences agree, as they nearly always do: nothing moves then.

    A step's moment is no later than those after it, and those no later than their receptions.
    """
    last: dict[UUID, int] = {}
    for one in in_order:
        if one.device is not None:
            if last.get(one.device, one.sequence) > one.sequence:
                return False
            last[one.device] = one.sequence
    return True


def _placed(transitions: Iterable[Transition]) -> Iterator[Transition]:
    """Yield each transition at the moment at which it counts; what no device told, as it is."""
    steps: dict[UUID, list[Transition]] = {}
    for transition in transitions:
        if transition.device is None:
            yield transition
        else:
            steps.setdefault(transition.device, []).append(transition)
    for of_one in steps.values():
        yield from _in_sequence(of_one) if len(of_one) > 1 else of_one


def _in_sequence(steps: list[Transition]) -> Iterator[Transition]:
    """Yield the steps of one device, capped and then raised; those of one sequence are equals."""
    in_order = sorted(steps, key=_by_sequence)
    groups = [list(equals) for _, equals in groupby(in_order, key=_by_sequence)]
    capped: list[list[Transition]] = []
    earliest = LATEST
    for group in reversed(groups):
        capped.append([_at(one, min(one.moment, one.received, earliest)) for one in group])
        earliest = min(earliest, *(one.received for one in group))
    reached = EARLIEST
    for group in reversed(capped):
        yield from (_at(one, max(one.moment, reached)) for one in group)
        reached = max(reached, *(one.moment for one in group))


def _at(transition: Transition, moment: datetime) -> Transition:
    return transition if transition.moment == moment else replace(transition, moment=moment)
