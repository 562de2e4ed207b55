"""What devices of the demo told and was not accepted: steps refused, and some still parked.

Written directly, for a push received now would have no past.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from server.demo.company import Ids
from server.demo.fixture import DEMO, VISITS
from server.demo.rows import insert
from server.demo.story import Job
from sync.database import Tx
from sync.ids import new_id
from sync.intake.incoming import Body, write_body
from sync.tables.work import Transition

#: A state that another program knows and this account does not.
FOREIGN_STATE: Final = "620"
UNDER_WAY: Final = frozenset({"300", "400", "450"})
#: How wrong the clock of one device is.
SKEW: Final = timedelta(hours=2)

_DEVICES: Final = "SELECT technician, id FROM device WHERE account = $1"


class Told(Struct, frozen=True, kw_only=True):
    """A step as a device told it. `reason`: None while it is parked. `moment`: corrected."""

    task: UUID
    by: str
    state: str
    moment: datetime
    reason: str | None = None
    note: str | None = None
    skew: timedelta = timedelta()
    survey_reason: str | None = None


async def write_refusals(tx: Tx, ids: Ids, jobs: Sequence[Job]) -> None:
    """A few of each kind, so that whoever looks sees what they are."""
    rows = await tx.fetch(_DEVICES, tx.account)
    devices = {row["technician"]: row["id"] for row in rows}
    await insert(Transition, [_row(tx, ids, devices, told) for told in _told(jobs, tx.now)])


def _told(jobs: Sequence[Job], now: datetime) -> Iterator[Told]:
    """Of today's visits: done by a colleague, ended in a foreign state, or of no known task."""
    under_way = [job for job in reversed(jobs) if job.steps and job.steps[-1].state in UNDER_WAY]
    first, second, owned = under_way[:3]
    one, other = _colleague(first), _colleague(second)
    yield Told(
        task=first.id, by=one, state="600", moment=_next(first), reason="no_authority",
        note=VISITS.notes[0],
    )  # fmt: skip
    yield Told(
        task=second.id, by=other, state="610", moment=_next(second), reason="no_authority",
        skew=SKEW, survey_reason="Client absent",
    )  # fmt: skip
    yield Told(
        task=owned.id, by=str(owned.technician), state=FOREIGN_STATE, moment=_next(owned),
        reason="unknown_state",
    )  # fmt: skip
    later = new_id()  # a task of another program that has not been imported yet
    for state, minutes in (("300", 95), ("400", 70)):
        yield Told(task=later, by=one, state=state, moment=now - timedelta(minutes=minutes))


def _next(job: Job) -> datetime:
    """A moment at which the work may well have been over."""
    return job.steps[-1].moment + timedelta(minutes=4)


def _colleague(job: Job) -> str:
    """Somebody else, of the same site where it has several."""
    others = [one for one in DEMO.staff("technician") if one.key != job.technician]
    near = [one for one in others if one.unit == job.client.site]
    return (near or others)[0].key


def _row(tx: Tx, ids: Ids, devices: dict[UUID, UUID], told: Told) -> dict[str, Any]:
    key, technician = new_id(), ids.users[told.by]
    body = Body(
        state=told.state,
        moment=told.moment,
        device_moment=told.moment + told.skew,
        sequence=1,
        note=told.note,
        survey=told.survey_reason is None,
        email=None,
        survey_reason=told.survey_reason,
    )
    return {
        "account": tx.account,
        "id": key,
        "device": devices.get(technician),
        "technician": technician,
        "pushed_task": told.task,
        "verdict": "refused" if told.reason else "parked",
        "refusal": told.reason,
        "digest": hashlib.sha256(key.bytes).digest(),
        "body": write_body(body),
        "arrived_at": told.moment + timedelta(minutes=2),
    }
