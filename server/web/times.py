"""Times and durations as text, in one time zone and one locale."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from babel.dates import format_date, format_time, format_timedelta, get_timezone, get_timezone_name
from babel.lists import format_list
from babel.units import format_unit

from mail.i18n import translations
from server.web import words

CATALOGUES: Final = Path(__file__).parent.parent / "locale"
#: The space between a number and the word after it, where no line may break.
_COUNTED: Final = re.compile(r"(\d|\b1er) (?=[^\W\d])")


def _unbroken(text: str) -> str:
    return _COUNTED.sub("\\1\u00a0", text)


class Calendar:
    """Formats times in `zone` (IANA) and `locale` (such as fr_CA)."""

    def __init__(self, zone: str, locale: str) -> None:
        self._zone = get_timezone(zone)
        self._locale = locale

    @property
    def zone(self) -> str:
        """The name of the zone without the season: Eastern Time."""
        return get_timezone_name(self._zone, width="long", locale=self._locale)

    def local(self, when: datetime) -> datetime:
        """`when` in the zone."""
        return when.astimezone(self._zone)

    def machine(self, when: datetime) -> str:
        """ISO 8601 for the attribute of <time datetime>, to the second, with the zone's offset."""
        return self.local(when).isoformat(timespec="seconds")

    def absolute(self, when: datetime) -> str:
        """The day and the time to the minute."""
        return f"{self.day(when)}, {self.time(when)}"

    def time(self, when: datetime) -> str:
        """The time of day to the minute, without breakable spaces: 8 h, 8 h 30; 8:30 a.m."""
        pattern = "short"
        if self._locale.startswith("fr"):
            pattern = "H 'h' mm" if self.local(when).minute else "H 'h'"
        text = format_time(when, pattern, tzinfo=self._zone, locale=self._locale)
        return text.replace(" ", "\u00a0")

    def day(self, when: date) -> str:
        """The date in full; of an aware time, the date in the zone."""
        local = self.local(when) if isinstance(when, datetime) else when
        first = self._locale.startswith("fr") and local.day == 1
        pattern = "1'er' MMMM y" if first else "long"
        return _unbroken(format_date(local, pattern, locale=self._locale))

    def duration(self, length: timedelta) -> str:
        """`length` rounded to one unit, to the minute at least."""
        return _unbroken(format_timedelta(length, granularity="minute", locale=self._locale))

    def span(self, length: timedelta | None) -> str:
        """`length` in days, hours and minutes; empty for None or zero."""
        minutes = 0 if length is None else int(length.total_seconds()) // 60
        counts = {"day": minutes // 1440, "hour": minutes // 60 % 24, "minute": minutes % 60}
        parts = [
            format_unit(count, f"duration-{unit}", "long", locale=self._locale)
            for unit, count in counts.items()
            if count
        ]
        return _unbroken(format_list(parts, locale=self._locale)) if parts else ""


class Clock(Calendar):
    """A calendar with the current time, `now` (aware), for relative times."""

    def __init__(self, now: datetime, zone: str, locale: str) -> None:
        super().__init__(zone, locale)
        self._now = now

    @property
    def today(self) -> date:
        """The day in the zone."""
        return self.local(self._now).date()

    def relative(self, when: datetime) -> str:
        """`when` relative to now: just now, 2 hours ago, in 3 days; one unit, from a minute on.

        Without breakable spaces.
        """
        length = when - self._now
        if abs(length) < timedelta(minutes=1):
            near = words.SOON if length > timedelta(0) else words.JUST_NOW
            said = translations(self._locale, CATALOGUES).gettext(near)
        else:
            said = format_timedelta(
                length, granularity="minute", add_direction=True, locale=self._locale
            )
        return said.replace(" ", "\u00a0")
