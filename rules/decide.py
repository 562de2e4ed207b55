"""Decisions: which transitions a campaign asks about, and why not; made by planning.

`rules.at_release` judges again when an invitation is due.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import dropwhile, islice
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from rules.calendar import ALWAYS, Calendar
from rules.campaign import Campaign
from rules.criteria import in_sample
from rules.history import Transition, ordered
from rules.timing import EARLIEST, later, ready_at


class Reason(StrEnum):
    """Why no survey is sent for a transition. Of several that apply the first in this order."""

    PAUSED = "paused"
    BEFORE_ACTIVATION = "before_activation"
    AFTER_PERIOD = "after_period"
    STALE = "stale"
    NOT_FIRST = "not_first"
    CRITERIA = "criteria"
    SAMPLED_OUT = "sampled_out"
    OPTED_OUT_BY_AGENT = "opted_out_by_agent"
    NEW_ROUND = "new_round"
    TASK_CANCELLED = "task_cancelled"
    LEFT_STATE = "left_state"
    NO_ADDRESS = "no_address"
    INTERNAL = "internal"
    SUPPRESSED = "suppressed"
    MUTED = "muted"
    CAPPED = "capped"
    CANCELLED = "cancelled"


class Late(StrEnum):
    """Why a mail is not sent that follows an earlier one: no decision is made of it."""

    ANSWERED = "answered"
    DEADLINE = "deadline"


Choice: TypeAlias = Literal["campaign", "quarter"]
"""What a person chose instead of no survey at all: none of a campaign, or one a quarter."""

REARMING = frozenset({Reason.TASK_CANCELLED, Reason.LEFT_STATE})
"""After a drop for one of these reasons, a later transition of the round may be asked about."""

BY_VERSION = frozenset({Reason.CRITERIA, Reason.SAMPLED_OUT, Reason.OPTED_OUT_BY_AGENT})
"""Reasons that lie in what the version of a campaign says, not in the history of the task.

A first transition that was skipped for one of these is not asked about afterwards, whatever later
versions say or the tree of units becomes.
"""

BY_MOMENT = frozenset({Reason.PAUSED, Reason.BEFORE_ACTIVATION, Reason.AFTER_PERIOD, Reason.STALE})
"""Reasons that lie in when a transition happened and was received, whether or not it is the first.

One that was skipped for one of these stays so for later versions. The same version decides it anew,
for late transitions may move its effective moment.
"""


class Schedule(Struct, frozen=True, tag=True):
    """A survey is sent for this transition.

    `due`: its moment plus the delay. `ready`: the same, but not before its reception. `release`:
    the first time from then on at which mail may go. All UTC.
    """

    transition: UUID
    due: datetime
    ready: datetime
    release: datetime


class Skip(Struct, frozen=True, tag=True):
    """No survey is sent, for this reason. `choice`: of the person, where `suppressed` is one.

    `holder`: the invitation whose survey holds a window or counts for the cap, where one does.
    """

    reason: Reason
    choice: Choice | None = None
    holder: UUID | None = None


Decision: TypeAlias = Schedule | Skip


class RoundSoFar(Struct, frozen=True):
    """What became of the invitation of one (campaign, task, round) at release.

    `standing`: the transition whose invitation is claimed, sent, uncertain or failed, or was
    dropped for a reason that is not in REARMING. No other transition replaces it.
    `dropped`: transitions dropped at release; that reason stays their decision.
    `rearm_transition`: the task's last transition when an invitation was dropped for a reason in
    REARMING. Only later ones may be asked about; without it, none once something was dropped.
    `number`: of the round. `skipped`: earlier decisions by earlier versions with a reason in
    BY_MOMENT, and where nobody was asked yet, with one in BY_VERSION. `closed`: a later round was
    opened: what does not stand is not asked about any more. `admitted`: the transition of the
    invitation that waits, which met the criteria.
    """

    standing: UUID | None
    dropped: Mapping[UUID, Reason]
    rearm_transition: UUID | None
    number: int = 1
    skipped: Mapping[UUID, Reason] = {}
    closed: bool = False
    admitted: UUID | None = None


FRESH = RoundSoFar(None, {}, None)


def decide(
    history: Sequence[Transition],
    campaign: Campaign,
    task: UUID,
    round: RoundSoFar = FRESH,  # noqa: A002  the field's word
    calendar: Calendar = ALWAYS,
) -> dict[UUID, Decision]:
    """Return a decision for each transition into a selected state; at most one is a Schedule.

    `history`: all transitions of the round of `task`, in any order. Each is judged by the task type
    that it has itself. Only the first by order may be scheduled, and uses the round up even when it
    is skipped; the others are `not_first`, unless an earlier reason applies. Decisions that `round`
    fixes stay; those that it `skipped` count as history whatever is selected now, and stay for
    reasons in BY_VERSION as long as they are of the first. `calendar`: of the task's location.
    """
    in_order = ordered(history)
    matching = _matching(in_order, campaign, round.skipped)
    candidate = _candidate(in_order, matching, round)
    is_sampled = in_sample(campaign.id, task, round.number, campaign.sample_percent)
    add_delay = calendar.later_in_working_hours if campaign.in_working_hours else later
    decisions: dict[UUID, Decision] = {}
    for step in matching:
        reason = round.dropped.get(step.id)
        if reason is None and step.id != round.standing:
            is_admitted = step.id == round.admitted
            reason = _reason(step, candidate, campaign, is_sampled, is_admitted)
            skipped = round.skipped.get(step.id)
            if skipped in BY_MOMENT or (skipped is not None and step.id == candidate):
                reason = skipped
            if reason is None and round.closed:
                reason = Reason.NEW_ROUND
        if reason is None:
            due = add_delay(step.moment, campaign.delay)
            ready = ready_at(due, step.received)
            decisions[step.id] = Schedule(step.id, due, ready, calendar.first_open(ready))
        else:
            decisions[step.id] = Skip(reason)
    return decisions


def _matching(
    in_order: Sequence[Transition], campaign: Campaign, skipped: Mapping[UUID, Reason]
) -> list[Transition]:
    """Return what was `skipped`, and the steps into states that were selected at their moments."""
    types = {step.type for step in in_order}
    states = {task_type: campaign.states_for(task_type) for task_type in types}
    since = campaign.selected_since
    return [
        step
        for step in in_order
        if step.id in skipped
        or (
            step.state in states[step.type]
            and step.moment >= since.get((step.type, step.state), EARLIEST)
        )
    ]


def _candidate(
    in_order: Sequence[Transition], matching: Sequence[Transition], round_: RoundSoFar
) -> UUID | None:
    """Return the only transition of `matching` that may be scheduled; None for none."""
    if round_.standing is not None:
        return round_.standing
    if round_.rearm_transition is not None:
        since = dropwhile(lambda step: step.id != round_.rearm_transition, in_order)
        after = {step.id for step in islice(since, 1, None)}
        return next((step.id for step in matching if step.id in after), None)
    if round_.dropped:
        return None
    return next((step.id for step in matching), None)


def _reason(
    step: Transition,
    candidate: UUID | None,
    campaign: Campaign,
    is_sampled: bool,
    is_admitted: bool,
) -> Reason | None:
    """Return the first reason that applies before release, in the order of Reason."""
    if any(pause.covers(step.moment) for pause in campaign.pauses):
        return Reason.PAUSED
    active, period = campaign.activated_at, campaign.period
    if step.silent or active is None or step.moment < max(active, period.start):
        return Reason.BEFORE_ACTIVATION
    if step.moment >= period.end:
        return Reason.AFTER_PERIOD
    if campaign.stale is not None and step.received - step.moment > campaign.stale:
        return Reason.STALE
    if step.id != candidate:
        return Reason.NOT_FIRST
    if not is_admitted and not campaign.criteria.admit(step.facts):
        return Reason.CRITERIA
    if not is_sampled:
        return Reason.SAMPLED_OUT
    return Reason.OPTED_OUT_BY_AGENT if campaign.opt_out_allowed and not step.survey else None
