"""When people of the demo work: visits at quarter hours of weekdays, the office in the daytime."""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from server.demo.fixture import DEMO

QUARTER: Final = timedelta(minutes=15)
#: Hours in which appointments begin, and in which the office works; the last is not among them.
VISITS: Final = range(8, 15)
OFFICE: Final = range(9, 17)
#: Visits of the current day begin and end in these hours, on any day of the week.
DUTY: Final = range(8, 21)
#: Until when customers sleep.
MORNING: Final = 7
_ZONE: Final = ZoneInfo(DEMO.account.zone)


def local(moment: datetime) -> datetime:
    """`moment` in the account's zone."""
    return moment.astimezone(_ZONE)


def at(day: datetime, hour: int, minute: int) -> datetime:
    """A time of the local day of `day`, in the zone of `day`."""
    wanted = datetime.combine(local(day), time(hour, minute), _ZONE)
    return wanted.astimezone(day.tzinfo)


def weekday_after(day: datetime, count: int) -> datetime:
    """The weekday that is `count` weekdays after `day`."""
    while count:
        day += timedelta(days=1)
        count -= _is_weekday(day)
    return day


def nearest_quarter(moment: datetime) -> datetime:
    """The quarter hour nearest to `moment`."""
    past = timedelta(minutes=moment.minute % 15, seconds=moment.second)
    begins = moment.replace(microsecond=0) - past
    return begins + QUARTER if past >= QUARTER / 2 else begins


def next_visit(moment: datetime) -> datetime:
    """The first time from `moment` on at which an appointment may begin."""
    begins = local(moment)
    minute = begins.minute // 15 * 15
    begins = begins.replace(minute=minute, second=0, microsecond=0)
    if begins < moment:
        begins += QUARTER
    if begins.hour < VISITS.start and _is_weekday(begins):
        return at(begins, VISITS.start, 0)
    if begins.hour in VISITS and _is_weekday(begins):
        return begins.astimezone(moment.tzinfo)
    return at(weekday_after(moment, 1), VISITS[begins.hour % len(VISITS)], minute)


def next_in_office(moment: datetime) -> datetime:
    """`moment`, or a time of the next weekday where nobody is in the office."""
    if _in_office(moment):
        return moment
    return _office_hour(weekday_after(moment, 1))


def last_in_office(moment: datetime) -> datetime:
    """`moment`, or an earlier time at which somebody was in the office."""
    if _in_office(moment):
        return moment
    day = local(moment)
    if day.hour < OFFICE.stop:
        day -= timedelta(days=1)
    while not _is_weekday(day):
        day -= timedelta(days=1)
    return _office_hour(day).astimezone(moment.tzinfo)


def last_on_duty(moment: datetime) -> datetime:
    """`moment`, or the end of the last day's visits where it is evening or night."""
    if local(moment).hour in DUTY:
        return moment
    day = moment if local(moment).hour >= DUTY.stop else moment - timedelta(days=1)
    return at(day, DUTY.stop, 0)


def awake(moment: datetime) -> datetime:
    """`moment`, or a time of the same morning where it is night."""
    return moment if local(moment).hour >= MORNING else moment + timedelta(hours=MORNING)


def _is_weekday(moment: datetime) -> bool:
    return local(moment).weekday() < 5


def _in_office(moment: datetime) -> bool:
    return _is_weekday(moment) and local(moment).hour in OFFICE


def _office_hour(day: datetime) -> datetime:
    """A time of that day in the office, another for each hour so that not all fall on one."""
    begins = local(day)
    hour = OFFICE[begins.hour % len(OFFICE)]
    return begins.replace(hour=hour).astimezone(day.tzinfo)
