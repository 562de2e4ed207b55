"""Task types and states."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from sync.database import Tx
from sync.feed.changes import Ask
from sync.feed.publish import Row, lock_head, touch, write
from sync.intake.verdicts import known_states
from sync.records.checks import Check, checked_all, flow, name, names, word
from sync.records.shapes import StatePut, StateRecord, TaskTypePut, TaskTypeRecord
from sync.records.storing import Store, unknown
from sync.tables.work import State, TaskType

TASK_TYPE_CHECKS: Final[dict[str, Check]] = {
    "name": name,
    "external_id": name,
    "names": names,
    "flow": flow,
}
STATE_CHECKS: Final[dict[str, Check]] = {"code": word, "name": name, "names": names}

TASK_TYPES: Final = Store("task_type", TaskType, TaskTypeRecord, {"names": {}, "flow": {}})
STATES: Final = Store("state", State, StateRecord, {"names": {}}, key="code")

WITH_STATES: Final = """
SELECT DISTINCT technician FROM feed WHERE account = $1 AND kind = 'state' AND NOT deleted
ORDER BY technician
"""

#: Writes only what differs; types that no campaign asks about have null.
SET_ASKS: Final = """
UPDATE task_type t SET asks = n.asks
FROM unnest($2::uuid[], $3::jsonb[]) AS n(id, asks)
WHERE t.account = $1 AND t.id = n.id AND t.asks IS DISTINCT FROM n.asks
RETURNING t.id
"""
TYPES: Final = "SELECT id FROM task_type WHERE account = $1 ORDER BY id FOR NO KEY UPDATE"


async def put_states(tx: Tx, items: Sequence[StatePut]) -> list[str]:
    """Create or update states and return their codes; all feeds with tasks get them.

    :raises FieldError: a value is invalid.
    """
    changes = await STATES.put(tx, checked_all(items, STATE_CHECKS))
    await touch(tx, [("state", c.after.code) for c in changes if c.before and c.real])
    new = [change.after.code for change in changes if change.before is None]
    if new:
        await lock_head(tx)
        feeds = await tx.fetch(WITH_STATES, tx.account)
        await write(tx, [Row(row["technician"], "state", code) for row in feeds for code in new])
    return [change.after.code for change in changes]


async def put_task_types(tx: Tx, items: Sequence[TaskTypePut]) -> list[UUID]:
    """Create or update task types and return their ids; feeds that contain one get it anew.

    :raises FieldError: a value is invalid.
    :raises UnknownReferenceError: a flow names a state that the account does not have.
    """
    drafts = checked_all(items, TASK_TYPE_CHECKS)
    codes: list[set[str]] = []
    for draft in drafts:
        given = draft.get("flow", {})
        codes.append(set(given).union(*given.values()))
    known = await known_states(tx, set().union(*codes))
    for item, draft in enumerate(drafts):
        if not codes[item] <= known:
            raise unknown("flow").of(item, draft.get("external_id"))
    changes = await TASK_TYPES.put(tx, drafts)
    await touch(tx, [("task_type", str(c.after.id)) for c in changes if c.before and c.real])
    return [change.after.id for change in changes]


async def set_asks(tx: Tx, asks: Mapping[UUID, Sequence[Ask]]) -> None:
    """Store what campaigns ask, by task type; other types of the account get nothing.

    Feeds that contain a type that changed get it anew.
    """
    types = [row["id"] for row in await tx.fetch(TYPES, tx.account)]
    texts = [
        msgspec.json.encode(asks[task_type]).decode() if asks.get(task_type) else None
        for task_type in types
    ]
    changed = await tx.fetch(SET_ASKS, tx.account, types, texts)
    await touch(tx, [("task_type", str(row["id"])) for row in changed])
