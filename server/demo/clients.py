"""The customers of the demo: people and businesses around each site, some without an address."""

import unicodedata
from random import Random
from typing import Final
from uuid import UUID

from msgspec import Struct

from server.demo.fixture import CUSTOMERS, Language
from sync.ids import new_id

PEOPLE: Final = 80
#: Of a hundred customers: how many have an address only at their place of work, and none at all.
ONLY_AT_LOCATION: Final = 8
NO_ADDRESS: Final = 6
#: Customers whose address a technician will capture in the field.
CAPTURED: Final = 3


class Client(Struct, frozen=True):
    """A customer with one place of work. `captured`: the address a technician will write down."""

    id: UUID
    location: UUID
    number: str
    name: str
    language: Language
    site: str
    street: str
    email: str | None
    location_email: str | None
    captured: str | None


def clients(chance: Random) -> list[Client]:
    """Everybody, in no particular order of town or language."""
    named = [*_businesses(), *_people(chance)]
    sites = list(CUSTOMERS.towns)
    return [
        _client(chance, place, sites[place % len(sites)], *who) for place, who in enumerate(named)
    ]


def _businesses() -> list[tuple[str, Language, str]]:
    return [(one.name, one.language, f"info@{one.domain}") for one in CUSTOMERS.businesses]


def _people(chance: Random) -> list[tuple[str, Language, str]]:
    languages = list(CUSTOMERS.people)
    found: dict[str, tuple[str, Language, str]] = {}
    while len(found) < PEOPLE:
        language = chance.choices(languages, weights=[4, 1])[0]
        pool = CUSTOMERS.people[language]
        first, last = chance.choice(pool.first), chance.choice(pool.last)
        address = f"{_plain(first)}.{_plain(last)}@courriel.example"
        found[address] = (f"{first} {last}", language, address)
    return list(found.values())


def _client(
    chance: Random, place: int, site: str, name: str, language: Language, address: str
) -> Client:
    captured = PEOPLE // 2 <= place < PEOPLE // 2 + CAPTURED
    draw = chance.randrange(100)
    without = captured or draw < NO_ADDRESS + ONLY_AT_LOCATION
    at_location = not captured and NO_ADDRESS <= draw < NO_ADDRESS + ONLY_AT_LOCATION
    street = f"{chance.randrange(12, 2400)}, {chance.choice(CUSTOMERS.streets)}"
    return Client(
        id=new_id(),
        location=new_id(),
        number=f"C-{1000 + place}",
        name=name,
        language=language,
        site=site,
        street=f"{street}, {chance.choice(CUSTOMERS.towns[site])} (Québec)",
        email=None if without else address,
        location_email=f"concierge.{place}@immeuble.example" if at_location else None,
        captured=address if captured else None,
    )


def _plain(name: str) -> str:
    """A name as it stands in an address: no accents, no apostrophes, no hyphens."""
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())
