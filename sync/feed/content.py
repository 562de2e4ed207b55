"""What the things in a feed look like now, read when they are pulled."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import asyncpg
import msgspec

from sync.database import Tx
from sync.feed.changes import (
    MOST_STEPS,
    Ask,
    Change,
    CustomerChange,
    LocationChange,
    StateChange,
    Step,
    TaskChange,
    TaskTypeChange,
    VerdictChange,
)

#: Columns in the order of the fields of the change; ids are compared as what they are.
TASKS: Final = """
SELECT id::text, external_id, title, type::text, state, state_moment, customer::text,
  location::text, unit::text, technician::text, contact_email, priority, reason, channel, tags,
  scheduled_at, created_at, state_transition IS NOT NULL AS moved
FROM task WHERE account = $1 AND id = ANY($2::uuid[])
"""
STEPS: Final = """
SELECT t.task::text, t.id::text, t.state, t.moment, u.name, t.note, t.survey
FROM unnest($2::uuid[]) AS wanted(task)
CROSS JOIN LATERAL (
  SELECT * FROM transition n WHERE n.account = $1 AND n.task = wanted.task
  ORDER BY n.moment DESC, n.sequence DESC, n.id DESC LIMIT $3) t
JOIN app_user u ON u.account = $1 AND u.id = coalesce(t.by, t.technician)
ORDER BY t.task, t.moment, t.sequence, t.id
"""
CUSTOMERS: Final = """
SELECT id::text, external_id, name, email, billing_email, phone, language
FROM customer WHERE account = $1 AND id = ANY($2::uuid[])
"""
LOCATIONS: Final = """
SELECT id::text, external_id, customer::text, name, address, email, phone, zone
FROM location WHERE account = $1 AND id = ANY($2::uuid[])
"""
TASK_TYPES: Final = """
SELECT id::text, name, names, flow, coalesce(asks, '[]') AS asks
FROM task_type WHERE account = $1 AND id = ANY($2::uuid[])
"""
STATES: Final = """
SELECT code, name, names, kind FROM state WHERE account = $1 AND code = ANY($2::text[])
"""
VERDICTS: Final = """
SELECT v.id::text, v.task::text, coalesce(t.state, v.body ->> 'state'),
  coalesce(t.moment, (v.body ->> 'moment')::timestamptz), v.verdict, v.reason
FROM verdict v LEFT JOIN transition t ON t.account = v.account AND t.id = v.id
WHERE v.account = $1 AND v.id = ANY($2::uuid[])
"""

_read_names = msgspec.json.Decoder(dict[str, str]).decode
_read_flow = msgspec.json.Decoder(dict[str, list[str]]).decode
_task: Final[Callable[..., Change]] = TaskChange
_read_asks = msgspec.json.Decoder(list[Ask]).decode

#: Content by id.
Found: TypeAlias = dict[str, Change]


async def read_content(tx: Tx, rows: Iterable[asyncpg.Record]) -> dict[tuple[str, str], Change]:
    """The content of the feed `rows` that are not deleted, by kind and id."""
    ids: dict[str, list[str]] = {}
    for row in rows:
        if not row["deleted"]:
            ids.setdefault(row["kind"], []).append(row["id"])
    content: dict[tuple[str, str], Change] = {}
    for kind, wanted in ids.items():
        found = await SOURCES[kind](tx, wanted)
        content.update(((kind, one), change) for one, change in found.items())
    return content


def _plain(sql: str, shape: Callable[..., Change]) -> Callable[[Tx, list[str]], Awaitable[Found]]:
    async def read(tx: Tx, ids: list[str]) -> Found:
        return {record[0]: shape(*record) for record in await tx.fetch(sql, tx.account, ids)}

    return read


async def _tasks(tx: Tx, ids: list[str]) -> Found:
    records = await tx.fetch(TASKS, tx.account, ids)
    pasts: dict[str, list[Step]] = {}
    moved = [record[0] for record in records if record["moved"]]
    if moved:
        for task, *step in await tx.fetch(STEPS, tx.account, moved, MOST_STEPS):
            pasts.setdefault(task, []).append(Step(*step))
    return {task: _task(task, *fields, pasts.get(task, [])) for task, *fields, _ in records}


def _task_type(type_id: str, name: str, names: str, flow: str, asks: str) -> TaskTypeChange:
    return TaskTypeChange(type_id, name, _read_names(names), _read_flow(flow), _read_asks(asks))


def _state(code: str, name: str, names: str, kind: str) -> StateChange:
    return StateChange(code, name, _read_names(names), kind)


SOURCES: Final[dict[str, Callable[[Tx, list[str]], Awaitable[Found]]]] = {
    "task": _tasks,
    "customer": _plain(CUSTOMERS, CustomerChange),
    "location": _plain(LOCATIONS, LocationChange),
    "task_type": _plain(TASK_TYPES, _task_type),
    "state": _plain(STATES, _state),
    "verdict": _plain(VERDICTS, VerdictChange),
}
