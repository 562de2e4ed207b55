"""Which tasks a campaign asks about: criteria on frozen facts, and samples that stay the same."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Final
from uuid import UUID

from msgspec import Struct

ALL_PERCENT: Final = 100


class Facts(Struct, frozen=True, gc=False):
    """What is frozen of a task and its customer at the reception of a transition."""

    unit: UUID | None = None
    priority: str | None = None
    reason: str | None = None
    channel: str | None = None
    account_manager: UUID | None = None
    tags: tuple[str, ...] = ()
    customer_tags: tuple[str, ...] = ()


NO_FACTS: Final = Facts()


class Criteria(Struct, frozen=True):
    """Values of which a task's facts must have any in each criterion; an empty one admits all.

    `units`: with all units below them. Texts are compared as they are, capitals too.
    """

    units: frozenset[UUID] = frozenset()
    priorities: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    account_managers: frozenset[UUID] = frozenset()
    tags: frozenset[str] = frozenset()
    customer_tags: frozenset[str] = frozenset()

    def admit(self, facts: Facts) -> bool:
        """Return whether `facts` have a value of each criterion that has any."""
        single = (
            (self.units, facts.unit),
            (self.priorities, facts.priority),
            (self.reasons, facts.reason),
            (self.channels, facts.channel),
            (self.account_managers, facts.account_manager),
        )
        several = ((self.tags, facts.tags), (self.customer_tags, facts.customer_tags))
        return all(not chosen or value in chosen for chosen, value in single) and all(
            not chosen or not chosen.isdisjoint(values) for chosen, values in several
        )


EVERY_TASK: Final = Criteria()


def with_units_below(
    units: Iterable[UUID], children: Mapping[UUID, Collection[UUID]]
) -> frozenset[UUID]:
    """Return `units` with all units below them. `children`: by unit, of those that have any."""
    found: set[UUID] = set()
    left = list(units)
    while left:
        unit = left.pop()
        if unit not in found:
            found.add(unit)
            left += children.get(unit, ())
    return frozenset(found)


def in_sample(campaign: UUID, task: UUID, number: int, percent: int) -> bool:
    """Return whether a round of a task is in the sample of a campaign.

    `number`: of the round; each has its own chance. `percent`: 1 to 100. It is the same whenever it
    is asked for, and a higher percent keeps all that a lower one takes.
    """
    if percent >= ALL_PERCENT:
        return True
    key = campaign.bytes + task.bytes + number.to_bytes(8)
    drawn = int.from_bytes(hashlib.sha256(key).digest()[:8])
    return drawn * ALL_PERCENT < percent << 64
