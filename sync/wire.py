"""The messages between devices and Retour, checked as they are decoded.

`msgspec.json.Decoder(Push)` and `msgspec.msgpack.Decoder(Push)` accept the same messages; the
server prebuilds both. What does not fit raises `msgspec.ValidationError`: 400 for the whole body.
"""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from rules.address import normal_form
from sync.errors import TooManyError
from sync.plain import check_line, check_moment

#: Transitions that one push may carry.
MOST_TRANSITIONS: Final = 500

VerdictName: TypeAlias = Literal["accepted", "duplicate", "parked", "refused"]
Reason: TypeAlias = Literal["unknown_state", "no_authority", "id_reused"]

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
StateCode: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Note: TypeAlias = Annotated[str, Meta(max_length=4000)]
SurveyReason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]


def check_told(state: str, note: str | None, survey: bool, survey_reason: str | None) -> None:
    """Refuse what no column can hold, and a reason for a survey that was not unticked.

    :raises ValueError: which of the two.
    """
    if any("\0" in text for text in (state, note, survey_reason) if text is not None):
        raise ValueError("U+0000 is not text")
    if survey and survey_reason is not None:
        raise ValueError("`survey_reason` goes with an unticked survey")


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One transition as a device tells it.

    `id`: made on the device. `moment`: by the device's clock, aware. `sequence`: the device's
    own count. `survey`: false when the technician unticked it, `survey_reason` says why.
    `email`: an address captured for a customer that has none.
    """

    id: UUID
    task: UUID
    state: StateCode
    moment: Moment
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    note: Note | None = None
    survey: bool = True
    survey_reason: SurveyReason | None = None
    email: Annotated[str, Meta(max_length=320)] | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: for what no column can hold or no mail can reach."""
        check_moment(self.moment)
        check_told(self.state, self.note, self.survey, self.survey_reason)
        if self.email is not None and normal_form(self.email) is None:
            raise ValueError("`email` must be one e-mail address")


class Push(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /api/v1/sync/push. `device_now`: the device's clock as it pushes."""

    device_now: Moment
    transitions: list[Item]

    def __post_init__(self) -> None:
        """:raises ValueError: for a clock outside the years that can be reckoned with."""
        check_moment(self.device_now)


class Result(Struct, frozen=True, omit_defaults=True):
    """The verdict on one transition; `reason` only when refused."""

    id: UUID
    verdict: VerdictName
    reason: Reason | None = None


class PushReply(Struct, frozen=True):
    """Answer to a push: one result for each transition, in the order sent."""

    results: list[Result]


class Enrol(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /api/v1/devices/enrol. `name`: what the device is called on screens."""

    code: Annotated[str, Meta(max_length=64)]
    name: Annotated[str, Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        """:raises ValueError: for a name that is not one plain line."""
        check_line("name", self.name)


class Enrolled(Struct, frozen=True):
    """Answer to an enrolment. The credential is shown this once."""

    device: UUID
    credential: str


class DeviceName(Struct, frozen=True):
    """The device itself, as screens call it."""

    id: UUID
    name: str


class TechnicianName(Struct, frozen=True):
    """Whose device it is. `language`: as fr_CA."""

    id: UUID
    name: str
    language: str


class AccountName(Struct, frozen=True):
    """The company. `zone`: IANA name. `language`: as fr_CA."""

    name: str
    zone: str
    language: str


class Enrolment(Struct, frozen=True):
    """Answer to GET /api/v1/sync/me."""

    device: DeviceName
    technician: TechnicianName
    account: AccountName


class DeviceScope(Struct, frozen=True):
    """Who pushes and pulls: an enrolled device that is not revoked, and its technician."""

    account: int
    device: UUID
    technician: UUID


def check_count(batch: Push) -> None:
    """Refuse a push that carries too much.

    :raises TooManyError: for more than `MOST_TRANSITIONS`.
    """
    if len(batch.transitions) > MOST_TRANSITIONS:
        raise TooManyError(f"at most {MOST_TRANSITIONS} transitions a push")
