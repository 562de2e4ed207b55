"""The customers of the demo: people and businesses at each site, some without an address."""

import unicodedata
from random import Random
from typing import Final
from uuid import UUID

from msgspec import Struct

from server.demo.fixture import CUSTOMERS, OWN_DOMAIN, Language
from sync.ids import new_id

PEOPLE: Final = 80
#: Of a hundred customers: how many have an address at their location only, and how many have none.
ONLY_AT_LOCATION: Final = 8
NO_ADDRESS: Final = 6
#: Customers whose address a technician captures in the field.
CAPTURED: Final = 3


class Customer(Struct, frozen=True):
    """A customer with one location. `captured`: the address that a technician captures."""

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

    @property
    def gets_mail(self) -> bool:
        """Whether surveys go to the customer's own address."""
        return self.email is not None and not self.email.endswith(f"@{OWN_DOMAIN}")

    @property
    def phone(self) -> str:
        """A number that the numbering plan keeps for fiction: 555-0100 to 555-0199."""
        return f"418 555-01{self.number[-2:]}"


def make_customers(rng: Random) -> list[Customer]:
    """All customers, spread evenly over the sites."""
    named: list[tuple[str, Language, str]] = [
        (business.name, business.language, f"info@{business.domain}")
        for business in CUSTOMERS.businesses
    ]
    named += _people(rng)
    sites = list(CUSTOMERS.towns)
    customers = []
    for index, (name, language, address) in enumerate(named):
        site = sites[index % len(sites)]
        captured = PEOPLE // 2 <= index < PEOPLE // 2 + CAPTURED
        draw = rng.randrange(100)
        has_none = captured or draw < NO_ADDRESS + ONLY_AT_LOCATION
        at_location = not captured and NO_ADDRESS <= draw < NO_ADDRESS + ONLY_AT_LOCATION
        street = f"{rng.randrange(12, 2400)}, {rng.choice(CUSTOMERS.streets)}"
        customer = Customer(
            id=new_id(),
            location=new_id(),
            number=f"C-{1000 + index}",
            name=name,
            language=language,
            site=site,
            street=f"{street}, {rng.choice(CUSTOMERS.towns[site])} (Québec)",
            email=None if has_none else address,
            location_email=f"concierge.{index}@immeuble.example" if at_location else None,
            captured=address if captured else None,
        )
        customers.append(customer)
    return customers


def _people(rng: Random) -> list[tuple[str, Language, str]]:
    """Name, language and address of PEOPLE persons with distinct addresses."""
    languages = list(CUSTOMERS.people)
    found: dict[str, tuple[str, Language, str]] = {}
    while len(found) < PEOPLE:
        language = rng.choices(languages, weights=[4, 1])[0]
        names = CUSTOMERS.people[language]
        first, last = rng.choice(names.first), rng.choice(names.last)
        address = f"{_local_part(first)}.{_local_part(last)}@courriel.example"
        found[address] = (f"{first} {last}", language, address)
    return list(found.values())


def _local_part(name: str) -> str:
    """The ASCII letters of `name`, in lower case and without accents."""
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())
