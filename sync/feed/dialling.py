"""What a phone dials for a number as people write it down: `514 555-0199 poste 12`."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from babel.core import get_global
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberMatcher

#: Numbers whose link is kept: feeds bring the same ones again and again.
KEPT: Final = 8192
#: Where a number is looked for, in letters and in places at which one may begin: what is longer or
#: has more of them is no phone number, and must not take anybody's time.
LONGEST: Final = 100
MOST_TRIES: Final = 5
#: Where people are who say no zone, or one without a country.
USUAL_REGION: Final = "CA"
#: Words for an extension that the library does not know, and what it knows.
_EXTENSION: Final = re.compile(
    r"[\s,;(]*\b(?:postes?|post|local|loc|p)[.:\s]*(?:n[o°]\.?\s*)?(?=\d)", re.IGNORECASE
)
_KNOWN: Final = " ext. "


def call_link(text: str, zone: str) -> str | None:
    """The address of a call to the first number in `text`, as in RFC 3966; None where is none.

    `zone`: IANA, of the place; its country says what a number without + means.
    """
    return _call_link(text[:LONGEST], zone)


@lru_cache(maxsize=KEPT)
def _call_link(text: str, zone: str) -> str | None:
    number = _first_number(_EXTENSION.sub(_KNOWN, text), region_of(zone))
    if number is None:
        return None
    national = phonenumbers.national_significant_number(number)
    extension = f";ext={number.extension}" if number.extension else ""
    return f"tel:+{number.country_code}{national}{extension}"


def region_of(zone: str) -> str:
    """The country of a zone, as in ISO 3166."""
    known = get_global("zone_aliases").get(zone, zone)
    region = str(get_global("zone_territories").get(known, ""))
    return region if region in phonenumbers.SUPPORTED_REGIONS else USUAL_REGION


def _first_number(text: str, region: str) -> PhoneNumber | None:
    for found in PhoneNumberMatcher(text, region, max_tries=MOST_TRIES):
        return found.number
    try:
        whole = phonenumbers.parse(text, region)  # with letters for digits: 1-800-FLOWERS
    except NumberParseException:
        return None
    return whole if phonenumbers.is_valid_number(whole) else None
