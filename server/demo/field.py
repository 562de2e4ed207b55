"""Writes the steps of the demo's tasks as accepted transitions.

The rows are inserted directly: a push would be received now, and these were received in the past.
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
from server.demo.story import DemoTask
from sync.database import Tx
from sync.ids import new_id
from sync.tables.people import Device
from sync.tables.work import Transition
from sync.tokens import digest, mint

ENROLLED: Final = timedelta(days=100)
#: The users whose transitions are recorded in the console.
OFFICE: Final = frozenset(user.key for user in DEMO.users_with("dispatcher"))

_STATES: Final = """
UPDATE task SET state = last.state, state_moment = last.moment, state_transition = last.id
FROM (
  SELECT DISTINCT ON (task) task, state, moment, id FROM transition WHERE account = $1
  ORDER BY task, moment DESC, sequence DESC, id DESC
) AS last
WHERE task.account = $1 AND task.id = last.task
"""

_ADDRESSES: Final = """
UPDATE customer SET email = t.email, email_by = t.technician, email_at = t.moment
FROM transition t JOIN task ON (task.account, task.id) = (t.account, t.task)
WHERE t.account = $1 AND t.email IS NOT NULL
  AND (customer.account, customer.id) = (task.account, task.customer)
"""


async def write_steps(tx: Tx, ids: Ids, tasks: Sequence[DemoTask]) -> None:
    """Write every step as an accepted transition, with the states and addresses that follow."""
    devices = {key: new_id() for task in tasks if (key := task.technician) is not None}
    await insert(
        Device,
        (
            {
                "account": tx.account,
                "id": device,
                "technician": ids.users[key],
                "name": "Téléphone",
                "credential_hash": digest(mint()),  # nobody has this credential
                "enrolled_at": tx.now - ENROLLED,
            }
            for key, device in devices.items()
        ),
    )
    steps = [(task, step) for task in tasks for step in task.steps]
    await insert(Transition, (_transition(tx, ids, devices, task, step) for task, step in steps))
    await tx.execute(_STATES, tx.account)
    await tx.execute(_ADDRESSES, tx.account)


def _transition(
    tx: Tx, ids: Ids, devices: dict[str, UUID], task: DemoTask, step: Step
) -> dict[str, Any]:
    # What a dispatcher records counts as the work of the assigned technician.
    technician = (task.technician or step.by) if step.by in OFFICE else step.by
    return {
        "account": tx.account,
        "id": step.id,
        "device": devices.get(step.by),
        "technician": ids.users[technician],
        "digest": hashlib.sha256(step.id.bytes).digest(),
        "arrived_at": step.received,
        "verdict": "accepted",
        "task": task.id,
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
        "type": ids.task_types[task.type],
        "customer": task.customer.id,
        "location": task.customer.location,
        "unit": ids.units[task.customer.site],
        "priority": task.priority,
        "reason": task.reason,
        "channel": task.channel,
        "account_manager": manager_of(ids, task),
        "tags": task.tags,
        "customer_tags": [],
    }
