"""Decisions: which transitions a campaign asks about, and whether a due invitation may be sent.

`decide` is called by planning; `drop_reason_for_state` and `judge_contact` at release.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import dropwhile, islice
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from rules.campaign import Campaign
from rules.history import StateKind, Transition, ordered
from rules.timing import later, release_at, window_anchor


class Reason(StrEnum):
    """Why no survey is sent for a transition. Of several that apply the first in this order."""

    PAUSED = "paused"
    BEFORE_ACTIVATION = "before_activation"
    STALE = "stale"
    NOT_FIRST = "not_first"
    OPTED_OUT_BY_AGENT = "opted_out_by_agent"
    TASK_CANCELLED = "task_cancelled"
    LEFT_STATE = "left_state"
    NO_ADDRESS = "no_address"
    SUPPRESSED = "suppressed"
    MUTED = "muted"
    CANCELLED = "cancelled"


class Late(StrEnum):
    """Why a mail is not sent that follows an earlier copy: no decision is made of it."""

    DEADLINE = "deadline"


REARMING = frozenset({Reason.TASK_CANCELLED, Reason.LEFT_STATE})
"""After a drop for one of these reasons, a later transition of the round may be asked about."""


class Schedule(Struct, frozen=True, tag=True):
    """A survey is sent for this transition.

    `due`: its moment plus the delay. `release`: the same, but not before its reception. Both UTC.
    """

    transition: UUID
    due: datetime
    release: datetime


class Skip(Struct, frozen=True, tag=True):
    """No survey is sent, for this reason."""

    reason: Reason


Decision: TypeAlias = Schedule | Skip


class RoundSoFar(Struct, frozen=True):
    """What became of the invitation of one (campaign, task, round) at release.

    `standing`: the transition whose invitation is claimed, sent, uncertain or failed, or was
    dropped for a reason that is not in REARMING. No other transition replaces it.
    `dropped`: transitions dropped at release; that reason stays their decision.
    `rearm_transition`: the task's last transition when an invitation was dropped for a reason in
    REARMING. Only later ones may be asked about; without it, none once something was dropped.
    """

    standing: UUID | None
    dropped: Mapping[UUID, Reason]
    rearm_transition: UUID | None


FRESH = RoundSoFar(None, {}, None)


def decide(
    history: Sequence[Transition],
    campaign: Campaign,
    round: RoundSoFar = FRESH,  # noqa: A002  the field's word
) -> dict[UUID, Decision]:
    """Return a decision for each transition into a selected state; at most one is a Schedule.

    `history`: all transitions of the task, in any order. Each is judged by the task type that it
    has itself. Only the first by order may be scheduled, and uses the round up even when it is
    skipped; the others are `not_first`, unless an earlier reason applies. Decisions that `round`
    fixes stay.
    """
    states = {task_type: campaign.states_for(task_type) for task_type in {t.type for t in history}}
    in_order = ordered(history)
    matching = [step for step in in_order if step.state in states[step.type]]
    candidate = _candidate(in_order, matching, round)
    decisions: dict[UUID, Decision] = {}
    for step in matching:
        reason = round.dropped.get(step.id)
        if reason is None and step.id != round.standing:
            reason = _reason(step, candidate, campaign)
        if reason is None:
            due = later(step.moment, campaign.delay)
            decisions[step.id] = Schedule(step.id, due, release_at(due, step.received))
        else:
            decisions[step.id] = Skip(reason)
    return decisions


def drop_reason_for_state(state: str, kind: StateKind, selected: frozenset[str]) -> Skip | None:
    """Return why the state of its task drops a due invitation, or None if it does not.

    `state`, `kind`: of the task at release. `selected`: the campaign's states for the task's type;
    none of those drops it, whatever its kind.
    """
    if state in selected:
        return None
    match kind:
        case StateKind.CANCELLED:
            return Skip(Reason.TASK_CANCELLED)
        case StateKind.PLANNED | StateKind.ACTIVE:
            return Skip(Reason.LEFT_STATE)
        case StateKind.DONE | StateKind.CLOSED:
            return None
    assert_never(kind)


class Mute(Struct, frozen=True):
    """The mute window of one (campaign, address), and the invitation that has it.

    `confirmed`: false while the outcome of that invitation is not known: a reservation.
    `counted_from`: UTC, the `window_anchor` of its sending.
    """

    invitation: UUID
    confirmed: bool
    counted_from: datetime


class Contact(Struct, frozen=True):
    """An address: whether it is suppressed, and the campaign's mute window on it."""

    suppressed: bool
    mute: Mute | None


class Go(Struct, frozen=True, tag=True):
    """The invitation may be sent; with `reserve`, after it got the mute window."""

    reserve: bool


class Wait(Struct, frozen=True, tag=True):
    """Another invitation has reserved the mute window: to be judged again after its outcome."""


def judge_contact(
    invitation: UUID,
    release: datetime,
    now: datetime,
    mute: timedelta | None,
    contact: Contact,
) -> Go | Wait | Skip:
    """Return whether an invitation may be sent to an address, whose row the caller has locked.

    `release`, `now`: UTC. `mute`: the length of the campaign's window; None for none. A retry of
    the invitation that has the window may go and does not extend it. The end of another's window
    is not part of it.
    """
    if contact.suppressed:
        return Skip(Reason.SUPPRESSED)
    if mute is None:
        return Go(reserve=False)
    window = contact.mute
    if window is None:
        return Go(reserve=True)
    if window.invitation == invitation:
        return Go(reserve=False)
    if not window.confirmed:
        return Wait()
    if window_anchor(release, now) < later(window.counted_from, mute):
        return Skip(Reason.MUTED)
    return Go(reserve=True)


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


def _reason(step: Transition, candidate: UUID | None, campaign: Campaign) -> Reason | None:
    """Return the first reason that applies before release, in the order of Reason."""
    if any(pause.covers(step.moment) for pause in campaign.pauses):
        return Reason.PAUSED
    active = campaign.activated_at
    if step.silent or active is None or step.moment < active:
        return Reason.BEFORE_ACTIVATION
    if campaign.stale is not None and step.received - step.moment > campaign.stale:
        return Reason.STALE
    if step.id != candidate:
        return Reason.NOT_FIRST
    if campaign.opt_out_allowed and not step.survey:
        return Reason.OPTED_OUT_BY_AGENT
    return None
