"""A pushed transition on its way to a verdict."""

import hashlib
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from rules.facts import Transition
from rules.timing import corrected_moment
from sync.ids import compiled
from sync.messages import DeviceScope, Item, Push
from sync.validation import is_nothing

#: Letters that are kept of a captured address: the most that one can have (RFC 3696, erratum 1690).
LONGEST_ADDRESS: Final = 320

_encode: Final = msgspec.msgpack.Encoder().encode
_write: Final = msgspec.json.Encoder().encode


class Body(Struct, frozen=True, gc=False):
    """What is kept of a transition that was not accepted; `moment` is corrected."""

    state: str
    moment: datetime
    device_moment: datetime
    sequence: int
    note: str | None
    survey: bool
    email: str | None
    survey_reason: str | None = None


class Arrival(Struct, frozen=True, gc=False):
    """A transition with who sent it, when it arrived (UTC) and what it hashes to.

    `sent_id`: the id as its sender wrote it. `by`: the dispatcher who tells it in the technician's
    place.
    """

    id: UUID
    sent_id: str
    task: UUID
    body: Body
    device: UUID | None
    technician: UUID
    received: datetime
    digest: bytes
    by: UUID | None = None

    @property
    def spelling(self) -> str | None:
        """The id as its sender wrote it, where that is not our way."""
        return None if self.sent_id == str(self.id) else self.sent_id

    def transition(self, task_type: UUID) -> Transition:
        """The fact that it would be, of a task of `task_type`."""
        body = self.body
        return Transition(
            self.id,
            task_type,
            body.state,
            body.moment,
            body.sequence,
            self.received,
            body.survey,
            device=self.device,
        )


def arrivals(device: DeviceScope, batch: Push, now: datetime) -> list[Arrival]:
    """The transitions of `batch` by the server's clock, which says `now`."""
    return [_arrival(device, item, batch.device_now, now) for item in batch.transitions]


def _arrival(device: DeviceScope, item: Item, device_now: datetime, now: datetime) -> Arrival:
    return Arrival(
        id=item.id,
        sent_id=item.sent_id,
        task=compiled(item.task),
        body=_body(item, device_now, now),
        device=device.device,
        technician=device.technician,
        received=now,
        digest=content_digest(item),
    )


def content_digest(item: Item) -> bytes:
    """SHA-256 of what makes two transitions the same, whoever sends them and however late."""
    moment = item.moment.astimezone(UTC)
    told = (item.task, item.state, moment, item.sequence, item.note, item.survey, captured(item))
    # What came later is added only where it is told: what was pushed before hashes as it did.
    return digest_of(told if item.survey_reason is None else (*told, item.survey_reason))


def captured(item: Item) -> str | None:
    """The address as it was typed, whether one can write to it or not; None for "-" or blanks.

    Cut, and without U+0000, so that a column holds it: a bad address must not cost the step. What
    comes out goes in unchanged, for devices send again what they were told.
    """
    if item.email is None or is_nothing(item.email):
        return None
    return item.email.replace("\0", "\ufffd")[:LONGEST_ADDRESS]


def digest_of(content: tuple[object, ...]) -> bytes:
    """SHA-256 of `content`."""
    return hashlib.sha256(_encode(content)).digest()


def write_body(body: Body) -> str:
    """`body` as JSON text."""
    return _write(body).decode()


def _body(item: Item, device_now: datetime, now: datetime) -> Body:
    return Body(
        state=item.state,
        moment=corrected_moment(item.moment, device_now, now),
        device_moment=item.moment.astimezone(UTC),
        sequence=item.sequence,
        note=item.note,
        survey=item.survey,
        email=captured(item),
        survey_reason=item.survey_reason,
    )
