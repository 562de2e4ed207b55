"""From a task's history to what a campaign does about it: first on planning, then at release.

Both halves are pure: they return data, and the mail package acts on it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import dropwhile, islice
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from rules.campaign import Campaign
from rules.facts import Kind, Transition
from rules.history import ordered
from rules.timing import later, release_at, window_anchor


class Reason(StrEnum):
    """Why a transition asks nobody. When several hold, the first of this order is given."""

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


REARMING = frozenset({Reason.TASK_CANCELLED, Reason.LEFT_STATE})
"""Dropped for one of these, a round may still be asked when the task comes back."""


class Schedule(Struct, frozen=True, tag=True):
    """Ask for this transition: `due` is moment plus delay, `release` not before reception; UTC."""

    transition: UUID
    due: datetime
    release: datetime


class Skip(Struct, frozen=True, tag=True):
    """Do not ask, and this is why."""

    reason: Reason


Decision: TypeAlias = Schedule | Skip


class Round(Struct, frozen=True):
    """What release has already made of one (campaign, task, round).

    `standing`: the transition whose invitation is claimed, sent, uncertain or failed, or was
    dropped for a reason that does not re-arm. Nothing replaces it.
    `dropped`: transitions dropped at release; that reason stays their decision.
    `rearm_after`: after a drop that re-arms, the task's last transition then.
    Only later ones may be asked. None with something dropped: the round is used up.
    """

    standing: UUID | None
    dropped: Mapping[UUID, Reason]
    rearm_after: UUID | None


FRESH = Round(None, {}, None)


def decide(
    history: Sequence[Transition],
    campaign: Campaign,
    round: Round = FRESH,  # noqa: A002  the field's word
) -> dict[UUID, Decision]:
    """Return one decision for each transition into a selected state, at most one a Schedule.

    `history`: all transitions of the task, in any order; each is judged by its own type. The first
    by order is asked, or uses the round up with its own reason; the others are `not_first`, unless
    an earlier reason holds for themselves. What stands or was dropped in `round` is never decided
    anew.
    """
    states = {task_type: campaign.states_for(task_type) for task_type in {t.type for t in history}}
    in_order = ordered(history)
    matching = [one for one in in_order if one.state in states[one.type]]
    candidate = _candidate(in_order, matching, round)
    return {one.id: _decision(one, candidate, campaign, round) for one in matching}


def drop_reason_for_state(state: str, kind: Kind, selected: frozenset[str]) -> Skip | None:
    """Return why a due invitation is dropped by where its task now is, or None if it may go.

    `state`, `kind`: of the task at release. `selected`: the campaign's states for its type;
    in any of those the task stands, whatever its kind.
    """
    if state in selected:
        return None
    match kind:
        case Kind.CANCELLED:
            return Skip(Reason.TASK_CANCELLED)
        case Kind.PLANNED | Kind.ACTIVE:
            return Skip(Reason.LEFT_STATE)
        case Kind.DONE | Kind.CLOSED:
            return None
    assert_never(kind)


class Mute(Struct, frozen=True):
    """Who holds the mute window of one (campaign, address).

    `confirmed`: false is a reservation whose outcome is not known yet.
    `counted_from`: UTC, the window_anchor of its sending.
    """

    invitation: UUID
    confirmed: bool
    counted_from: datetime


class Contact(Struct, frozen=True):
    """What is known of an address: whether it opted out, and the campaign's window on it."""

    suppressed: bool
    mute: Mute | None


class Go(Struct, frozen=True, tag=True):
    """Send it; with `reserve`, take the mute window for this invitation first."""

    reserve: bool


class Wait(Struct, frozen=True, tag=True):
    """Another invitation holds a reservation: ask again once its outcome is known."""


def to_contact(
    invitation: UUID,
    release: datetime,
    now: datetime,
    mute: timedelta | None,
    contact: Contact,
) -> Go | Wait | Skip:
    """Return whether an invitation may go to an address; the contact row is locked meanwhile.

    `release`, `now`: UTC. `mute`: the campaign's window, None for none. Retries of the
    invitation that holds the window are exempt and do not extend it. Exactly at the end of
    another's window it may go.
    """
    if contact.suppressed:
        return Skip(Reason.SUPPRESSED)
    if mute is None:
        return Go(reserve=False)
    held = contact.mute
    if held is None:
        return Go(reserve=True)
    if held.invitation == invitation:
        return Go(reserve=False)
    if not held.confirmed:
        return Wait()
    if window_anchor(release, now) < later(held.counted_from, mute):
        return Skip(Reason.MUTED)
    return Go(reserve=True)


def _candidate(
    in_order: Sequence[Transition], matching: Sequence[Transition], past: Round
) -> UUID | None:
    """Return the only transition that may be asked, of the `matching` ones of a history."""
    if past.standing is not None:
        return past.standing
    if past.rearm_after is not None:
        since = dropwhile(lambda one: one.id != past.rearm_after, in_order)
        after = {one.id for one in islice(since, 1, None)}
        return next((one.id for one in matching if one.id in after), None)
    if past.dropped:
        return None
    return next((one.id for one in matching), None)


def _decision(
    transition: Transition, candidate: UUID | None, campaign: Campaign, past: Round
) -> Decision:
    if transition.id in past.dropped:
        return Skip(past.dropped[transition.id])
    if transition.id == past.standing:
        return _scheduled(transition, campaign)
    reason = _reason(transition, candidate, campaign)
    return _scheduled(transition, campaign) if reason is None else Skip(reason)


def _reason(transition: Transition, candidate: UUID | None, campaign: Campaign) -> Reason | None:
    """Return the first reason that holds before release, in the order of Reason."""
    if any(pause.covers(transition.moment) for pause in campaign.pauses):
        return Reason.PAUSED
    if _before_activation(transition, campaign):
        return Reason.BEFORE_ACTIVATION
    if campaign.stale is not None and transition.received - transition.moment > campaign.stale:
        return Reason.STALE
    if transition.id != candidate:
        return Reason.NOT_FIRST
    if campaign.opt_out_allowed and not transition.survey:
        return Reason.OPTED_OUT_BY_AGENT
    return None


def _before_activation(transition: Transition, campaign: Campaign) -> bool:
    active = campaign.activated_at
    return transition.silent or active is None or transition.moment < active


def _scheduled(transition: Transition, campaign: Campaign) -> Schedule:
    due = later(transition.moment, campaign.delay)
    return Schedule(transition.id, due, release_at(due, transition.received))
