"""Which campaigns a transition concerns, looked up without a loop over all of them."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from rules.campaign import Campaign, Status

_LIVE = frozenset({Status.ACTIVE, Status.PAUSED})


class CampaignIndex:
    """The live campaigns of one account, by task type and by (task type, state).

    Live are active and paused ones: decisions of paused campaigns are recorded too. Immutable.
    """

    def __init__(self, campaigns: Iterable[Campaign]) -> None:
        """Index those of `campaigns` that are live; look-ups keep their order."""
        by_type: defaultdict[UUID, list[Campaign]] = defaultdict(list)
        by_entry: defaultdict[tuple[UUID, str], list[Campaign]] = defaultdict(list)
        for campaign in campaigns:
            if campaign.status not in _LIVE:
                continue
            for task_type in {name for rule in campaign.rules for name in rule.task_types}:
                by_type[task_type].append(campaign)
                for state in campaign.states_for(task_type):
                    by_entry[task_type, state].append(campaign)
        self._by_type = {key: tuple(found) for key, found in by_type.items()}
        self._by_entry = {key: tuple(found) for key, found in by_entry.items()}

    def matching(self, task_type: UUID) -> tuple[Campaign, ...]:
        """Return the campaigns that select any state of this task type."""
        return self._by_type.get(task_type, ())

    def for_transition(self, task_type: UUID, state: str) -> tuple[Campaign, ...]:
        """Return the campaigns that select this state for this task type."""
        return self._by_entry.get((task_type, state), ())
