"""When a survey is asked about once more: so many civil days later, when open, and in time."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import OFFICE_HOURS, WHOLE_WEEK, Calendar
from rules.reminders import MOST_REMINDERS, next_reminder
from tests.rules.samples import campaign, days

MONTREAL: Final = "America/Montreal"
ZONES: Final = st.sampled_from([MONTREAL, "Europe/Paris", "Asia/Kolkata", "UTC", "Africa/Cairo"])


def open_always(zone: str) -> Calendar:
    return Calendar(ZoneInfo(zone), None, OFFICE_HOURS)


def local(text: str, zone: str = MONTREAL) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("sent", "follows"),
    [
        ("2027-02-01T09:30", "2027-02-08T09:30"),
        ("2027-03-10T09:30", "2027-03-17T09:30"),  # 167 hours later
        ("2027-11-03T09:30", "2027-11-10T09:30"),  # 169 hours later
        ("2027-03-07T02:30", "2027-03-14T03:00"),  # clocks skip that half hour
    ],
)
def test_it_comes_at_the_same_time_by_the_clocks_of_the_place(sent: str, follows: str) -> None:
    asks = campaign(reminders=1, reminder_days=7)
    at = local(sent)
    assert next_reminder(asks, 0, at, at + days(28), open_always(MONTREAL)) == local(follows)


def test_quiet_hours_move_it_and_none_is_moved_past_the_deadline() -> None:
    asks = campaign(reminders=1, reminder_days=7)
    office = Calendar(ZoneInfo(MONTREAL), OFFICE_HOURS, OFFICE_HOURS)
    at, opens = local("2027-02-06T22:00"), local("2027-02-15T09:00")  # both Saturdays are closed
    assert next_reminder(asks, 0, at, opens + timedelta(seconds=1), office) == opens
    assert next_reminder(asks, 0, at, opens, office) is None


@given(
    st.integers(0, MOST_REMINDERS),
    st.integers(0, MOST_REMINDERS),
    st.integers(1, 27),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - made aware below
    st.integers(1, 60),
    ZONES,
    st.sampled_from([None, WHOLE_WEEK, OFFICE_HOURS]),
)
def test_none_comes_early_late_or_beyond_the_number(
    most: int, used: int, gap: int, sent: datetime, deadline: int, zone: str, hours: object
) -> None:
    asks = campaign(reminders=most, reminder_days=gap)
    calendar = Calendar(ZoneInfo(zone), hours, OFFICE_HOURS)  # type: ignore[arg-type]
    at = sent.replace(tzinfo=UTC)
    found = next_reminder(asks, used, at, at + days(deadline), calendar)
    if used >= most:
        assert found is None
    elif found is None:
        assert calendar.first_open(at + days(gap) + timedelta(hours=1)) >= at + days(deadline)
    else:
        assert at + days(gap) - timedelta(hours=1) <= found < at + days(deadline)
        assert calendar.first_open(found) == found
