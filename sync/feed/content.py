"""What the things in a feed look like now, read when they are pulled."""

from collections.abc import Callable, Iterable
from typing import Final

import asyncpg
import msgspec

from sync.database import Tx
from sync.feed.changes import (
    Change,
    CustomerChange,
    LocationChange,
    StateChange,
    TaskChange,
    TaskTypeChange,
)

#: Columns in the order of the fields of the change; ids are compared as what they are.
TASKS: Final = """
SELECT id::text, external_id, title, type::text, state, state_moment, customer::text,
  location::text, unit::text, technician::text, contact_email, priority, reason, channel, tags,
  scheduled_at, created_at
FROM task WHERE account = $1 AND id = ANY($2::uuid[])
"""
CUSTOMERS: Final = """
SELECT id::text, external_id, name, email, phone, language
FROM customer WHERE account = $1 AND id = ANY($2::uuid[])
"""
LOCATIONS: Final = """
SELECT id::text, external_id, customer::text, name, address, email, phone, zone
FROM location WHERE account = $1 AND id = ANY($2::uuid[])
"""
TASK_TYPES: Final = """
SELECT id::text, name, names, flow FROM task_type WHERE account = $1 AND id = ANY($2::uuid[])
"""
STATES: Final = """
SELECT code, name, names, kind FROM state WHERE account = $1 AND code = ANY($2::text[])
"""

_read_names = msgspec.json.Decoder(dict[str, str]).decode
_read_flow = msgspec.json.Decoder(dict[str, list[str]]).decode


def _task_type(type_id: str, name: str, names: str, flow: str) -> TaskTypeChange:
    return TaskTypeChange(type_id, name, _read_names(names), _read_flow(flow))


def _state(code: str, name: str, names: str, kind: str) -> StateChange:
    return StateChange(code, name, _read_names(names), kind)


SOURCES: Final[dict[str, tuple[str, Callable[..., Change]]]] = {
    "task": (TASKS, TaskChange),
    "customer": (CUSTOMERS, CustomerChange),
    "location": (LOCATIONS, LocationChange),
    "task_type": (TASK_TYPES, _task_type),
    "state": (STATES, _state),
}


async def read_content(tx: Tx, rows: Iterable[asyncpg.Record]) -> dict[tuple[str, str], Change]:
    """The content of the feed `rows` that are not deleted, by kind and id."""
    ids: dict[str, list[str]] = {}
    for row in rows:
        if not row["deleted"]:
            ids.setdefault(row["kind"], []).append(row["id"])
    content: dict[tuple[str, str], Change] = {}
    for kind, wanted in ids.items():
        sql, shape = SOURCES[kind]
        for record in await tx.fetch(sql, tx.account, wanted):
            content[kind, record[0]] = shape(*record)
    return content
