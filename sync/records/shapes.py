"""What records look like on their way in (`*Put`) and out (`*Record`)."""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from sync.messages import Moment, StateCode
from sync.validation import is_line

#: Records that one `put_*` may carry, and the most a list gives at once.
MOST_RECORDS: Final = 500

Role: TypeAlias = Literal["technician", "dispatcher", "manager", "administrator"]
UnitKind: TypeAlias = Literal["head_office", "region", "site"]
StateKind: TypeAlias = Literal["planned", "active", "done", "closed", "cancelled"]
Language: TypeAlias = Literal["fr_CA", "en_CA"]
AfterCrash: TypeAlias = Literal["resend", "hold"]
ExternalId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Names: TypeAlias = Annotated[dict[str, str], Meta(max_length=20)]
NextStates: TypeAlias = Annotated[list[StateCode], Meta(max_length=200)]
Flow: TypeAlias = Annotated[dict[StateCode, NextStates], Meta(max_length=200)]
Tags: TypeAlias = Annotated[list[str], Meta(max_length=100)]


class External(Struct, frozen=True, forbid_unknown_fields=True):
    """A reference by the other system's id."""

    external: ExternalId

    def __post_init__(self) -> None:
        """:raises ValueError: for what cannot be an external id."""
        if not is_line(self.external):
            raise ValueError("`external` must be one line without control characters")


Ref: TypeAlias = UUID | External


class AccountPut(Struct, frozen=True, forbid_unknown_fields=True):
    """A company. `zone`: IANA name."""

    name: str
    zone: str = "America/Montreal"
    language: Language = "fr_CA"
    after_crash: AfterCrash = "resend"


class UnitPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A node of the tree. `parent` must exist, or stand before it in the same call."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    parent: Ref | UnsetType | None = UNSET
    kind: UnitKind | UnsetType = UNSET
    name: str | UnsetType = UNSET


class UserPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person. The password is set by `set_password`."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    unit: Ref | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class CustomerPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A client record. Addresses keep the form in which they were typed.

    `account_manager`: the user who looks after it; `unit`: where it belongs. `active`: false for
    one that is no longer a customer.
    """

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    billing_email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    account_manager: Ref | UnsetType | None = UNSET
    unit: Ref | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


class LocationPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A place of work. `zone`: IANA name, or null for the account's."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    customer: Ref | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    zone: str | UnsetType | None = UNSET


class TaskTypePut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`names`: translations by language; `flow`: allowed next states by state code."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    name: str | UnsetType = UNSET
    names: Names | UnsetType = UNSET
    flow: Flow | UnsetType = UNSET


class StatePut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A coded state; `names`: translations by language."""

    code: StateCode
    name: str | UnsetType = UNSET
    names: Names | UnsetType = UNSET
    kind: StateKind | UnsetType = UNSET


class AssignmentPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A technician's or a pool's turn on a task, from `start` to `end` (open when null)."""

    start: Moment
    end: Moment | None = None
    technician: Ref | None = None
    unit: Ref | None = None


Assignments: TypeAlias = Annotated[list[AssignmentPut], Meta(max_length=500)]


class TaskPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One job. `type`, `state`, `title` and `unit` are needed to create it.

    `state`: the initial one; afterwards only transitions move a task and it is not read.
    `assignments`: the whole history, in place of the stored one.
    `technician`, `pool`: the short way to say who has it: from `created_at` for a new task, from
    now on for another. Null takes it from everybody.
    `created_at`: now where left out; not read for a task that exists.
    """

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    type: Ref | UnsetType = UNSET
    state: StateCode | UnsetType = UNSET
    title: str | UnsetType = UNSET
    customer: Ref | UnsetType | None = UNSET
    location: Ref | UnsetType | None = UNSET
    unit: Ref | UnsetType = UNSET
    technician: Ref | UnsetType | None = UNSET
    pool: Ref | UnsetType | None = UNSET
    assignments: Assignments | UnsetType = UNSET
    contact_email: str | UnsetType | None = UNSET
    priority: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET
    channel: str | UnsetType | None = UNSET
    account_manager: Ref | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    scheduled_at: Moment | UnsetType | None = UNSET
    created_at: Moment | UnsetType = UNSET


class AccountRecord(Struct, frozen=True):
    """A company as stored."""

    account: int
    name: str
    zone: str
    language: str
    after_crash: str
    created_at: datetime


class UnitRecord(Struct, frozen=True):
    """A unit as stored."""

    id: UUID
    external_id: str | None
    parent: UUID | None
    kind: str
    name: str


class UserRecord(Struct, frozen=True):
    """A user as stored, without the password's hash."""

    id: UUID
    external_id: str | None
    unit: UUID
    role: str
    name: str
    email: str
    language: str
    active: bool
    created_at: datetime


class DeviceRecord(Struct, frozen=True):
    """An enrolled device, without its credential's hash."""

    id: UUID
    technician: UUID
    name: str
    enrolled_at: datetime
    revoked_at: datetime | None


class CustomerRecord(Struct, frozen=True):
    """A customer as stored. `email_by`, `email_at`: who captured the address in the field."""

    id: UUID
    external_id: str | None
    name: str
    email: str | None
    billing_email: str | None
    email_by: UUID | None
    email_at: datetime | None
    phone: str | None
    language: str
    tags: list[str]
    account_manager: UUID | None
    unit: UUID | None
    active: bool
    created_at: datetime


class LocationRecord(Struct, frozen=True):
    """A location as stored."""

    id: UUID
    external_id: str | None
    customer: UUID | None
    name: str
    address: str
    email: str | None
    phone: str | None
    zone: str | None


class TaskTypeRecord(Struct, frozen=True):
    """A task type as stored."""

    id: UUID
    external_id: str | None
    name: str
    names: dict[str, str]
    flow: dict[str, list[str]]


class StateRecord(Struct, frozen=True):
    """A state as stored."""

    code: str
    name: str
    names: dict[str, str]
    kind: str


class TaskRecord(Struct, frozen=True):
    """A task as stored. `technician`: who has it now, null in a pool or with nobody."""

    id: UUID
    external_id: str | None
    type: UUID
    state: str
    initial_state: str
    state_moment: datetime
    state_transition: UUID | None
    customer: UUID | None
    location: UUID | None
    unit: UUID
    technician: UUID | None
    title: str
    contact_email: str | None
    priority: str | None
    reason: str | None
    channel: str | None
    account_manager: UUID | None
    tags: list[str]
    scheduled_at: datetime | None
    created_at: datetime


class AssignmentRecord(Struct, frozen=True):
    """A turn on a task as stored."""

    id: UUID
    task: UUID
    technician: UUID | None
    unit: UUID | None
    start_at: datetime
    end_at: datetime | None
