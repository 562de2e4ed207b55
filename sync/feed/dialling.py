"""tel: URIs of phone numbers as people write them: `514 555-0199 poste 12`."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from babel.core import get_global
from phonenumbers import NumberParseException, PhoneNumberMatcher

#: Links that are cached: feeds contain the same numbers again and again.
CACHED: Final = 8192
#: Code points, and candidates in them, that are searched for a number: a longer text is no phone
#: number and must not take processor time.
LONGEST: Final = 100
MOST_TRIES: Final = 5
#: The country of zones that have none.
USUAL_REGION: Final = "CA"
#: Words for an extension that the library does not know, and the one that replaces them.
_EXTENSION: Final = re.compile(
    r"[\s,;(]*\b(?:postes?|post|local|loc|p)[.:\s]*(?:n[o°]\.?\s*)?(?=\d)", re.IGNORECASE
)
_KNOWN: Final = " ext. "


def call_link(text: str, zone: str) -> str | None:
    """Return the tel: URI (RFC 3966) of the first number in `text`; None without a number.

    `zone`: IANA; a number without + is one of its country.
    """
    return _cached_link(text[:LONGEST], zone)  # cut first, because the cache keeps its keys


@lru_cache(maxsize=CACHED)
def _cached_link(text: str, zone: str) -> str | None:
    text = _EXTENSION.sub(_KNOWN, text)
    region = region_of(zone)
    match = next(iter(PhoneNumberMatcher(text, region, max_tries=MOST_TRIES)), None)
    if match is not None:
        number = match.number
    else:
        try:
            number = phonenumbers.parse(text, region)  # with letters for digits: 1-800-FLOWERS
        except NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
    national = phonenumbers.national_significant_number(number)
    extension = f";ext={number.extension}" if number.extension else ""
    return f"tel:+{number.country_code}{national}{extension}"


def region_of(zone: str) -> str:
    """Return the country (ISO 3166) of an IANA zone; USUAL_REGION if it has none."""
    known = get_global("zone_aliases").get(zone, zone)
    region = str(get_global("zone_territories").get(known, ""))
    return region if region in phonenumbers.SUPPORTED_REGIONS else USUAL_REGION
