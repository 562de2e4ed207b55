"""The messages between devices and Retour, validated as they are decoded.

JSON and MessagePack have the same shapes. An invalid message raises `msgspec.ValidationError`,
which is 400 for the whole body.
"""

from collections.abc import Sized
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct, field

from sync.errors import TooManyError
from sync.ids import parse_id
from sync.validation import check_line, check_moment

#: The most transitions in a push.
MOST_TRANSITIONS: Final = 500
#: The most code points of a note, and of a reason for an unticked survey.
LONGEST_NOTE: Final = 4000
LONGEST_SURVEY_REASON: Final = 200

VerdictName: TypeAlias = Literal["accepted", "duplicate", "parked", "refused"]
Reason: TypeAlias = Literal["unknown_state", "no_authority", "id_reused", "malformed"]

#: A UUID as its sender writes it: in either case, with all hyphens or none (RFC 9562, section 4).
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
    """Check what the types of the fields do not express.

    :raises ValueError: U+0000 in a text, or a reason for a survey that was not unticked.
    """
    if any("\0" in text for text in (state, note, survey_reason) if text is not None):
        raise ValueError("U+0000 is not text")
    if survey and survey_reason is not None:
        raise ValueError("`survey_reason` goes with an unticked survey")


class Item(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A transition as a device pushes it.

    `id`: made on the device; answers repeat it as it was sent. `moment`: by the device's clock,
    with an offset. `sequence`: the device's own count. `survey`: false if the technician unticked
    it; `survey_reason`: why. `email`: an address captured for a customer that has none; an invalid
    one does not refuse the transition.
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
        """:raises ValueError: a value cannot be stored."""
        check_moment(self.moment)
        check_item(self.state, self.note, self.survey, self.survey_reason)

    @property
    def id(self) -> UUID:
        """The id as it is stored and compared."""
        return parse_id(self.sent_id)


class _Clocked(Struct, frozen=True, forbid_unknown_fields=True):
    """What a device sends with the time of its own clock, by which its moments are corrected."""

    device_now: Moment

    def __post_init__(self) -> None:
        """:raises ValueError: `device_now` is outside the years that can be stored."""
        check_moment(self.device_now)


class Push(_Clocked, frozen=True):
    """Body of POST /api/v1/sync/push. `device_now`: the device's clock at the push."""

    transitions: list[Item]


class RoughPush(_Clocked, frozen=True):
    """A `Push` whose transitions are decoded one by one."""

    transitions: list[dict[str, Any]]


class Result(Struct, frozen=True, omit_defaults=True, gc=False):
    """The verdict on a transition. `id`: as it was sent. `reason`: only of refused ones.

    `malformed`: it cannot be decoded, because of the value at `pointer`, and is not stored.
    `duplicate`: another device of the technician, or an earlier item of the push, brought it.
    """

    id: str
    verdict: VerdictName
    reason: Reason | None = None
    pointer: str | None = None


class PushReply(Struct, frozen=True):
    """Answer to a push: a result for each transition, in the order sent."""

    results: list[Result]


class Enrol(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /api/v1/devices/enrol. `name`: of the device, as screens show it."""

    code: Annotated[str, Meta(max_length=64)]
    name: Annotated[str, Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        """:raises ValueError: the name is not one visible line."""
        check_line("name", self.name)


class Enrolled(Struct, frozen=True):
    """Answer to an enrolment. The credential is not shown again."""

    device: UUID
    credential: str


class DeviceName(Struct, frozen=True):
    """The device. `name`: as screens show it."""

    id: UUID
    name: str


class TechnicianName(Struct, frozen=True):
    """The technician of the device. `language`: such as fr_CA."""

    id: UUID
    name: str
    language: str


class AccountName(Struct, frozen=True):
    """The account. `zone`: IANA name. `language`: such as fr_CA."""

    name: str
    zone: str
    language: str


class Enrolment(Struct, frozen=True):
    """Answer to GET /api/v1/sync/me."""

    device: DeviceName
    technician: TechnicianName
    account: AccountName


class DeviceScope(Struct, frozen=True):
    """Who pushes and pulls: an enrolled device, and its technician."""

    account: int
    device: UUID
    technician: UUID


def check_count(transitions: Sized) -> None:
    """Check the number of transitions in a push.

    :raises TooManyError: more than `MOST_TRANSITIONS`.
    """
    if len(transitions) > MOST_TRANSITIONS:
        raise TooManyError(f"at most {MOST_TRANSITIONS} transitions a push")
