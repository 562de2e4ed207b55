"""A pushed transition that has no verdict yet."""

import hashlib
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from rules.history import Transition
from rules.timing import corrected_moment
from sync.ids import compiled
from sync.messages import DeviceScope, Push
from sync.validation import is_nothing

#: Code points to which a captured address is cut: the longest possible (RFC 3696, erratum 1690).
LONGEST_ADDRESS: Final = 320

_encode: Final = msgspec.msgpack.Encoder().encode
_write: Final = msgspec.json.Encoder().encode


class Body(Struct, frozen=True, gc=False):
    """What is stored of an open transition as JSON. `moment`: corrected for the skew, UTC."""

    state: str
    moment: datetime
    device_moment: datetime
    sequence: int
    note: str | None
    survey: bool
    email: str | None
    survey_reason: str | None = None


class Arrival(Struct, frozen=True, gc=False):
    """A transition with its sender, its reception (UTC) and the digest of its content.

    `sent_id`: the id as its sender wrote it. `technician`: whose work it is. `by`: the dispatcher
    who entered it for the technician; `device` is None then.
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

    def transition(self, task_type: UUID) -> Transition:
        """Return it as a transition of a task of `task_type`, as the rules see it."""
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
    """Return the transitions of `batch`, received at `now` (UTC, the server's clock)."""
    found: list[Arrival] = []
    for item in batch.transitions:
        body = Body(
            state=item.state,
            moment=corrected_moment(item.moment, batch.device_now, now),
            device_moment=item.moment.astimezone(UTC),
            sequence=item.sequence,
            note=item.note,
            survey=item.survey,
            email=captured(item.email) if item.email else None,
            survey_reason=item.survey_reason,
        )
        arrival = Arrival(
            id=item.id,
            sent_id=item.sent_id,
            task=compiled(item.task),
            body=body,
            device=device.device,
            technician=device.technician,
            received=now,
            digest=content_digest(item.task, body),
        )
        found.append(arrival)
    return found


def content_digest(task: UUID, body: Body) -> bytes:
    """Return the SHA-256 of the content by which two pushed transitions are the same."""
    content = (
        task,
        body.state,
        body.device_moment,
        body.sequence,
        body.note,
        body.survey,
        body.email,
    )
    # Added only where it is given, so that digests stored before the field existed still match.
    return digest_of(content if body.survey_reason is None else (*content, body.survey_reason))


def captured(email: str) -> str | None:
    """Return the captured address as typed, valid or not; None for blanks, "-" and the like.

    It is cut, and U+0000 replaced, so that any value can be stored; a value that was cut stays the
    same when a device pushes it again.
    """
    return None if is_nothing(email) else email.replace("\0", "\ufffd")[:LONGEST_ADDRESS]


def digest_of(content: tuple[object, ...]) -> bytes:
    """Return the SHA-256 of `content` in MessagePack."""
    return hashlib.sha256(_encode(content)).digest()


def write_body(body: Body) -> str:
    """Return `body` as JSON text."""
    return _write(body).decode()
