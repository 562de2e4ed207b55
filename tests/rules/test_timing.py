"""Delays, device clocks and the moments that follow from them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.timing import (
    EARLIEST,
    LATEST,
    MAX_DELAY,
    SKEW_TOLERANCE,
    DelayError,
    corrected_moment,
    later,
    parse_delay,
    ready_at,
    visited_at,
    window_anchor,
)
from tests.rules.samples import NOON, at, days, hours

MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(hours(5.5)), timezone(hours(-4))]))
SANE = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("00:00:00", days(0)),
        ("00:12:00", hours(12)),
        ("07:00:00", days(7)),
        ("01:23:59", days(2) - timedelta(minutes=1)),
        ("99:23:59", MAX_DELAY),
    ],
)
def test_a_delay_is_days_hours_and_minutes(text: str, delay: timedelta) -> None:
    assert parse_delay(text) == delay


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59))
def test_every_delay_that_can_be_written_is_read(days: int, hours: int, minutes: int) -> None:
    delay = parse_delay(f"{days:02}:{hours:02}:{minutes:02}")
    assert delay == timedelta(days=days, hours=hours, minutes=minutes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12:00",
        "00:24:00",
        "00:00:60",
        "0:12:00",
        "000:12:00",
        "-1:00:00",
        "+1:00:00",
        " 00:12:00",
        "00:12:00\n",
        "00:12:00:00",
        "aa:bb:cc",
        "\u0660\u0660:\u0661\u0662:\u0660\u0660",
    ],
)
def test_anything_else_is_no_delay(text: str) -> None:
    with pytest.raises(DelayError):
        parse_delay(text)


@pytest.mark.parametrize(
    ("says", "device", "now", "happened"),
    [
        ("right", at(-1), at(0), at(-1)),
        ("an hour fast", at(0), at(1), at(-1)),
        ("an hour slow", at(-2), at(-1), at(-1)),
        ("ten years fast", at(-1) + days(3652), at(0) + days(3652), at(-1)),
        ("ten years slow", at(-1) - days(3652), at(0) - days(3652), at(-1)),
        ("set back since", at(2), at(0), at(0)),
    ],
)
def test_1_a_moment_is_corrected_by_what_the_clock_is_off_at_the_push(
    says: str, device: datetime, now: datetime, happened: datetime
) -> None:
    assert corrected_moment(device, now, received=at(0)) == happened


@pytest.mark.parametrize(
    ("skew", "counted"),
    [
        (SKEW_TOLERANCE, False),
        (-SKEW_TOLERANCE, False),
        (SKEW_TOLERANCE + timedelta(milliseconds=1), True),
        (-SKEW_TOLERANCE - timedelta(milliseconds=1), True),
    ],
)
def test_a_difference_within_the_networks_latency_is_no_skew(
    skew: timedelta, counted: bool
) -> None:
    found = corrected_moment(at(-1), NOON - skew, received=NOON)
    assert found == (at(-1) + skew if counted else at(-1))


def test_offsets_are_understood_and_the_result_is_in_utc() -> None:
    montreal = timezone(hours(-4))
    found = corrected_moment(at(-1).astimezone(montreal), at(0).astimezone(montreal), NOON)
    assert (found, found.tzinfo) == (at(-1), UTC)


@given(MOMENTS, MOMENTS, MOMENTS)
def test_1_no_moment_is_after_its_reception_whatever_the_clocks_say(
    device: datetime, now: datetime, received: datetime
) -> None:
    received = min(max(received, EARLIEST), LATEST)
    found = corrected_moment(device, now, received)
    assert EARLIEST <= found <= received


@given(SANE, st.timedeltas(days(-3652), days(3652)), st.timedeltas(days(0), days(30)))
def test_a_wrong_clock_gives_the_moment_of_a_right_one(
    received: datetime, off: timedelta, ago: timedelta
) -> None:
    happened = received - ago
    found = corrected_moment(happened + off, received + off, received)
    assert abs(found - happened) <= SKEW_TOLERANCE


def test_an_invitation_is_ready_when_its_delay_has_elapsed() -> None:
    assert ready_at(at(12), received=at(1)) == at(12)


def test_13_what_was_due_before_it_was_received_is_ready_at_reception() -> None:
    assert ready_at(at(1), received=at(5)) == at(5)


@given(MOMENTS, st.timedeltas(days(0), MAX_DELAY), SANE)
def test_nothing_is_ready_early(moment: datetime, delay: timedelta, received: datetime) -> None:
    due = later(moment, delay)
    ready = ready_at(due, received)
    assert ready >= due
    assert ready >= received


@pytest.mark.parametrize(
    ("moment", "span", "stop"),
    [
        (datetime.max.replace(tzinfo=UTC), days(1), LATEST),
        (datetime.min.replace(tzinfo=UTC), days(-1), EARLIEST),
        (datetime.min.replace(tzinfo=timezone(hours(14))), days(0), EARLIEST),
        (NOON, timedelta.max, LATEST),
        (NOON, timedelta.min, EARLIEST),
    ],
)
def test_odd_dates_stop_at_the_ends_of_time(
    moment: datetime, span: timedelta, stop: datetime
) -> None:
    assert later(moment, span) == stop


@pytest.mark.parametrize(
    ("sent", "counts_from"),
    [
        (at(0), at(0)),
        (at(0.25), at(0)),
        (at(0.25) + timedelta(microseconds=1), at(0.25) + timedelta(microseconds=1)),
        (at(5), at(5)),
        (at(-1), at(0)),
    ],
)
def test_18_a_window_counts_from_release_if_sent_within_15_minutes_else_from_sending(
    sent: datetime, counts_from: datetime
) -> None:
    assert window_anchor(at(0), at(0), sent) == counts_from


def test_18_a_window_counts_from_when_a_mail_was_ready_that_a_holiday_moved() -> None:
    assert window_anchor(at(0), at(48), at(48.1)) == at(0)
    assert window_anchor(at(0), at(48), at(49)) == at(49)


@pytest.mark.parametrize(("delay", "day"), [(days(1), 0), (None, 2)])
def test_a_visit_was_when_its_step_counts_if_the_delay_tells(
    delay: timedelta | None, day: int
) -> None:
    assert visited_at(at(48), at(24), delay) == at(24 * day)
