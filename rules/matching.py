"""Which campaigns a transition concerns, at a cost that does not grow with their number."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from rules.campaign import Campaign, Status

_LIVE = frozenset({Status.ACTIVE, Status.PAUSED})


class CampaignIndex:
    """The live campaigns of one account, by task type and by (task type, state).

    Paused campaigns are in it, for their decisions are recorded; drafts and archived ones
    are not. Never changed after it is built.
    """

    def __init__(self, campaigns: Iterable[Campaign]) -> None:
        """Index `campaigns`; look-ups return them in the order given here."""
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
        """Return the campaigns that a task of this type may concern."""
        return self._by_type.get(task_type, ())

    def for_transition(self, task_type: UUID, state: str) -> tuple[Campaign, ...]:
        """Return the campaigns that select this state for this task type."""
        return self._by_entry.get((task_type, state), ())
