"""Shapes of records as they are written (`*Put`) and read (`*Record`)."""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from rules.calendar import Region
from sync.messages import Moment, StateCode
from sync.validation import is_line

#: The most records in one `put_*`, and in a page of a list.
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
    """A reference by external id, the id of another system."""

    external: ExternalId

    def __post_init__(self) -> None:
        """:raises ValueError: it is not one line without control characters."""
        if not is_line(self.external):
            raise ValueError("`external` must be one line without control characters")


Ref: TypeAlias = UUID | External


class AccountPut(Struct, frozen=True, forbid_unknown_fields=True):
    """An account. `zone`: IANA name."""

    name: str
    zone: str = "America/Toronto"
    language: Language = "fr_CA"
    after_crash: AfterCrash = "resend"


class UnitPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A unit. `parent` must exist, or precede it in the same call."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    parent: Ref | UnsetType | None = UNSET
    kind: UnitKind | UnsetType = UNSET
    name: str | UnsetType = UNSET


class UserPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user. The password is set by `set_password`."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    unit: Ref | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class CustomerPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer. E-mail addresses are stored as they were typed.

    `account_manager`: the user who looks after it. `unit`: to which it belongs. `active`: false for
    a former customer.
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
    """A location. `zone`: IANA; `region`: whose holidays, such as CA-QC. Null: the account's."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    customer: Ref | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    zone: str | UnsetType | None = UNSET
    region: Region | UnsetType | None = UNSET


class TaskTypePut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A task type. `names`: translations by language. `flow`: next states by state code."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    name: str | UnsetType = UNSET
    names: Names | UnsetType = UNSET
    flow: Flow | UnsetType = UNSET


class StatePut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A state. `names`: translations by language."""

    code: StateCode
    name: str | UnsetType = UNSET
    names: Names | UnsetType = UNSET
    kind: StateKind | UnsetType = UNSET


class AssignmentPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A technician's or a pool's assignment to a task, from `start` to `end` (null: still open)."""

    start: Moment
    end: Moment | None = None
    technician: Ref | None = None
    unit: Ref | None = None


Assignments: TypeAlias = Annotated[list[AssignmentPut], Meta(max_length=500)]


class TaskPut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A task. `type`, `state`, `title` and `unit` are needed to create one.

    `state`: the initial one; ignored for an existing task, which only transitions move, as is
    `created_at`, by default now. `assignments`: the whole history, which replaces the stored one.
    `technician`, `pool`: the short form, one assignment that begins at `created_at` for a new task
    and now for an existing one. Null ends the open assignments.
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
    """An account as it is stored."""

    account: int
    name: str
    zone: str
    language: str
    after_crash: str
    created_at: datetime


class UnitRecord(Struct, frozen=True):
    """A unit as it is stored."""

    id: UUID
    external_id: str | None
    parent: UUID | None
    kind: str
    name: str


class UserRecord(Struct, frozen=True):
    """A user as it is stored, without the password's hash."""

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
    """A customer as it is stored. `email_by`, `email_at`: who captured the address, and when."""

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
    """A location as it is stored."""

    id: UUID
    external_id: str | None
    customer: UUID | None
    name: str
    address: str
    email: str | None
    phone: str | None
    zone: str | None
    region: str | None


class TaskTypeRecord(Struct, frozen=True):
    """A task type as it is stored."""

    id: UUID
    external_id: str | None
    name: str
    names: dict[str, str]
    flow: dict[str, list[str]]


class StateRecord(Struct, frozen=True):
    """A state as it is stored."""

    code: str
    name: str
    names: dict[str, str]
    kind: str


class TaskRecord(Struct, frozen=True):
    """A task as it is stored. `technician`: of the open assignment; null for a pool's or none."""

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
    """An assignment as it is stored. `end_at`: null while it is open."""

    id: UUID
    task: UUID
    technician: UUID | None
    unit: UUID | None
    start_at: datetime
    end_at: datetime | None
