"""A pushed transition on its way to a verdict."""

import hashlib
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from rules.timing import corrected_moment
from sync.wire import DeviceScope, Item, Push

_encode: Final = msgspec.msgpack.Encoder().encode
_write: Final = msgspec.json.Encoder().encode


class Body(Struct, frozen=True):
    """What is kept of a transition that was not accepted; `moment` is corrected."""

    state: str
    moment: datetime
    device_moment: datetime
    sequence: int
    note: str | None
    survey: bool
    email: str | None
    survey_reason: str | None = None


class Arrival(Struct, frozen=True):
    """A transition with who sent it, when it arrived (UTC) and what it hashes to.

    `by`: the dispatcher who tells it in the technician's place.
    """

    id: UUID
    task: UUID
    body: Body
    device: UUID | None
    technician: UUID
    received: datetime
    digest: bytes
    by: UUID | None = None

    @property
    def order(self) -> tuple[datetime, int, UUID]:
        """Its place in its task's history."""
        return (self.body.moment, self.body.sequence, self.id)


def arrivals(device: DeviceScope, batch: Push, now: datetime) -> list[Arrival]:
    """The transitions of `batch` by the server's clock, which says `now`."""
    return [
        Arrival(
            id=item.id,
            task=item.task,
            body=_body(item, batch.device_now, now),
            device=device.device,
            technician=device.technician,
            received=now,
            digest=content_digest(item),
        )
        for item in batch.transitions
    ]


def content_digest(item: Item) -> bytes:
    """SHA-256 of what makes two transitions the same, whoever sends them and however late."""
    moment = item.moment.astimezone(UTC)
    told = (item.task, item.state, moment, item.sequence, item.note, item.survey, item.email)
    # What came later is added only where it is told: what was pushed before hashes as it did.
    return digest_of(told if item.survey_reason is None else (*told, item.survey_reason))


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
        email=item.email,
        survey_reason=item.survey_reason,
    )
