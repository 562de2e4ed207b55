"""The decisions and invitations of the demo's past, made by the real rules."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from mail.states import Status
from rules.address import Resolved
from rules.at_release import drop_reason_for_state
from rules.campaign import Campaign
from rules.decide import FRESH, Decision, Reason, RoundSoFar, Schedule, Skip, decide
from rules.history import StateKind, Transition, current
from server.demo.fixture import DEMO
from server.demo.steps import Step
from server.demo.story import DemoTask
from sync.ids import new_id

#: Tasks that changed this recently are left to the workers, who plan and send for real.
LIVE: Final = timedelta(hours=13)
#: Why the customers of the most tasks get no more mail.
SUPPRESSIONS: Final = ("unsubscribed", "unsubscribed", "unsubscribed", "bounced", "bounced")
_KINDS: Final = {state.code: StateKind(state.kind) for state in DEMO.states}


class CampaignDecision(Struct, frozen=True):
    """The decision of a campaign on a step. `outcome`: `scheduled`, or the reason why not.

    `at`: when it was made, UTC; None for once the step was received.
    """

    campaign: UUID
    task: DemoTask
    step: UUID
    outcome: str
    release: datetime | None
    at: datetime | None = None


class Invitation(Struct, frozen=True, kw_only=True):
    """An invitation and its result.

    `status`: `scheduled` until release, then `sent`, `failed`, or `dropped` with its reason.
    `rearm`: the task's last transition at a drop that may re-arm. `kept_back_by`: the invitation
    that was in its way.
    """

    id: UUID
    campaign: Campaign
    task: DemoTask
    step: Step
    due: datetime
    release: datetime
    status: Status = Status.SCHEDULED
    reason: Reason | None = None
    rearm: UUID | None = None
    kept_back_by: UUID | None = None
    resolved: Resolved | None = None
    sent: datetime | None = None


def is_live(task: DemoTask, now: datetime) -> bool:
    """Whether the workers plan this task."""
    return any(step.received > now - LIVE for step in task.steps)


def suppressed_customers(tasks: Sequence[DemoTask], now: datetime) -> dict[UUID, str]:
    """Customers of many tasks who unsubscribe or whose address bounces, and which of the two.

    Customers who will still be asked are not among them.
    """
    asked_soon = {task.customer.id for task in tasks if is_live(task, now) or not task.steps}
    counts = Counter(
        task.customer.id
        for task in tasks
        if task.customer.email and task.customer.id not in asked_soon
    )
    chosen = [customer for customer, _ in counts.most_common(len(SUPPRESSIONS))]
    return dict(zip(chosen, SUPPRESSIONS, strict=False))


def plan(
    campaign: Campaign, task_types: Mapping[str, UUID], tasks: Iterable[DemoTask]
) -> tuple[list[CampaignDecision], list[Invitation]]:
    """Decide on every step of `tasks`; drop invitations whose task had left its state at release.

    `task_types`: ids by the fixture's key.
    """
    decisions: list[CampaignDecision] = []
    invitations: list[Invitation] = []
    for task in tasks:
        decided, invitation = _plan_task(campaign, task_types[task.type], task)
        for step, decision in decided.items():
            outcome, release = "scheduled", None
            if isinstance(decision, Schedule):
                release = decision.release
            else:
                outcome = decision.reason.value
            decisions.append(CampaignDecision(campaign.id, task, step, outcome, release))
        if invitation is not None:
            invitations.append(invitation)
    return decisions, invitations


def _plan_task(
    campaign: Campaign, task_type: UUID, task: DemoTask
) -> tuple[dict[UUID, Decision], Invitation | None]:
    """Decide again after each drop that re-arms, as the workers do when the task returns."""
    history = [
        Transition(
            step.id,
            task_type,
            step.state,
            step.moment,
            step.sequence,
            step.received,
            step.survey,
            facts=task.facts,
        )
        for step in task.steps
    ]
    key, invitation, past = None, None, FRESH
    while True:
        decisions = decide(history, campaign, task.id, past)
        schedule = next(
            (found for found in decisions.values() if isinstance(found, Schedule)), None
        )
        if schedule is None:
            return decisions, invitation
        key = key or new_id()
        invitation = Invitation(
            id=key,
            campaign=campaign,
            task=task,
            step=next(step for step in task.steps if step.id == schedule.transition),
            due=schedule.due,
            release=schedule.release,
        )
        drop = _drop(history, schedule.release, campaign.states_for(task_type))
        if drop is None:
            return decisions, invitation
        reason, rearm = drop
        invitation = replace(invitation, status=Status.DROPPED, reason=reason, rearm=rearm)
        past = RoundSoFar(None, {**past.dropped, schedule.transition: reason}, rearm)


def _drop(
    history: list[Transition], release: datetime, selected: frozenset[str]
) -> tuple[Reason, UUID] | None:
    """Why an invitation is dropped at `release`, with the task's last transition then."""
    last = current(item for item in history if item.received <= release)
    if last is None:
        return None
    skip = drop_reason_for_state(last.state, _KINDS[last.state], selected)
    return (skip.reason, last.id) if isinstance(skip, Skip) else None
