"""Writes the steps of the demo's past as accepted transitions.

Directly, for a push received now would be stale: the moments and receptions are history.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from server.demo.company import Ids, manager_of
from server.demo.fixture import DEMO
from server.demo.rows import insert
from server.demo.steps import Step
from server.demo.story import Job
from sync.database import Tx
from sync.ids import new_id
from sync.tables.people import Device
from sync.tables.work import Transition
from sync.tokens import digest, mint

ENROLLED: Final = timedelta(days=100)
#: Whose steps are told in the console.
OFFICE: Final = frozenset(person.key for person in DEMO.staff("dispatcher"))

_FOLD: Final = """
UPDATE task SET state = last.state, state_moment = last.moment, state_transition = last.id
FROM (
  SELECT DISTINCT ON (task) task, state, moment, id FROM transition WHERE account = $1
  ORDER BY task, moment DESC, sequence DESC, id DESC
) AS last
WHERE task.account = $1 AND task.id = last.task
"""

_CAPTURE: Final = """
UPDATE customer SET email = t.email, email_by = t.technician, email_at = t.moment
FROM transition t JOIN task ON (task.account, task.id) = (t.account, t.task)
WHERE t.account = $1 AND t.email IS NOT NULL
  AND (customer.account, customer.id) = (task.account, task.customer)
"""


async def write_steps(tx: Tx, ids: Ids, jobs: Sequence[Job]) -> None:
    """Every step as an accepted transition, and the states that they lead to."""
    devices = {key: new_id() for job in jobs if (key := job.technician) is not None}
    await insert(Device, (_device(tx, ids, key, device) for key, device in devices.items()))
    steps = [(job, step) for job in jobs for step in job.steps]
    await insert(Transition, (_transition(tx, ids, devices, job, one) for job, one in steps))
    await tx.execute(_FOLD, tx.account)
    await tx.execute(_CAPTURE, tx.account)


def _device(tx: Tx, ids: Ids, key: str, device: UUID) -> dict[str, Any]:
    """A phone whose credential nobody has."""
    return {
        "account": tx.account,
        "id": device,
        "technician": ids.users[key],
        "name": "Téléphone",
        "credential_hash": digest(mint()),
        "enrolled_at": tx.now - ENROLLED,
    }


def _worker(ids: Ids, job: Job, step: Step) -> UUID:
    """Whose work the step counts as: what the office tells is that of whoever has the task."""
    holder = job.technician if step.by in OFFICE else None
    return ids.users[holder or step.by]


def _transition(tx: Tx, ids: Ids, devices: dict[str, UUID], job: Job, step: Step) -> dict[str, Any]:
    return {
        "account": tx.account,
        "id": step.id,
        "device": devices.get(step.by),
        "technician": _worker(ids, job, step),
        "digest": hashlib.sha256(step.id.bytes).digest(),
        "arrived_at": step.received,
        "verdict": "accepted",
        "task": job.id,
        "state": step.state,
        "moment": step.moment,
        "sequence": step.sequence,
        "device_moment": step.moment,
        "received_at": step.received,
        "by": ids.users[step.by] if step.by in OFFICE else None,
        "note": step.note,
        "survey": step.survey,
        "email": step.email,
        "unexpected": False,
        "type": ids.task_types[job.type],
        "customer": job.client.id,
        "location": job.client.location,
        "unit": ids.units[job.client.site],
        "priority": job.priority,
        "reason": job.reason,
        "channel": job.channel,
        "account_manager": manager_of(ids, job),
        "tags": job.tags,
        "customer_tags": [],
    }
