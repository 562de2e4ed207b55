"""The account's calendar: quiet hours and holidays, stored, and as the rules need them.

An account without one has no quiet hours, no holidays and the usual working hours. Each location
has the account's calendar by its own clocks, and with the holidays of its own region, if it has
one. The calendar is cached with the campaigns and read again when their revision has changed.
"""

from collections.abc import Container, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import astuple

from mail.campaigns.holidays import Holiday, holidays_of
from mail.campaigns.revision import increment_revision
from mail.i18n import LOCALES
from rules.calendar import REGIONS, WHOLE_WEEK, Calendar, Region, Span, Week
from sync.audit import between, record
from sync.database import Tx
from sync.errors import FieldError, ItemsError
from sync.ids import locator
from sync.validation import check_line

_SPAN: Final = r"\A([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z"
#: As 08:00-20:00.
Hours: TypeAlias = Annotated[list[Annotated[str, Meta(pattern=_SPAN)]], Meta(max_length=6)]
WEEKDAYS: Final = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
)  # fmt: skip
#: How far ahead holidays are listed.
AHEAD: Final = timedelta(days=365)
#: Minutes of a week: the longest delay in working hours must end in this life.
LEAST_OPEN: Final = 60


class WeekHours(Struct, frozen=True, forbid_unknown_fields=True):
    """The hours of each weekday, such as 08:00-12:00 and 13:00-24:00; a day without is closed."""

    monday: Hours = []
    tuesday: Hours = []
    wednesday: Hours = []
    thursday: Hours = []
    friday: Hours = []
    saturday: Hours = []
    sunday: Hours = []

    def week(self) -> Week:
        """The same in minutes."""
        return tuple(
            tuple(
                Span(int(text[:2]) * 60 + int(text[3:5]), int(text[6:8]) * 60 + int(text[9:]))
                for text in day
            )
            for day in astuple(self)
        )


_OFFICE: Final = ["09:00-17:00"]
_WORKING: Final = WeekHours(_OFFICE, _OFFICE, _OFFICE, _OFFICE, _OFFICE)


class ClosedDay(Struct, frozen=True, forbid_unknown_fields=True):
    """A day of the account's own on which it is closed."""

    date: date
    name: Annotated[str, Meta(max_length=200)]

    def __post_init__(self) -> None:
        """:raises ValueError: its name is not one visible line."""
        check_line("name", self.name)


class AccountCalendar(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When mail may go, and when people work, by the clocks of each location.

    `mail_hours`: null is at any hour. `working_hours`: for delays that are counted in them.
    `region`: whose holidays are closed, such as CA-QC or FR-57; of locations that have none of
    their own. `closed`: more closed days. `not_observed`: keys of holidays that are not closed.
    """

    mail_hours: WeekHours | None = None
    working_hours: WeekHours = _WORKING
    region: Region | None = None
    closed: Annotated[list[ClosedDay], Meta(max_length=366)] = []
    not_observed: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=100)] = []


class Moved(Struct, frozen=True):
    """Why a mail that is `ready` (UTC) goes later.

    `because`: of a holiday or another closed day, which has `names`, by language; of a weekday
    without hours; or of quiet hours.
    """

    ready: datetime
    because: Literal["holiday", "weekday", "quiet_hours"]
    names: Mapping[str, str] = {}


class ClosedDates(Container[date]):
    """The days on which it is closed where the holidays of `region` are observed."""

    def __init__(self, account: AccountCalendar, region: str | None) -> None:
        self._account, self._region = account, region
        self._years: dict[int, frozenset[date]] = {}

    def __contains__(self, day: object) -> bool:
        if not isinstance(day, date):
            return False
        if day.year not in self._years:
            named = observed(self._account, self._region, day.year, "en")
            self._years[day.year] = frozenset(named)
        return day in self._years[day.year]


class Places:
    """The calendars of an account's locations. `account`: None where none is set."""

    def __init__(self, account: AccountCalendar | None) -> None:
        self.account = account
        self._calendars: dict[tuple[str, str | None], Calendar] = {}

    def calendar(self, zone: str, region: str | None) -> Calendar:
        """Return that of a location in `zone` (IANA). `region`: its own, else the account's is."""
        key = zone, region
        if key not in self._calendars:
            said = self.account or AccountCalendar()
            mail = WHOLE_WEEK if said.mail_hours is None else said.mail_hours.week()
            self._calendars[key] = Calendar(
                ZoneInfo(zone),
                None if self.account is None else mail,
                said.working_hours.week(),
                ClosedDates(said, region or said.region),
            )
        return self._calendars[key]

    def why_moved(self, zone: str, region: str | None, ready: datetime) -> Moved | None:
        """Return why a mail does not go there at `ready`, or None if it may."""
        calendar = self.calendar(zone, region)
        if self.account is None or calendar.mail is None or calendar.first_open(ready) == ready:
            return None
        day = ready.astimezone(calendar.zone).date()
        of_region = region or self.account.region
        if day in calendar.closed:
            named = {
                language: observed(self.account, of_region, day.year, language)[day]
                for language in LOCALES
            }
            return Moved(ready, "holiday", named)
        return Moved(ready, "quiet_hours" if calendar.mail[day.weekday()] else "weekday")


_SELECT: Final = "SELECT body FROM calendar WHERE account = $1"
_SAVE: Final = """
INSERT INTO calendar (account, body) VALUES ($1, $2)
ON CONFLICT (account) DO UPDATE SET body = excluded.body
"""
#: What waits for its first mail is planned again by `mail.planning.place_changes`.
_LOOK_AGAIN: Final = """
INSERT INTO place_change (account, location, changed_at, attempts, not_before)
VALUES ($1, $2, retour_now(), 0, $3)
ON CONFLICT (account, location) DO UPDATE SET after = NULL, changed_at = excluded.changed_at,
  attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL
"""
#: In the place of a location: all of an account.
EVERYWHERE: Final = UUID(int=0)


def observed(
    account: AccountCalendar, region: str | None, year: int, locale: str
) -> dict[date, str]:
    """Return the closed days of a `year` by date, with their names."""
    found = () if region is None else holidays_of(region, year, locale)
    named = {day.date: day.name for day in found if day.key not in account.not_observed}
    return named | {day.date: day.name for day in account.closed if day.date.year == year}


def coming(region: str, today: date, locale: str) -> list[Holiday]:
    """Return the holidays of a region from `today` on, within a year."""
    years = (holidays_of(region, year, locale) for year in (today.year, today.year + 1))
    return [day for days in years for day in days if today <= day.date < today + AHEAD]


async def read_calendar(tx: Tx) -> AccountCalendar | None:
    """Return the account's calendar, or None if none was saved."""
    body = await tx.fetchval(_SELECT, tx.account)
    return None if body is None else msgspec.json.decode(body, type=AccountCalendar)


async def save_calendar(tx: Tx, calendar: AccountCalendar) -> None:
    """Save `calendar`, and have what waits looked at again. No change if it is the same.

    :raises ItemsError: it cannot be saved.
    """
    if found := list(check_calendar(calendar, tx.now.year)):
        raise ItemsError(found)
    await increment_revision(tx)
    before = await read_calendar(tx)
    if calendar == before:
        return
    await tx.execute(_SAVE, tx.account, msgspec.json.encode(calendar).decode())
    change = between(f"calendar/{locator(tx.account)}", before, calendar)
    await record(tx, "calendar.write", [change])
    await tx.execute(_LOOK_AGAIN, tx.account, EVERYWHERE, tx.now)


def check_calendar(calendar: AccountCalendar, year: int) -> Iterator[FieldError]:
    """Yield what keeps `calendar` from being saved in this `year`."""
    for field in ("mail_hours", "working_hours"):
        hours: WeekHours | None = getattr(calendar, field)
        if hours is not None:
            yield from _check_hours(field, hours)
    dates = [day.date for day in calendar.closed]
    for index, day in enumerate(dates):
        if day in dates[:index]:
            yield FieldError(f"closed.{index}.date", "is in the list already")
    for index, key in enumerate(calendar.not_observed):
        if key not in holiday_keys(year):
            yield FieldError(f"not_observed.{index}", "is the key of no holiday")


def _check_hours(field: str, hours: WeekHours) -> Iterator[FieldError]:
    week = hours.week()
    if not any(week):
        yield FieldError(field, "must have hours on some day")
    minutes = sum(abs(span.end - span.start) for spans in week for span in spans)
    if field == "working_hours" and 0 < minutes < LEAST_OPEN:
        yield FieldError(field, "must have an hour or more a week")
    for name, spans in zip(WEEKDAYS, week, strict=True):
        bounds = [minute for span in spans for minute in astuple(span)]
        if any(later <= earlier for earlier, later in pairwise(bounds)):
            yield FieldError(f"{field}.{name}", "must be in order and not overlap")


@lru_cache(maxsize=4)
def holiday_keys(year: int) -> frozenset[str]:
    """Return the keys of all holidays of all regions from a year before `year` to three after."""
    years = range(year - 1, year + 4)
    return frozenset(
        day.key for region in REGIONS for one in years for day in holidays_of(region, one, "en")
    )
