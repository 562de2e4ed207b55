"""The shapes of the changes that a technician's device pulls.

Ids are text here, and are sent as the database writes them, in JSON and MessagePack.
"""

from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct

#: Transitions in the `history` of a task.
MOST_STEPS: Final = 20

KindName: TypeAlias = Literal["task", "customer", "location", "task_type", "state", "verdict"]


class Step(Struct, frozen=True):
    """One transition of a task's history. `by`: the name of its technician or dispatcher.

    `moment`: UTC; the effective one, by which transitions of one device keep its sequence.
    """

    id: str
    state: str
    moment: datetime
    by: str
    note: str | None
    survey: bool


class TaskChange(Struct, frozen=True, tag_field="kind", tag="task"):
    """A task of the technician, or of a pool of theirs; then `technician` is null.

    `round_opened_at`: UTC; steps from that moment on belong to its current round, null for the
    first. `sent_by_hand`: campaigns whose survey of that round was sent by hand, so that no step
    asks. `history`: the last transitions by order, at most 20, earliest first.
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
    account_manager: str | None
    tags: list[str]
    scheduled_at: datetime | None
    created_at: datetime
    round_opened_at: datetime | None
    sent_by_hand: list[str]
    history: list[Step]


class CustomerChange(Struct, frozen=True, tag_field="kind", tag="customer"):
    """A customer of such a task. `call`: a tel: URI (RFC 3966) of the first number in `phone`."""

    id: str
    external_id: str | None
    name: str
    email: str | None
    billing_email: str | None
    phone: str | None
    language: str
    tags: list[str]
    call: str | None


class LocationChange(Struct, frozen=True, tag_field="kind", tag="location"):
    """A location of such a task. `zone`: IANA name, null for the account's.

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


class AskCriteria(Struct, frozen=True):
    """A task must have any of the values of each list that is not empty, compared as they are.

    `units`, `account_managers`: ids; the units below those that the campaign names are among them.
    `customer_tags`: tags of its customer.
    """

    units: list[str]
    priorities: list[str]
    reasons: list[str]
    channels: list[str]
    account_managers: list[str]
    tags: list[str]
    customer_tags: list[str]


class Ask(Struct, frozen=True):
    """An active campaign that asks when a task enters one of `states` first in a round.

    `primary`, `secondary`: the address it writes to, the second only if there is no first:
    customer, location, contact or billing. `may_untick`: the technician may untick the survey.
    `delay`: DD:HH:MM from the step until it asks at the earliest; null: not known. `delay_in`: all
    time counts for it (`elapsed`), or working hours (`working`). `mute`: DD:HH:MM in which it asks
    at an address once; null: no limit. `criteria`: null: any task. `sampled`: it asks about a part
    of the tasks, which the server draws. `starts_at`, `ends_at`: the first moment at which a step
    may ask and the first at which none does any more, UTC; null: no limit.
    """

    campaign: str
    name: str
    states: list[str]
    primary: str
    secondary: str | None
    may_untick: bool
    delay: str | None = None
    delay_in: str = "elapsed"
    mute: str | None = None
    criteria: AskCriteria | None = None
    sampled: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class TaskTypeChange(Struct, frozen=True, tag_field="kind", tag="task_type"):
    """The type of such a task. `names`: by language. `flow`: next states by state."""

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
    """A verdict that changed after the push, on a transition of the technician.

    A parked transition was settled, or a refused one was accepted. `id`: as its device wrote it.
    `moment`: UTC, corrected for the device's skew.
    """

    id: str
    task: str
    state: str
    moment: datetime
    verdict: str
    reason: str | None


class Gone(Struct, frozen=True):
    """A tombstone: the technician does not need this record any more."""

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
