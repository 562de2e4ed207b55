"""Calendars: at which hours mail may go to a place, and when its people work.

A moment is judged by what the clocks of the place show then. So an hour that clocks skip is open at
no time, and one that they show twice is open twice; an opening that is skipped is at the change.
Arguments are aware datetimes; results are UTC, at most `LATEST`.
"""

from bisect import bisect_left
from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal, TypeAlias, get_args

from msgspec import Struct

from rules.timing import LATEST, later

_DAY: Final = timedelta(days=1)
_MINUTES_A_DAY: Final = 1440

#: Whose holidays are known: ISO 3166-2, and FR for France without Alsace and Moselle, which have
#: two holidays more.
Region: TypeAlias = Literal[
    "CA-AB", "CA-BC", "CA-MB", "CA-NB", "CA-NL", "CA-NS", "CA-NT", "CA-NU", "CA-ON", "CA-PE",
    "CA-QC", "CA-SK", "CA-YT", "FR", "FR-57", "FR-6AE",
]  # fmt: skip
REGIONS: Final[tuple[Region, ...]] = get_args(Region)


class Span(Struct, frozen=True):
    """Hours of a day, in minutes from midnight by the clock: from `start` until before `end`."""

    start: int
    end: int


#: The hours of each weekday, from Monday.
Week: TypeAlias = tuple[tuple[Span, ...], ...]

WHOLE_WEEK: Final[Week] = ((Span(0, _MINUTES_A_DAY),),) * 7
OFFICE_HOURS: Final[Week] = ((Span(9 * 60, 17 * 60),),) * 5 + ((),) * 2


class Calendar(Struct, frozen=True):
    """When a place is open, by the clocks of `zone`.

    `mail`: when mail may go; None is at any time, also on days that are `closed`. `working`: when
    people work. Both have hours on some weekday. `closed`: days without any hours.
    """

    zone: tzinfo
    mail: Week | None
    working: Week
    closed: Container[date] = ()

    def first_open(self, moment: datetime) -> datetime:
        """Return the first moment, not before `moment`, at which mail may go."""
        if self.mail is None or self._is_open(self.mail, moment):
            return moment.astimezone(UTC)
        pieces = self._pieces(self.mail, moment)
        return next((start for start, _, is_open in pieces if is_open), LATEST)

    def later_in_working_hours(self, moment: datetime, delay: timedelta) -> datetime:
        """Return the first moment by which `delay` of working time has passed since `moment`."""
        left = delay
        for start, end, is_open in self._pieces(self.working, moment):
            worked = end - start if is_open else timedelta(0)
            if left <= worked:
                return start + left
            left -= worked
        return LATEST

    def _pieces(self, week: Week, moment: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
        """Yield start and end of what follows `moment`, and whether that is open throughout."""
        start = moment.astimezone(UTC)
        while start < LATEST:
            until = later(start, _DAY)
            bounds = self._bounds(week, start, until)
            for end in (*sorted(bound for bound in bounds if start < bound < until), until):
                yield start, end, self._is_open(week, start)
                start = end

    def _is_open(self, week: Week, moment: datetime) -> bool:
        """Return whether the clocks show an open hour."""
        local = moment.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        spans = () if local.date() in self.closed else week[local.weekday()]
        return any(span.start <= minute < span.end for span in spans)

    def _bounds(self, week: Week, start: datetime, until: datetime) -> Iterator[datetime]:
        """Yield all moments at which it may open or close in this time, and perhaps others.

        Clocks that are put back about midnight show a part of the day before or after twice.
        """
        first, last = start.astimezone(self.zone), until.astimezone(self.zone)
        if first.utcoffset() != last.utcoffset():
            yield _clock_change(self.zone, start, until)
        midnight = datetime.combine(first.date() - _DAY, time(), self.zone)
        while midnight.date() <= last.date() + _DAY:
            for span in week[midnight.weekday()]:
                for minutes in (span.start, span.end):
                    shown = midnight + timedelta(minutes=minutes)
                    yield shown.astimezone(UTC)
                    yield shown.replace(fold=1).astimezone(UTC)
            midnight += _DAY


#: Without a calendar mail may go at any time.
ALWAYS: Final = Calendar(UTC, None, OFFICE_HOURS)


def civil_day(moment: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the midnights before and after `moment` by the clocks of `zone`."""
    day = moment.astimezone(zone).date()
    first, last = (datetime.combine(date, time(), zone) for date in (day, day + _DAY))
    return first.astimezone(UTC), last.astimezone(UTC)


def window_end(start: datetime, length: timedelta, zone: tzinfo) -> datetime:
    """Return when a mute window of `length` that began at `start` ends.

    Whole days are civil days by the clocks of `zone`: the end shows the time of the start, or is
    when the clocks skip that. By elapsed time a weekly visit would come an hour too early once a
    year. Other lengths are elapsed time.
    """
    if length % _DAY:
        return later(start, length)
    shown = (start.astimezone(zone) + length).replace(fold=0)
    end = shown.astimezone(UTC)
    if end.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return end
    return _clock_change(zone, shown.replace(fold=1).astimezone(UTC), end)


def _clock_change(zone: tzinfo, start: datetime, until: datetime) -> datetime:
    """Return the first second at which the clocks differ from UTC otherwise than at `start`."""
    first = start.replace(microsecond=0)
    before = first.astimezone(zone).utcoffset()
    seconds = bisect_left(
        range(int((until - first).total_seconds()) + 1),
        True,
        key=lambda second: (
            (first + timedelta(seconds=second)).astimezone(zone).utcoffset() != before
        ),
    )
    return first + timedelta(seconds=seconds)
