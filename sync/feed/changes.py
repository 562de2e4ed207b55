"""The shapes in which a technician's device gets what changed.

Ids are text here: they are written as they come from the database, in JSON and MessagePack.
"""

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

KindName: TypeAlias = Literal["task", "customer", "location", "task_type", "state"]


class TaskChange(Struct, frozen=True, tag_field="kind", tag="task"):
    """A task that the technician holds. `technician` is null for a pool's task."""

    id: str
    external_id: str | None
    title: str
    type: str
    state: str
    state_moment: datetime
    customer: str | None
    location: str | None
    unit: str
    technician: str | None
    contact_email: str | None
    priority: str | None
    reason: str | None
    channel: str | None
    tags: list[str]
    scheduled_at: datetime | None
    created_at: datetime


class CustomerChange(Struct, frozen=True, tag_field="kind", tag="customer"):
    """A customer of a held task."""

    id: str
    external_id: str | None
    name: str
    email: str | None
    phone: str | None
    language: str


class LocationChange(Struct, frozen=True, tag_field="kind", tag="location"):
    """A location of a held task. `zone`: IANA name, null where it is the account's."""

    id: str
    external_id: str | None
    customer: str | None
    name: str
    address: str
    email: str | None
    phone: str | None
    zone: str | None


class TaskTypeChange(Struct, frozen=True, tag_field="kind", tag="task_type"):
    """The type of a held task. `names` by language; `flow`: next states by state."""

    id: str
    name: str
    names: dict[str, str]
    flow: dict[str, list[str]]


class StateChange(Struct, frozen=True, tag_field="kind", tag="state"):
    """A state of the account; `id` is its code."""

    id: str
    name: str
    names: dict[str, str]
    state_kind: str


class Gone(Struct, frozen=True):
    """A thing that left the technician's hands."""

    kind: KindName
    id: str
    deleted: Literal[True] = True


Change: TypeAlias = (
    TaskChange | CustomerChange | LocationChange | TaskTypeChange | StateChange | Gone
)
