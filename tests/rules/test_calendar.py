"""When mail may go, how working hours are counted, and how long whole days are."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.calendar import ALWAYS, OFFICE_HOURS, WHOLE_WEEK, Calendar, Span, Week, window_end
from rules.timing import EARLIEST, LATEST, later

MONTREAL, ST_JOHNS = ZoneInfo("America/Montreal"), ZoneInfo("America/St_Johns")
PARIS, HOWE = ZoneInfo("Europe/Paris"), ZoneInfo("Australia/Lord_Howe")
#: Summer time began 2026-03-08 and ended 2026-11-01 in Montréal; 03-29 and 10-25 in Paris.
NEW_YEAR, CANADA_DAY, BASTILLE = date(2026, 1, 1), date(2026, 7, 1), date(2026, 7, 14)


def daily(start: float, end: float, days: int = 5) -> Week:
    """The same hours on the first `days` weekdays."""
    span = Span(int(start * 60), int(end * 60))
    return ((span,),) * days + ((),) * (7 - days)


def calendar(week: Week, zone: ZoneInfo = MONTREAL, *closed: date) -> Calendar:
    return Calendar(zone, week, week, frozenset(closed))


def local(text: str, zone: ZoneInfo = MONTREAL, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("week", "closed", "moment", "opens"),
    [
        (daily(8, 20), (), "2026-05-06T12:00", "2026-05-06T12:00"),
        (daily(8, 20), (), "2026-05-06T08:00", "2026-05-06T08:00"),
        (daily(8, 20), (), "2026-05-06T07:59", "2026-05-06T08:00"),
        (daily(8, 20), (), "2026-05-06T20:00", "2026-05-07T08:00"),
        (daily(8, 20), (), "2026-05-06T19:59:59.999999", "2026-05-06T19:59:59.999999"),
        (daily(8, 20), (), "2026-05-08T20:00", "2026-05-11T08:00"),
        (daily(8, 20), (), "2026-05-09T12:00", "2026-05-11T08:00"),
        (daily(8, 20), (CANADA_DAY,), "2026-07-01T12:00", "2026-07-02T08:00"),
        (daily(8, 20), (CANADA_DAY,), "2026-06-30T20:30", "2026-07-02T08:00"),
        (WHOLE_WEEK, (CANADA_DAY,), "2026-07-01T00:00", "2026-07-02T00:00"),
        (WHOLE_WEEK, (CANADA_DAY,), "2026-06-30T23:59:59", "2026-06-30T23:59:59"),
        (daily(0, 24, 1), (), "2026-05-12T00:00", "2026-05-18T00:00"),
    ],
    ids=[
        "in open hours",
        "at the opening",
        "before the opening",
        "at the closing",
        "just before the closing",
        "before a weekend",
        "on a weekend",
        "on a holiday",
        "on the eve of a holiday",
        "at the first midnight of a holiday",
        "a second before a holiday",
        "once a week",
    ],
)
def test_13_mail_waits_for_the_first_open_hour(
    week: Week, closed: tuple[date, ...], moment: str, opens: str
) -> None:
    """PRODUCT 13: moved by quiet hours in the location's zone."""
    found = calendar(week, MONTREAL, *closed).first_open(local(moment))
    assert found == local(opens)


@pytest.mark.parametrize(
    ("zone", "week", "moment", "opens"),
    [
        # Sunday 03-08, 02:00 to 03:00 was skipped.
        (MONTREAL, daily(2.5, 4, 7), "2026-03-08T00:00", "2026-03-08T07:00+00:00"),
        (MONTREAL, daily(2, 3, 7), "2026-03-08T00:00", "2026-03-09T06:00+00:00"),
        (MONTREAL, daily(8, 20, 7), "2026-03-07T20:00", "2026-03-08T12:00+00:00"),
        # Sunday 11-01, 01:00 to 02:00 was shown twice.
        (MONTREAL, daily(1.5, 4, 7), "2026-11-01T00:00", "2026-11-01T05:30+00:00"),
        (MONTREAL, daily(0, 1.5, 7), "2026-11-01T01:45", "2026-11-01T06:00+00:00"),
        (MONTREAL, daily(8, 20, 7), "2026-10-31T20:00", "2026-11-01T13:00+00:00"),
        (PARIS, daily(2.5, 4, 7), "2026-03-29T00:00", "2026-03-29T01:00+00:00"),
        (PARIS, daily(8, 20, 7), "2026-10-24T20:00", "2026-10-25T07:00+00:00"),
        # Half an hour, and at one minute past midnight.
        (HOWE, daily(2.25, 4, 7), "2026-10-04T00:00", "2026-10-03T15:30+00:00"),
        (ST_JOHNS, daily(23, 23.5, 7), "2010-11-06T23:45", "2010-11-07T02:31+00:00"),
    ],
)
def test_13_clocks_that_change_open_by_what_they_show(
    zone: ZoneInfo, week: Week, moment: str, opens: str
) -> None:
    found = calendar(week, zone).first_open(local(moment, zone))
    assert found == datetime.fromisoformat(opens)


def test_without_a_calendar_mail_may_go_at_any_time() -> None:
    night = local("2026-07-01T03:00")
    assert ALWAYS.first_open(night) == night


def test_at_the_end_of_time_nothing_opens_any_more() -> None:
    mondays = calendar(daily(8, 20, 1), PARIS)
    assert mondays.first_open(LATEST - timedelta(hours=30)) == LATEST
    assert mondays.later_in_working_hours(LATEST, timedelta(hours=1)) == LATEST


@pytest.mark.parametrize(
    ("moment", "hours", "due"),
    [
        ("2026-05-06T10:00", 2, "2026-05-06T12:00"),
        ("2026-05-06T16:00", 2, "2026-05-07T10:00"),
        ("2026-05-06T16:00", 1, "2026-05-06T17:00"),
        ("2026-05-08T16:00", 2, "2026-05-11T10:00"),
        ("2026-05-09T12:00", 12, "2026-05-12T13:00"),
        ("2026-06-30T16:00", 2, "2026-07-02T10:00"),
        ("2026-05-09T12:00", 0, "2026-05-09T12:00"),
        ("2026-03-06T16:00", 2, "2026-03-09T10:00"),
    ],
    ids=[
        "in one day",
        "over night",
        "until the closing",
        "over a weekend",
        "from a weekend over a day",
        "over a holiday",
        "none",
        "over a change of clocks",
    ],
)
def test_a_delay_in_working_hours_counts_only_those(moment: str, hours: float, due: str) -> None:
    office = calendar(OFFICE_HOURS, MONTREAL, CANADA_DAY)
    assert office.later_in_working_hours(local(moment), timedelta(hours=hours)) == local(due)


def test_working_hours_are_counted_as_they_pass() -> None:
    """A night shift is an hour shorter in spring and an hour longer in autumn."""
    nights = calendar(daily(0, 6, 7))
    shift = timedelta(hours=6)
    assert nights.later_in_working_hours(local("2026-03-08T00:00"), shift) == local(
        "2026-03-09T01:00"
    )
    assert nights.later_in_working_hours(local("2026-11-01T00:00"), shift) == local(
        "2026-11-01T05:00"
    )


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-05-04T10:00", 7, "2026-05-11T10:00"),
        ("2026-03-02T10:00", 7, "2026-03-09T10:00"),
        ("2026-10-26T10:00", 7, "2026-11-02T10:00"),
        ("2026-03-01T03:00", 7, "2026-03-08T03:00"),
        ("2026-03-01T02:30", 7, "2026-03-08T03:00"),
        ("2026-10-25T01:30", 7, "2026-11-01T01:30"),
    ],
    ids=["a week", "spring", "autumn", "at the change", "in the skipped hour", "in the double one"],
)
def test_18_whole_days_are_civil_days(start: str, days: int, end: str) -> None:
    """PRODUCT 18: a week of 167 hours in spring mutes no weekly visit."""
    assert window_end(local(start), timedelta(days=days), MONTREAL) == local(end)


def test_18_other_windows_are_elapsed_time() -> None:
    start = local("2026-03-07T12:00")
    window = timedelta(hours=36)
    assert window_end(start, window, MONTREAL) == start + window


ZONES = st.sampled_from([MONTREAL, ST_JOHNS, PARIS, HOWE, ZoneInfo("UTC")])
MOMENTS = st.datetimes(
    datetime(2009, 1, 1),  # noqa: DTZ001 - the strategy's bounds are naive
    datetime(2027, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)
#: Near the changes, by minutes.
NEAR = st.builds(
    lambda around, minutes: around + timedelta(minutes=minutes),
    st.sampled_from(
        [
            local("2026-03-08T01:59"),
            local("2026-11-01T00:30"),
            local("2026-03-29T01:59", PARIS),
            local("2026-10-25T01:30", PARIS),
            local("2010-11-06T23:30", ST_JOHNS),
            local("2010-03-14T00:00", ST_JOHNS),
        ]
    ),
    st.integers(-200, 200),
)


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    """Up to two spans on each weekday, some hours on one of them at least."""
    days = []
    for _ in range(7):
        cuts = draw(st.lists(st.integers(0, 1440), max_size=4, unique=True))
        found = sorted(cuts)
        days.append(tuple(Span(*pair) for pair in list(pairwise(found))[::2]))
    days[draw(st.integers(0, 6))] = (Span(60, 150),)
    return tuple(days)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    closed = draw(st.frozensets(st.dates(date(2026, 3, 1), date(2026, 4, 5)), max_size=10))
    return Calendar(draw(ZONES), draw(weeks()), draw(weeks()), closed)


def is_open(found: Calendar, moment: datetime) -> bool:
    """By what the clocks show."""
    shown = moment.astimezone(found.zone)
    minute = shown.hour * 60 + shown.minute
    assert found.mail is not None
    spans = () if shown.date() in found.closed else found.mail[shown.weekday()]
    return any(span.start <= minute < span.end for span in spans)


@given(calendars(), MOMENTS | NEAR)
def test_13_what_opens_is_open_not_early_and_the_first(found: Calendar, moment: datetime) -> None:
    opens = found.first_open(moment)
    assert opens >= moment
    assert is_open(found, opens)
    assert found.first_open(opens) == opens
    assert (opens == moment) == is_open(found, moment)
    minutes = int((opens - moment).total_seconds() / 60)
    for minute in range(max(0, minutes - 180), minutes):
        assert not is_open(found, moment + timedelta(minutes=minute))


@given(calendars(), MOMENTS | NEAR, st.integers(0, 10_000))
def test_who_comes_later_goes_no_earlier(found: Calendar, moment: datetime, minutes: int) -> None:
    behind = moment + timedelta(minutes=minutes)
    assert found.first_open(moment) <= found.first_open(behind)
    span = timedelta(hours=5)
    assert found.later_in_working_hours(moment, span) <= found.later_in_working_hours(behind, span)


def after_midnight_twice() -> Calendar:
    """Of Newfoundland, whose clocks went back a minute after a Sunday began."""
    saturday = (Span(0, 29), Span(408, 642))
    week = ((Span(0, 4),), (Span(60, 150),), (), (), (), saturday, (Span(0, 1),))
    return Calendar(ST_JOHNS, week, week)


@example(after_midnight_twice(), datetime(2010, 10, 17, tzinfo=UTC), 14, 4)
@given(calendars(), MOMENTS | NEAR, st.integers(0, 40), st.integers(0, 40))
def test_working_time_adds_up(found: Calendar, moment: datetime, one: int, other: int) -> None:
    first = found.later_in_working_hours(moment, timedelta(hours=one))
    both = found.later_in_working_hours(moment, timedelta(hours=one + other))
    assert first >= later(moment, timedelta(hours=one))
    assert found.later_in_working_hours(first, timedelta(hours=other)) == both


@given(ZONES, MOMENTS | NEAR, st.integers(1, 40))
def test_18_a_window_of_days_ends_at_the_same_time_of_day(
    zone: ZoneInfo, start: datetime, days: int
) -> None:
    end = window_end(start, timedelta(days=days), zone)
    wanted = start.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    shown = end.astimezone(zone).replace(tzinfo=None)
    assert shown == wanted or (
        shown > wanted
        and (end - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < wanted
    )
    assert abs(end - start - timedelta(days=days)) <= timedelta(hours=1)


@pytest.mark.parametrize("moment", [EARLIEST, LATEST])
def test_the_ends_of_time_are_no_error(moment: datetime) -> None:
    for zone in (MONTREAL, PARIS, ZoneInfo("Pacific/Apia")):
        found = calendar(daily(8, 20), zone)
        assert found.first_open(moment) >= moment
        assert window_end(moment, timedelta(days=99), zone) > moment
