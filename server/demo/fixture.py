"""What `fixtures/` says about the demo account, as frozen structs."""

from importlib.resources import files
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from mail.campaigns.definition import Definition

Language: TypeAlias = Literal["fr_CA", "en_CA"]
Names: TypeAlias = dict[str, str]
T = TypeVar("T")


class Company(Struct, frozen=True):
    """The account. `zone`: IANA name."""

    name: str
    zone: str
    language: Language


class Branch(Struct, frozen=True):
    """A unit of the tree; `parent` is another's key and stands before it."""

    key: str
    parent: str | None
    kind: Literal["head_office", "region", "site"]
    name: str


class Person(Struct, frozen=True):
    """Somebody who works there."""

    key: str
    role: Literal["technician", "dispatcher", "manager", "administrator"]
    unit: str
    name: str
    email: str
    language: Language


class Stage(Struct, frozen=True):
    """A state of the work."""

    code: str
    kind: Literal["planned", "active", "done", "closed", "cancelled"]
    names: Names


class Line(Struct, frozen=True):
    """A type of task."""

    key: str
    names: Names


class Survey(Struct, frozen=True):
    """A campaign; its rules are `task_types` on entering the fixture's `asking_states`."""

    key: str
    name: str
    task_types: list[str]
    definition: Definition


class Demo(Struct, frozen=True):
    """`demo.json`: who works there, and how they work."""

    account: Company
    units: list[Branch]
    users: list[Person]
    states: list[Stage]
    flow: dict[str, list[str]]
    task_types: list[Line]
    campaigns: list[Survey]
    asking_states: list[str]

    def staff(self, role: str) -> list[Person]:
        """Everybody of that role."""
        return [person for person in self.users if person.role == role]


class Pool(Struct, frozen=True):
    """Names to put together."""

    first: list[str]
    last: list[str]


class Business(Struct, frozen=True):
    """A customer that is no person."""

    name: str
    language: Language
    domain: str


class Customers(Struct, frozen=True):
    """`customers.json`: where they live, what they are called. `towns`: by site."""

    towns: dict[str, list[str]]
    streets: list[str]
    people: dict[Language, Pool]
    businesses: list[Business]


class Visits(Struct, frozen=True):
    """`visits.json`: what is done and said. `comments`: by language, then by rating."""

    titles: dict[str, list[str]]
    reasons: list[str]
    priorities: list[str]
    channels: list[str]
    tags: list[str]
    notes: list[str]
    comments: dict[str, dict[str, list[str]]]


def _load(name: str, kind: type[T]) -> T:
    return msgspec.json.decode((files("fixtures") / name).read_bytes(), type=kind)


DEMO: Final = _load("demo.json", Demo)
CUSTOMERS: Final = _load("customers.json", Customers)
VISITS: Final = _load("visits.json", Visits)
