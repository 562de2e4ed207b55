"""Whether a due invitation may be sent: its campaign and task first, then the address."""

from datetime import datetime, timedelta, tzinfo
from typing import assert_never
from uuid import UUID

from msgspec import Struct

from rules.calendar import window_end
from rules.campaign import Campaign, Status
from rules.decide import Reason, Skip
from rules.history import StateKind
from rules.timing import later, window_anchor

QUARTER = timedelta(days=90)
"""For so long after a survey the next one waits to be wanted, where one a quarter was chosen."""

HELD_AT_MOST = timedelta(days=7)
"""What is longer than this past its release when a pause ends is not sent any more."""


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


def drop_reason_for_campaign(
    campaign: Campaign, release: datetime, vouched: datetime | None
) -> Skip | None:
    """Return why its campaign drops a due invitation, or None if it does not.

    It is archived, or was paused until too long after the release (UTC). `vouched`: when an
    operator said that it shall go, if one did: pauses that had ended by then do not matter.
    """
    ends = (pause.end for pause in campaign.pauses if pause.end is not None)
    late = any(
        end > later(release, HELD_AT_MOST) for end in ends if vouched is None or end > vouched
    )
    return Skip(Reason.PAUSED) if late or campaign.status is Status.ARCHIVED else None


class Mute(Struct, frozen=True):
    """The mute window of one (campaign, address), and the invitation that has it.

    `confirmed`: false while the outcome of that invitation is not known: a reservation.
    `counted_from`: UTC, the `window_anchor` of its sending.
    """

    invitation: UUID
    confirmed: bool
    counted_from: datetime


class Contact(Struct, frozen=True):
    """An address: whether it is suppressed, and the campaign's mute window on it.

    `internal`: it is of the account itself. `left`: the person left the campaign. `quarter`: where
    one survey a quarter was chosen, the last use by another invitation, of whatever campaign.
    """

    suppressed: bool
    mute: Mute | None
    internal: bool = False
    left: bool = False
    quarter: Mute | None = None


class Timed(Struct, frozen=True):
    """When a due invitation is judged. `ready`, `release`: as of its Schedule; `now`: UTC.

    `zone`: of its location; windows of whole days count civil days there.
    """

    ready: datetime
    release: datetime
    now: datetime
    zone: tzinfo


class Go(Struct, frozen=True, tag=True):
    """The invitation may be sent; with `reserve`, after it got the mute window."""

    reserve: bool


class Wait(Struct, frozen=True, tag=True):
    """The invitation `holder` has reserved the address: to be judged again after its outcome."""

    holder: UUID


def judge_contact(
    invitation: UUID,
    timed: Timed,
    mute: timedelta | None,
    contact: Contact,
) -> Go | Wait | Skip:
    """Return whether an invitation may be sent to an address, whose row the caller has locked.

    `mute`: the length of the campaign's window; None for none. A retry of the invitation that has
    the window may go and does not extend it. The end of another's window is not part of it.
    """
    withheld = _consent(timed, contact)
    if withheld is not None:
        return withheld
    if mute is None:
        return Go(reserve=False)
    window = contact.mute
    if window is None:
        return Go(reserve=True)
    if window.invitation == invitation:
        return Go(reserve=False)
    if not window.confirmed:
        return Wait(window.invitation)
    anchor = window_anchor(timed.ready, timed.release, timed.now)
    if anchor < window_end(window.counted_from, mute, timed.zone):
        return Skip(Reason.MUTED)
    return Go(reserve=True)


def _consent(timed: Timed, contact: Contact) -> Wait | Skip | None:
    """Return what keeps an address from being asked, whatever the campaign's mute window."""
    last = contact.quarter
    if contact.internal:
        return Skip(Reason.INTERNAL)
    if contact.suppressed:
        return Skip(Reason.SUPPRESSED)
    if contact.left:
        return Skip(Reason.SUPPRESSED, "campaign")
    if last is None:
        return None
    if not last.confirmed:
        return Wait(last.invitation)
    anchor = window_anchor(timed.ready, timed.release, timed.now)
    if anchor < window_end(last.counted_from, QUARTER, timed.zone):
        return Skip(Reason.SUPPRESSED, "quarter")
    return None
