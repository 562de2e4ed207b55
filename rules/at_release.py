"""Whether a due invitation may be sent: its campaign and task first, then the address."""

from collections.abc import Sequence
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
    """A use of an address, and so the mute window of one campaign, by an invitation.

    `confirmed`: false while the outcome of that invitation is not known: a reservation.
    `counted_from`: UTC, the `window_anchor` of its sending.
    """

    invitation: UUID
    confirmed: bool
    counted_from: datetime


class Cap(Struct, frozen=True):
    """At most so many `surveys` are sent to an address in a period of so many whole `days`."""

    surveys: int
    days: int


class Contact(Struct, frozen=True):
    """An address: whether it is suppressed, and the campaign's mute window on it.

    `internal`: it is of the account itself. `left`: the person left the campaign. `quarter`: where
    one survey a quarter was chosen, the last use by another invitation, of whatever campaign.
    `uses`: where there is a cap, all of its period and all that are not confirmed. `ahead`: the
    invitations of higher priority that are as good as sent to the address on the same local day,
    in the order in which they are released.
    """

    suppressed: bool
    mute: Mute | None
    internal: bool = False
    left: bool = False
    quarter: Mute | None = None
    uses: Sequence[Mute] = ()
    ahead: Sequence[UUID] = ()


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
    """To be judged again after the outcome of the invitation `holder`.

    That has reserved the address; or, where this one `yields` to it, will be released before the
    day is over, and has a higher priority.
    """

    holder: UUID
    yields: bool = False


def judge_contact(
    invitation: UUID,
    timed: Timed,
    mute: timedelta | None,
    contact: Contact,
    cap: Cap | None = None,
) -> Go | Wait | Skip:
    """Return whether an invitation may be sent to an address, whose row the caller has locked.

    `mute`: the length of the campaign's window; None for none. `cap`: the account's, as it is for
    this invitation. A retry of the invitation that has the window may go and does not extend it.
    The end of another's window is not part of it.

    Nobody waits for ever, or in a ring. An invitation that has a use itself waits for no window
    and no cap, so what waits for a reservation waits for one that is tried until it has an outcome,
    or gives the reservation up: at its claim, where its campaign is paused, its sender refused, or
    it is held, since nobody knows for how long. Then it is judged as if it had never been tried.
    All others that are waited for have a higher priority than who waits, so that no chain of waits
    comes back, and one of the day of who waits, of which there are finitely many: no later one
    comes before them.
    """
    withheld, window = _consent(timed, contact), contact.mute
    if withheld is not None:
        return withheld
    is_others = window is not None and window.invitation != invitation
    if mute is not None and window is not None and is_others:
        if not window.confirmed:
            return Wait(window.invitation)
        anchor = window_anchor(timed.ready, timed.release, timed.now)
        if anchor < window_end(window.counted_from, mute, timed.zone):
            return Skip(Reason.MUTED, holder=window.invitation)
    full = None if cap is None else _capped(invitation, timed, cap, contact)
    return full or Go(reserve=mute is not None and (window is None or is_others))


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


def _capped(invitation: UUID, timed: Timed, cap: Cap, contact: Contact) -> Wait | Skip | None:
    """Return what the account's clock says: that its cap on the address is used up, or may be.

    What is reserved counts whenever it was: its mail may be accepted now. Only what was accepted
    drops another; of that, the one is named with whose end of the period there is room again.
    """
    if any(use.invitation == invitation for use in contact.uses):
        return None
    anchor, period = window_anchor(timed.ready, timed.release, timed.now), timedelta(days=cap.days)
    newest_first = sorted(contact.uses, key=lambda use: use.counted_from, reverse=True)
    reserved = [use.invitation for use in newest_first if not use.confirmed]
    counted = [
        use.invitation
        for use in newest_first
        if use.confirmed and anchor < window_end(use.counted_from, period, timed.zone)
    ]
    if len(counted) >= cap.surveys:
        return Skip(Reason.CAPPED, holder=counted[cap.surveys - 1])
    room = cap.surveys - len(counted) - len(reserved)
    if room <= 0:
        return Wait(reserved[0])
    return Wait(contact.ahead[room - 1], yields=True) if len(contact.ahead) >= room else None
