"""What the demo's campaigns decided about the past: the real rules, run over the whole story."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from mail.states import Status
from rules.address import Resolved
from rules.campaign import Campaign
from rules.decide import (
    FRESH,
    Decision,
    Reason,
    Round,
    Schedule,
    Skip,
    decide,
    drop_reason_for_state,
)
from rules.facts import Kind, Transition
from rules.history import current
from server.demo.fixture import DEMO
from server.demo.steps import Step
from server.demo.story import Job
from sync.ids import new_id

#: Tasks that moved this recently are left to the workers, who plan and send for real.
LIVE: Final = timedelta(hours=13)
#: Why customers are asked no more.
LEAVERS: Final = ("unsubscribed", "unsubscribed", "unsubscribed", "bounced", "bounced")
_KINDS: Final = {stage.code: Kind(stage.kind) for stage in DEMO.states}


class Verdict(Struct, frozen=True):
    """A decision: `outcome` is `scheduled` or the reason why not."""

    campaign: UUID
    job: Job
    step: UUID
    outcome: str
    release: datetime | None


class Asked(Struct, frozen=True, kw_only=True):
    """An invitation and what became of it.

    `status`: `scheduled` until release, then `sent`, `failed`, or `dropped` with its reason.
    `rearm`: the task's last transition at a drop that may re-arm.
    """

    id: UUID
    campaign: Campaign
    job: Job
    step: Step
    due: datetime
    release: datetime
    status: Status = Status.SCHEDULED
    reason: Reason | None = None
    rearm: UUID | None = None
    resolved: Resolved | None = None
    sent: datetime | None = None


def is_live(job: Job, now: datetime) -> bool:
    """Whether the workers plan this task themselves."""
    return any(step.received > now - LIVE for step in job.steps)


def leavers(jobs: Sequence[Job], now: datetime) -> dict[UUID, str]:
    """Customers of many tasks who opted out, or whose address was none, and why.

    Nobody who is still to be asked is among them.
    """
    asked_soon = {job.client.id for job in jobs if is_live(job, now) or not job.steps}
    often = Counter(
        job.client.id for job in jobs if job.client.email and job.client.id not in asked_soon
    )
    chosen = [client for client, _ in often.most_common(len(LEAVERS))]
    return dict(zip(chosen, LEAVERS, strict=False))


def plan(
    campaign: Campaign, task_types: Mapping[str, UUID], jobs: Iterable[Job]
) -> tuple[list[Verdict], list[Asked]]:
    """Decide on every transition of `jobs`, and drop what had left its state at release."""
    verdicts: list[Verdict] = []
    asked: list[Asked] = []
    for job in jobs:
        decisions, invitation = _plan_task(campaign, task_types[job.type], job)
        verdicts += [_verdict(campaign, job, step, one) for step, one in decisions.items()]
        asked += [] if invitation is None else [invitation]
    return verdicts, asked


def _plan_task(
    campaign: Campaign, task_type: UUID, job: Job
) -> tuple[dict[UUID, Decision], Asked | None]:
    """Decide again after each drop that re-arms, as workers do when the task comes back."""
    history = [_transition(task_type, step) for step in job.steps]
    asked, past = None, FRESH
    while True:
        decisions = decide(history, campaign, past)
        schedule = next((one for one in decisions.values() if isinstance(one, Schedule)), None)
        if schedule is None:
            return decisions, asked
        asked = _asked(campaign, job, schedule, asked)
        left = _left(history, schedule.release, campaign.states_for(task_type))
        if left is None:
            return decisions, asked
        reason, rearm = left
        asked = replace(asked, status=Status.DROPPED, reason=reason, rearm=rearm)
        past = Round(None, {**past.dropped, schedule.transition: reason}, rearm)


def _left(
    history: list[Transition], release: datetime, selected: frozenset[str]
) -> tuple[Reason, UUID] | None:
    """Why a task no longer stands at `release`, with its last transition then."""
    known = current(one for one in history if one.received <= release)
    skip = known and drop_reason_for_state(known.state, _KINDS[known.state], selected)
    return (skip.reason, known.id) if known and isinstance(skip, Skip) else None


def _asked(campaign: Campaign, job: Job, schedule: Schedule, before: Asked | None) -> Asked:
    """The round's one invitation, armed for this transition."""
    return Asked(
        id=new_id() if before is None else before.id,
        campaign=campaign,
        job=job,
        step=next(step for step in job.steps if step.id == schedule.transition),
        due=schedule.due,
        release=schedule.release,
    )


def _transition(task_type: UUID, step: Step) -> Transition:
    return Transition(
        step.id, task_type, step.state, step.moment, step.sequence, step.received, step.survey
    )


def _verdict(campaign: Campaign, job: Job, step: UUID, decision: Decision) -> Verdict:
    if isinstance(decision, Schedule):
        return Verdict(campaign.id, job, step, "scheduled", decision.release)
    return Verdict(campaign.id, job, step, decision.reason.value, None)
