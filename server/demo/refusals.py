"""Writes transitions that were not accepted: some refused, some still parked.

The rows are inserted directly: a push would be received now, and these were received in the past.
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
from server.demo.story import DemoTask
from server.demo.working_hours import last_on_duty
from sync.database import Tx
from sync.ids import new_id
from sync.intake.incoming import Body, write_body
from sync.tables.work import Transition

#: A state that another program uses and this account does not have.
FOREIGN_STATE: Final = "620"
UNDER_WAY: Final = frozenset({"300", "400", "450"})
#: How wrong the clock of one device is.
SKEW: Final = timedelta(hours=2)

_DEVICES: Final = "SELECT technician, id FROM device WHERE account = $1"


class OpenStep(Struct, frozen=True, kw_only=True):
    """A transition that was not accepted. `reason`: None while parked. `moment`: corrected."""

    task: UUID
    by: str
    state: str
    moment: datetime
    reason: str | None = None
    note: str | None = None
    skew: timedelta = timedelta()
    survey_reason: str | None = None


async def write_refusals(tx: Tx, ids: Ids, tasks: Sequence[DemoTask]) -> None:
    """Write a few of each kind, so that the page of refusals shows all of them."""
    rows = await tx.fetch(_DEVICES, tx.account)
    devices = {row["technician"]: row["id"] for row in rows}
    transitions = []
    for step in _open_steps(tasks, tx.now):
        key, technician = new_id(), ids.users[step.by]
        body = Body(
            state=step.state,
            moment=step.moment,
            device_moment=step.moment + step.skew,
            sequence=1,
            note=step.note,
            survey=step.survey_reason is None,
            email=None,
            survey_reason=step.survey_reason,
        )
        row: dict[str, Any] = {
            "account": tx.account,
            "id": key,
            "device": devices.get(technician),
            "technician": technician,
            "pushed_task": step.task,
            "verdict": "refused" if step.reason else "parked",
            "refusal": step.reason,
            "digest": hashlib.sha256(key.bytes).digest(),
            "body": write_body(body),
            "arrived_at": step.moment + timedelta(minutes=2),
        }
        transitions.append(row)
    await insert(Transition, transitions)


def _open_steps(tasks: Sequence[DemoTask], now: datetime) -> Iterator[OpenStep]:
    """Steps by a technician without the task, into an unknown state, and of an unknown task."""
    under_way = [
        task for task in reversed(tasks) if task.steps and task.steps[-1].state in UNDER_WAY
    ]
    first, second, third = under_way[:3]
    colleague = _colleague(first)
    yield OpenStep(
        task=first.id, by=colleague, state="600", moment=_next(first), reason="no_authority",
        note=VISITS.notes[0],
    )  # fmt: skip
    yield OpenStep(
        task=second.id, by=_colleague(second), state="610", moment=_next(second),
        reason="no_authority", skew=SKEW, survey_reason="Client absent",
    )  # fmt: skip
    yield OpenStep(
        task=third.id, by=str(third.technician), state=FOREIGN_STATE, moment=_next(third),
        reason="unknown_state",
    )  # fmt: skip
    unknown = new_id()  # a task of another program that has not been imported yet
    for state, minutes in (("300", 95), ("400", 70)):
        moment = last_on_duty(now) - timedelta(minutes=minutes)
        yield OpenStep(task=unknown, by=colleague, state=state, moment=moment)


def _next(task: DemoTask) -> datetime:
    """A plausible moment for the step after the last one of `task`."""
    return task.steps[-1].moment + timedelta(minutes=4)


def _colleague(task: DemoTask) -> str:
    """Another technician than the task's, of the same site if it has several."""
    others = [user for user in DEMO.users_with("technician") if user.key != task.technician]
    near = [user for user in others if user.unit == task.customer.site]
    return (near or others)[0].key
