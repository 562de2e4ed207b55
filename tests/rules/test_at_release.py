"""Whether a due invitation still goes: the task first, then the contact."""

from datetime import datetime
from typing import cast
from uuid import UUID

import pytest

from rules.campaign import Pause
from rules.decide import (
    Contact,
    Go,
    Mute,
    Reason,
    Skip,
    Wait,
    drop_reason_for_pauses,
    drop_reason_for_state,
    judge_contact,
)
from rules.history import StateKind
from tests.rules.samples import (
    CANCELLED,
    CLOSED,
    DONE,
    NOON,
    ON_SITE,
    TO_RECONTACT,
    at,
    days,
    hours,
)

SELECTED = frozenset({DONE, TO_RECONTACT})
OURS, OTHER = UUID(int=5), UUID(int=6)
WEEK = days(7)
FREE = Contact(suppressed=False, mute=None)


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        (DONE, StateKind.DONE, None),
        (TO_RECONTACT, StateKind.DONE, None),
        ("620", StateKind.DONE, None),
        (CLOSED, StateKind.CLOSED, None),
        ("100", StateKind.PLANNED, Reason.LEFT_STATE),
        (ON_SITE, StateKind.ACTIVE, Reason.LEFT_STATE),
        (CANCELLED, StateKind.CANCELLED, Reason.TASK_CANCELLED),
    ],
)
def test_a_task_stands_unless_it_went_back_or_was_cancelled(
    state: str, kind: StateKind, reason: Reason | None
) -> None:
    assert drop_reason_for_state(state, kind, SELECTED) == (reason and Skip(reason))


@pytest.mark.parametrize("kind", StateKind)
def test_in_a_selected_state_a_task_stands_whatever_its_kind(kind: StateKind) -> None:
    assert drop_reason_for_state(CANCELLED, kind, frozenset({CANCELLED})) is None


def test_a_kind_that_does_not_exist_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        drop_reason_for_state(ON_SITE, cast(StateKind, "lost"), SELECTED)


SECOND = hours(1) / 3600


@pytest.mark.parametrize(
    ("pauses", "vouched", "reason"),
    [
        ([], None, None),
        ([Pause(at(1), at(2))], None, None),
        ([Pause(at(1), at(7 * 24))], None, None),
        ([Pause(at(1), at(7 * 24) + SECOND)], None, Reason.PAUSED),
        ([Pause(at(6 * 24), at(6 * 24 + 1)), Pause(at(7 * 24), at(7 * 24 + 1))], None, "paused"),
        ([Pause(at(-99 * 24), at(-1))], None, None),
        ([Pause(at(1), None)], None, None),
        ([Pause(at(1), at(9 * 24))], at(9 * 24), None),
        ([Pause(at(1), at(9 * 24))], at(8 * 24), Reason.PAUSED),
    ],
)
def test_14_what_is_more_than_seven_days_late_when_a_pause_ends_is_dropped(
    pauses: list[Pause], vouched: datetime | None, reason: str | None
) -> None:
    """Its release is at noon; an operator's word after the pause overrules it."""
    expected = None if reason is None else Skip(Reason(reason))
    assert drop_reason_for_pauses(NOON, vouched, pauses) == expected


def held(by: UUID, confirmed: bool = True) -> Contact:
    """A contact whose window is held since noon."""
    return Contact(suppressed=False, mute=Mute(by, confirmed, NOON))


@pytest.mark.parametrize(
    ("contact", "found"),
    [
        (FREE, Go(reserve=True)),
        (Contact(suppressed=True, mute=None), Skip(Reason.SUPPRESSED)),
        (held(OTHER, confirmed=False), Wait()),
        (held(OTHER), Skip(Reason.MUTED)),
        (held(OURS, confirmed=False), Go(reserve=False)),
        (held(OURS), Go(reserve=False)),
        (Contact(suppressed=True, mute=Mute(OURS, True, NOON)), Skip(Reason.SUPPRESSED)),
        (Contact(suppressed=True, mute=Mute(OTHER, False, NOON)), Skip(Reason.SUPPRESSED)),
    ],
    ids=[
        "a free address",
        "opted out",
        "another's reservation",
        "another's window",
        "a retry under its own reservation",
        "a resend within its own window",
        "a retry after opting out",
        "opted out and reserved",
    ],
)
def test_an_invitation_at_its_contact(contact: Contact, found: Go | Wait | Skip) -> None:
    assert judge_contact(OURS, at(1), at(1), WEEK, contact) == found


@pytest.mark.parametrize("contact", [FREE, held(OTHER), held(OTHER, confirmed=False), held(OURS)])
def test_without_mute_nothing_is_reserved_and_nobody_waits(contact: Contact) -> None:
    assert judge_contact(OURS, at(1), at(1), None, contact) == Go(reserve=False)


def test_opting_out_holds_without_mute() -> None:
    found = judge_contact(OURS, at(1), at(1), None, Contact(suppressed=True, mute=None))
    assert found == Skip(Reason.SUPPRESSED)


END = NOON + WEEK


@pytest.mark.parametrize(
    ("release", "now", "goes"),
    [
        (END, END, True),
        (END, END + hours(0.2), True),
        (END - hours(0.01), END - hours(0.01), False),
        (END - hours(0.01), END + hours(0.2), False),
        (END - hours(0.25), END, False),
        (END - hours(0.26), END, True),
        (END - days(3), END + hours(1), True),
        (END - days(3), END - hours(1), False),
    ],
    ids=[
        "exactly seven days later",
        "seven days later, taken up a little late",
        "a little early",
        "released early, taken up promptly afterwards",
        "released fifteen minutes early",
        "held until the end, by more than fifteen minutes",
        "held for days by a pause",
        "held for days, still in the window",
    ],
)
def test_the_window_ends_exactly(release: datetime, now: datetime, goes: bool) -> None:
    expected = Go(reserve=True) if goes else Skip(Reason.MUTED)
    assert judge_contact(OURS, release, now, WEEK, held(OTHER)) == expected
