"""The messages between devices and Retour, checked as they are decoded.

`msgspec.json.Decoder(Push)` and `msgspec.msgpack.Decoder(Push)` accept the same messages; the
server prebuilds both. What does not fit raises `msgspec.ValidationError`: 400 for the whole body.
"""

from collections.abc import Sized
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct, field

from sync.errors import TooManyError
from sync.ids import parse_id
from sync.validation import check_line, check_moment

#: Transitions that one push may carry.
MOST_TRANSITIONS: Final = 500
#: Letters (code points) of a note, and of why a survey was unticked.
LONGEST_NOTE: Final = 4000
LONGEST_SURVEY_REASON: Final = 200

VerdictName: TypeAlias = Literal["accepted", "duplicate", "parked", "refused"]
Reason: TypeAlias = Literal["unknown_state", "no_authority", "id_reused", "malformed"]

#: A UUID as its maker writes it: digits of either case, with all hyphens or none (RFC 9562, 4).
SentId: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$(?!\n)",
        extra_json_schema={"format": "uuid"},
    ),
]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
StateCode: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Note: TypeAlias = Annotated[str, Meta(max_length=LONGEST_NOTE)]
SurveyReason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=LONGEST_SURVEY_REASON)]


def check_item(state: str, note: str | None, survey: bool, survey_reason: str | None) -> None:
    """Refuse what no column can hold, and a reason for a survey that was not unticked.

    :raises ValueError: which of the two.
    """
    if any("\0" in text for text in (state, note, survey_reason) if text is not None):
        raise ValueError("U+0000 is not text")
    if survey and survey_reason is not None:
        raise ValueError("`survey_reason` goes with an unticked survey")


class Item(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One transition as a device tells it.

    `sent_id`: made on the device, and answered as it was sent. `moment`: by the device's clock,
    aware. `sequence`: the device's own count. `survey`: false when the technician unticked it,
    `survey_reason` says why. `email`: an address captured for a customer that has none; whatever
    it says, the step stands.
    """

    sent_id: SentId = field(name="id")
    task: UUID
    state: StateCode
    moment: Moment
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    note: Note | None = None
    survey: bool = True
    survey_reason: SurveyReason | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: for what no column can hold."""
        check_moment(self.moment)
        check_item(self.state, self.note, self.survey, self.survey_reason)

    @property
    def id(self) -> UUID:
        """The id in the one form in which it is stored and compared."""
        return parse_id(self.sent_id)


class Push(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /api/v1/sync/push. `device_now`: the device's clock as it pushes."""

    device_now: Moment
    transitions: list[Item]

    def __post_init__(self) -> None:
        """:raises ValueError: for a clock outside the years that can be reckoned with."""
        check_moment(self.device_now)


class RoughPush(Struct, frozen=True, forbid_unknown_fields=True):
    """A `Push` whose transitions are read one by one."""

    device_now: Moment
    transitions: list[dict[str, Any]]

    def __post_init__(self) -> None:
        """:raises ValueError: as `Push`."""
        check_moment(self.device_now)


class Result(Struct, frozen=True, omit_defaults=True, gc=False):
    """The verdict on one transition; `id` as it was sent, `reason` only when refused.

    `malformed`: it cannot be read, for what stands at `pointer`, and nothing of it is kept.
    `duplicate`: it is a fact already, by another device of the technician or by an earlier item of
    the same push.
    """

    id: str
    verdict: VerdictName
    reason: Reason | None = None
    pointer: str | None = None


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


def check_count(transitions: Sized) -> None:
    """Refuse a push that carries too much.

    :raises TooManyError: for more than `MOST_TRANSITIONS`.
    """
    if len(transitions) > MOST_TRANSITIONS:
        raise TooManyError(f"at most {MOST_TRANSITIONS} transitions a push")
