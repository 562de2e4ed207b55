"""Whether a due invitation still goes: the task first, then the contact."""

from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from rules.at_release import (
    QUARTER,
    Contact,
    Go,
    Mute,
    Timed,
    Wait,
    drop_reason_for_campaign,
    drop_reason_for_state,
    judge_contact,
)
from rules.campaign import Pause, Status
from rules.decide import Reason, Skip
from rules.history import StateKind
from tests.rules.samples import (
    CANCELLED,
    CLOSED,
    DONE,
    NOON,
    ON_SITE,
    TO_RECONTACT,
    at,
    campaign,
    days,
    hours,
)

SELECTED = frozenset({DONE, TO_RECONTACT})
OURS, OTHER = UUID(int=5), UUID(int=6)
WEEK = days(7)
AT_ONE = Timed(at(1), at(1), at(1), UTC)
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
def test_10_a_task_stands_unless_it_went_back_or_was_cancelled(
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
    asked = campaign(pauses=tuple(pauses))
    assert drop_reason_for_campaign(asked, NOON, vouched) == expected


def test_what_waits_of_an_archived_campaign_is_dropped() -> None:
    archived = campaign(status=Status.ARCHIVED)
    assert drop_reason_for_campaign(archived, NOON, NOON) == Skip(Reason.PAUSED)


def held(by: UUID, confirmed: bool = True) -> Contact:
    """A contact whose window is held since noon."""
    return Contact(suppressed=False, mute=Mute(by, confirmed, NOON))


@pytest.mark.parametrize(
    ("contact", "found"),
    [
        (FREE, Go(reserve=True)),
        (Contact(suppressed=True, mute=None), Skip(Reason.SUPPRESSED)),
        (held(OTHER, confirmed=False), Wait(OTHER)),
        (held(OTHER), Skip(Reason.MUTED, holder=OTHER)),
        (held(OURS, confirmed=False), Go(reserve=False)),
        (held(OURS), Go(reserve=False)),
        (Contact(suppressed=True, mute=Mute(OURS, True, NOON)), Skip(Reason.SUPPRESSED)),
        (Contact(suppressed=True, mute=Mute(OTHER, False, NOON)), Skip(Reason.SUPPRESSED)),
        (Contact(suppressed=True, mute=None, internal=True), Skip(Reason.INTERNAL)),
        (Contact(suppressed=True, mute=None, left=True), Skip(Reason.SUPPRESSED)),
        (Contact(False, None, left=True), Skip(Reason.SUPPRESSED, "campaign")),
        (Contact(False, Mute(OTHER, True, NOON), left=True), Skip(Reason.SUPPRESSED, "campaign")),
    ],
    ids=[
        "a free address",
        "opted out",
        "18: another's reservation",
        "18: another's window",
        "19: a retry under its own reservation",
        "19: a resend within its own window",
        "a retry after opting out",
        "opted out and reserved",
        "22: the company's own, whatever else",
        "22: opted out of all and of this campaign",
        "out of this campaign",
        "22: out of this campaign and muted",
    ],
)
def test_an_invitation_at_its_contact(contact: Contact, found: Go | Wait | Skip) -> None:
    assert judge_contact(OURS, AT_ONE, WEEK, contact) == found


@pytest.mark.parametrize("contact", [FREE, held(OTHER), held(OTHER, confirmed=False), held(OURS)])
def test_without_mute_nothing_is_reserved_and_nobody_waits(contact: Contact) -> None:
    assert judge_contact(OURS, AT_ONE, None, contact) == Go(reserve=False)


def test_opting_out_holds_without_mute() -> None:
    found = judge_contact(OURS, AT_ONE, None, Contact(suppressed=True, mute=None))
    assert found == Skip(Reason.SUPPRESSED)


def seldom(by: UUID, confirmed: bool = True) -> Contact:
    """A contact that wants one survey a quarter and had another campaign's at noon."""
    return Contact(suppressed=False, mute=None, quarter=Mute(by, confirmed, NOON))


@pytest.mark.parametrize("mute", [None, WEEK])
def test_one_survey_a_quarter_goes_whatever_the_campaign(mute: timedelta | None) -> None:
    end = NOON + QUARTER
    early, due = (Timed(at, at, at, UTC) for at in (end - hours(0.01), end))
    skipped = Skip(Reason.SUPPRESSED, "quarter")
    assert judge_contact(OURS, early, mute, seldom(OTHER)) == skipped
    assert judge_contact(OURS, due, mute, seldom(OTHER)) == Go(reserve=mute is not None)
    waits = judge_contact(OURS, due, mute, seldom(OTHER, confirmed=False))
    assert waits == Wait(OTHER)


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
def test_18_the_window_ends_exactly(release: datetime, now: datetime, goes: bool) -> None:
    expected = Go(reserve=True) if goes else Skip(Reason.MUTED, holder=OTHER)
    timed = Timed(release, release, now, UTC)
    assert judge_contact(OURS, timed, WEEK, held(OTHER)) == expected


def test_18_a_weekly_visit_is_not_muted_by_a_week_of_167_hours() -> None:
    """PRODUCT 18: whole days are civil days in the location's zone."""
    first = datetime(2026, 3, 2, 15, tzinfo=UTC)
    contact = Contact(False, Mute(OTHER, confirmed=True, counted_from=first))
    visit = first + days(7) - hours(1)
    muted = Skip(Reason.MUTED, holder=OTHER)
    for zone, found in (("America/Montreal", Go(reserve=True)), ("UTC", muted)):
        timed = Timed(visit, visit, visit, ZoneInfo(zone))
        assert judge_contact(OURS, timed, WEEK, contact) == found


def test_18_a_visit_that_a_holiday_moved_is_judged_by_when_it_was_ready() -> None:
    timed = Timed(END - hours(1), END + days(1), END + days(1), UTC)
    assert judge_contact(OURS, timed, WEEK, held(OTHER)) == Skip(Reason.MUTED, holder=OTHER)
    timed = Timed(END, END + days(1), END + days(1), UTC)
    assert judge_contact(OURS, timed, WEEK, held(OTHER)) == Go(reserve=True)
