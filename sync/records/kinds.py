"""Task types and states."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sync.database import Tx
from sync.feed.publish import Row, lock_head, touch, write
from sync.records.checks import Check, checked, flow, name, names, word
from sync.records.shapes import StatePut, StateRecord, TaskTypePut, TaskTypeRecord
from sync.records.storing import Store
from sync.work import State, TaskType

TASK_TYPE_CHECKS: Final[dict[str, Check]] = {
    "name": name,
    "external_id": name,
    "names": names,
    "flow": flow,
}
STATE_CHECKS: Final[dict[str, Check]] = {"code": word, "name": name, "names": names}

TASK_TYPES: Final = Store(TaskType, TaskTypeRecord, {"names": {}, "flow": {}})
STATES: Final = Store(State, StateRecord, {"names": {}}, key="code")

WITH_STATES: Final = """
SELECT DISTINCT technician FROM feed WHERE account = $1 AND kind = 'state' AND NOT deleted
ORDER BY technician
"""


async def put_states(tx: Tx, items: Sequence[StatePut]) -> list[str]:
    """Create or update states and give their codes; whoever has tasks gets them.

    :raises FieldError: a field cannot be kept.
    """
    changes = await STATES.put(tx, [checked(item, STATE_CHECKS) for item in items])
    await touch(tx, [("state", c.after.code) for c in changes if c.before and c.real])
    new = [change.after.code for change in changes if change.before is None]
    if new:
        await lock_head(tx)
        holders = await tx.fetch(WITH_STATES, tx.account)
        await write(tx, [Row(row["technician"], "state", code) for row in holders for code in new])
    return [change.after.code for change in changes]


async def put_task_types(tx: Tx, items: Sequence[TaskTypePut]) -> list[UUID]:
    """Create or update task types and give their ids; whoever has tasks of them gets them.

    :raises FieldError: a field cannot be kept.
    """
    changes = await TASK_TYPES.put(tx, [checked(item, TASK_TYPE_CHECKS) for item in items])
    await touch(tx, [("task_type", str(c.after.id)) for c in changes if c.before and c.real])
    return [change.after.id for change in changes]
