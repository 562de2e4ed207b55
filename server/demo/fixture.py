"""The files of `fixtures/`, which describe the demo account, as frozen structs."""

from importlib.resources import files
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from mail.campaigns.definition import Definition

Language: TypeAlias = Literal["fr_CA", "en_CA"]
Names: TypeAlias = dict[str, str]
T = TypeVar("T")


class Account(Struct, frozen=True):
    """The account. `zone`: IANA name."""

    name: str
    zone: str
    language: Language


class Unit(Struct, frozen=True):
    """A unit of the tree. `parent`: the key of a unit that is listed before it."""

    key: str
    parent: str | None
    kind: Literal["head_office", "region", "site"]
    name: str


class User(Struct, frozen=True):
    """A user of the account. `unit`: its key."""

    key: str
    role: Literal["technician", "dispatcher", "manager", "administrator"]
    unit: str
    name: str
    email: str
    language: Language


class State(Struct, frozen=True):
    """A state of tasks."""

    code: str
    kind: Literal["planned", "active", "done", "closed", "cancelled"]
    names: Names


class TaskType(Struct, frozen=True):
    """A task type."""

    key: str
    names: Names


class Campaign(Struct, frozen=True):
    """A campaign; it asks when a task of `task_types` enters one of `Demo.asking_states`.

    `period`: its first and its last day, in days ago; None for a permanent one.
    """

    key: str
    name: str
    task_types: list[str]
    definition: Definition
    period: tuple[int, int] | None = None


class Demo(Struct, frozen=True):
    """`demo.json`: the account with its units, users, states, task types and campaigns."""

    account: Account
    units: list[Unit]
    users: list[User]
    states: list[State]
    flow: dict[str, list[str]]
    task_types: list[TaskType]
    campaigns: list[Campaign]
    asking_states: list[str]

    def users_with(self, role: str) -> list[User]:
        """The users with that role."""
        return [user for user in self.users if user.role == role]


class NamePool(Struct, frozen=True):
    """First and last names to combine."""

    first: list[str]
    last: list[str]


class Business(Struct, frozen=True):
    """A customer that is a business."""

    name: str
    language: Language
    domain: str


class CustomerNames(Struct, frozen=True):
    """`customers.json`: names and addresses of customers. `towns`: by the key of the site."""

    towns: dict[str, list[str]]
    streets: list[str]
    people: dict[Language, NamePool]
    businesses: list[Business]


class Visits(Struct, frozen=True):
    """`visits.json`: values of tasks and answers.

    `comments`: by language, then by the mood of the customer, from 1 to 5. `wishes`: by language,
    what is to be done better.
    """

    titles: dict[str, list[str]]
    reasons: list[str]
    priorities: list[str]
    channels: list[str]
    tags: list[str]
    notes: list[str]
    comments: dict[str, dict[str, list[str]]]
    wishes: dict[str, list[str]]


def _load(name: str, kind: type[T]) -> T:
    return msgspec.json.decode((files("fixtures") / name).read_bytes(), type=kind)


DEMO: Final = _load("demo.json", Demo)
#: Of the addresses of the company itself, which is never asked.
OWN_DOMAIN: Final = DEMO.users[0].email.rpartition("@")[2]
CUSTOMERS: Final = _load("customers.json", CustomerNames)
VISITS: Final = _load("visits.json", Visits)
