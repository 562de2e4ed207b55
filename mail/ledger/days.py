"""Civil days of an account, as the moments between which they last."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sync.database import Tx

_ZONE: Final = "SELECT zone FROM account WHERE account = $1"


async def read_zone(tx: Tx) -> ZoneInfo:
    """The account's time zone."""
    return ZoneInfo(await tx.fetchval(_ZONE, tx.account))


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of `day` in `zone`, UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The first moment after `day` in `zone`, UTC."""
    return start_of(day + timedelta(days=1), zone)


def days_of_hours(hours: Iterable[datetime], zone: ZoneInfo) -> list[date]:
    """The days in `zone` that have a part of any of `hours`, given by their starts; in order."""
    ends = timedelta(0), timedelta(hours=1, microseconds=-1)
    return sorted({(hour + end).astimezone(zone).date() for hour in hours for end in ends})
