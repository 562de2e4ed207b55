"""The shapes in which a technician's device gets what changed.

Ids are text here: they are written as they come from the database, in JSON and MessagePack.
"""

from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct

#: Transitions of its past that a task carries to a device.
MOST_STEPS: Final = 20

KindName: TypeAlias = Literal["task", "customer", "location", "task_type", "state", "verdict"]


class Step(Struct, frozen=True):
    """One transition of a task's past. `by`: the name of who told it.

    `moment`: UTC; when it counts, which keeps the sequence of its device.
    """

    id: str
    state: str
    moment: datetime
    by: str
    note: str | None
    survey: bool


class TaskChange(Struct, frozen=True, tag_field="kind", tag="task"):
    """A task that the technician holds. `technician` is null for a pool's task.

    `history`: the last transitions by order, at most `MOST_STEPS`, earliest first.
    """

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
    history: list[Step]


class CustomerChange(Struct, frozen=True, tag_field="kind", tag="customer"):
    """A customer of a held task. `call`: a tel: URI for the first number in `phone` (RFC 3966)."""

    id: str
    external_id: str | None
    name: str
    email: str | None
    billing_email: str | None
    phone: str | None
    language: str
    call: str | None


class LocationChange(Struct, frozen=True, tag_field="kind", tag="location"):
    """A location of a held task. `zone`: IANA name, null where it is the account's.

    `call`: as a customer's.
    """

    id: str
    external_id: str | None
    customer: str | None
    name: str
    address: str
    email: str | None
    phone: str | None
    zone: str | None
    call: str | None


class Ask(Struct, frozen=True):
    """An active campaign that asks once a task enters one of `states` for the first time.

    `primary`, `secondary`: which address it asks at, the second only where the first is empty:
    customer, location, contact or billing. `may_untick`: the technician may leave it out.
    """

    campaign: str
    name: str
    states: list[str]
    primary: str
    secondary: str | None
    may_untick: bool


class TaskTypeChange(Struct, frozen=True, tag_field="kind", tag="task_type"):
    """The type of a held task. `names` by language; `flow`: next states by state."""

    id: str
    name: str
    names: dict[str, str]
    flow: dict[str, list[str]]
    asks: list[Ask]


class StateChange(Struct, frozen=True, tag_field="kind", tag="state"):
    """A state of the account; `id` is its code."""

    id: str
    name: str
    names: dict[str, str]
    state_kind: str


class VerdictChange(Struct, frozen=True, tag_field="kind", tag="verdict"):
    """The verdict on a transition of the technician's, changed after it was told.

    What was parked was settled, or what was refused was accepted. `id`: as its device wrote it.
    `moment`: corrected, UTC.
    """

    id: str
    task: str
    state: str
    moment: datetime
    verdict: str
    reason: str | None


class Gone(Struct, frozen=True):
    """A thing that left the technician's hands."""

    kind: KindName
    id: str
    deleted: Literal[True] = True


Change: TypeAlias = (
    TaskChange
    | CustomerChange
    | LocationChange
    | TaskTypeChange
    | StateChange
    | VerdictChange
    | Gone
)
