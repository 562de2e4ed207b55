"""Holidays of regions: their dates, and their names in our languages."""

from datetime import date
from functools import lru_cache
from typing import Final

from holidays.countries.canada import Canada
from holidays.countries.france import France
from msgspec import Struct

from mail.i18n import DEFAULT, spoken

#: How the library calls our languages, by country.
_LANGUAGES: Final = {
    "CA": {"fr": "fr", "en": "en_CA"},
    "FR": {"fr": "fr", "en": "en_US"},
}
#: A day that is off in the place of a holiday on a weekend is called after that.
_IN_ITS_PLACE: Final = " (observed)"


class Holiday(Struct, frozen=True):
    """A public holiday. `key`: the same for each year, region and language of a country."""

    date: date
    key: str
    name: str


@lru_cache(maxsize=1024)
def holidays_of(region: str, year: int, locale: str) -> tuple[Holiday, ...]:
    """Return the holidays of a region of `rules.calendar` by date; none after 2100.

    `locale`: of their names.
    """
    country, _, part = region.partition("-")
    kind = Canada if country == "CA" else France
    language = _LANGUAGES[country][spoken(locale) or DEFAULT]
    keyed = kind(subdiv=part or None, years=year)
    named = kind(subdiv=part or None, years=year, language=language)
    return tuple(
        Holiday(day, key.removesuffix(_IN_ITS_PLACE), name.replace("'", "\u2019"))
        for day in sorted(keyed)
        for key, name in zip(keyed.get_list(day), named.get_list(day), strict=True)
    )
