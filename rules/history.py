"""A task's history in its one true order, whatever arrived when."""

from collections.abc import Iterable
from operator import attrgetter

from rules.facts import Transition

_by_order = attrgetter("order")


def ordered(transitions: Iterable[Transition]) -> list[Transition]:
    """Sort transitions of one task by moment, sequence and id, earliest first."""
    return sorted(transitions, key=_by_order)


def current(transitions: Iterable[Transition]) -> Transition | None:
    """Return the transition that gives the task its state: the last by order.

    None for a task that was never moved. The order of arrival plays no part.
    """
    return max(transitions, key=_by_order, default=None)
