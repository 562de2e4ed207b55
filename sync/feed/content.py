"""What the things in a feed look like now, read when they are pulled."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from rules.history import ordered
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
from sync.feed.dialling import call_link
from sync.intake.order import read_histories

#: Numbers that are read before everybody else has a turn: up to a tenth of a millisecond each.
AT_ONCE: Final = 100

#: Columns are named as the fields of the change; ids are compared as what they are.
TASKS: Final = """
SELECT id::text, external_id, title, type::text, state, state_moment, customer::text,
  location::text, unit::text, technician::text, contact_email, priority, reason, channel, tags,
  scheduled_at, created_at, state_transition IS NOT NULL AS moved
FROM task WHERE account = $1 AND id = ANY($2::uuid[])
"""
STEPS: Final = """
SELECT t.id, t.task::text, u.name, t.note
FROM transition t JOIN app_user u ON u.account = $1 AND u.id = coalesce(t.by, t.technician)
WHERE t.account = $1 AND t.id = ANY($2::uuid[])
"""
CUSTOMERS: Final = """
SELECT id::text, external_id, name, email, billing_email, phone, language,
  phone AS called, (SELECT a.zone FROM account a WHERE a.account = $1) AS called_from
FROM customer WHERE account = $1 AND id = ANY($2::uuid[])
"""
LOCATIONS: Final = """
SELECT id::text, external_id, customer::text, name, address, email, phone, zone,
  phone AS called,
  coalesce(zone, (SELECT a.zone FROM account a WHERE a.account = $1)) AS called_from
FROM location WHERE account = $1 AND id = ANY($2::uuid[])
"""
TASK_TYPES: Final = """
SELECT id::text, name, names, flow, coalesce(asks, '[]') AS asks
FROM task_type WHERE account = $1 AND id = ANY($2::uuid[])
"""
STATES: Final = """
SELECT code AS id, name, names, kind AS state_kind FROM state
WHERE account = $1 AND code = ANY($2::text[])
"""
VERDICTS: Final = """
SELECT id::text AS stored, coalesce(spelling, id::text) AS id,
  coalesce(task, pushed_task)::text AS task, coalesce(state, body ->> 'state') AS state,
  coalesce(moment, (body ->> 'moment')::timestamptz) AS moment, verdict, refusal AS reason
FROM transition WHERE account = $1 AND id = ANY($2::uuid[])
"""

_read_names = msgspec.json.Decoder(dict[str, str]).decode
_read_flow = msgspec.json.Decoder(dict[str, list[str]]).decode
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


def _check_columns(records: Sequence[asyncpg.Record], fields: Sequence[str]) -> None:
    """Columns are handed over by place, a quarter of a pull faster than by name: see that they fit.

    :raises TypeError: the statement does not name its columns as `fields`, in their order.
    """
    if records and list(records[0].keys()) != list(fields):
        raise TypeError(f"columns {list(records[0].keys())} are not the fields {list(fields)}")


def _plain(sql: str, shape: Callable[..., Change]) -> Callable[[Tx, list[str]], Awaitable[Found]]:
    async def read(tx: Tx, ids: list[str]) -> Found:
        return {record["id"]: shape(**record) for record in await tx.fetch(sql, tx.account, ids)}

    return read


def _with_call(
    sql: str, shape: type[CustomerChange] | type[LocationChange]
) -> Callable[[Tx, list[str]], Awaitable[Found]]:
    """The last columns, `called`, a phone, and `called_from`, a zone, become what is dialled."""
    columns = [*shape.__struct_fields__[:-1], "called", "called_from"]
    make: Callable[..., Change] = shape

    async def read(tx: Tx, ids: list[str]) -> Found:
        records = await tx.fetch(sql, tx.account, ids)
        _check_columns(records, columns)
        found: Found = {}
        for place, record in enumerate(records, start=1):
            *fields, phone, zone = record
            found[fields[0]] = make(*fields, call_link(phone, zone) if phone else None)
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    return read


_TASK_COLUMNS: Final = (*TaskChange.__struct_fields__[:-1], "moved")
_task: Final[Callable[..., Change]] = TaskChange


async def _tasks(tx: Tx, ids: list[str]) -> Found:
    records = await tx.fetch(TASKS, tx.account, ids)
    _check_columns(records, _TASK_COLUMNS)
    pasts = await _pasts(tx, [UUID(record["id"]) for record in records if record["moved"]])
    return {record["id"]: _task(*record[:-1], pasts.get(record["id"], [])) for record in records}


async def _pasts(tx: Tx, moved: list[UUID]) -> dict[str, list[Step]]:
    """The last steps of tasks, at the moments at which they count, in their order."""
    if not moved:
        return {}
    histories = await read_histories(tx, moved)
    last = [one for history in histories.values() for one in ordered(history)[-MOST_STEPS:]]
    told = await tx.fetch(STEPS, tx.account, [one.id for one in last])
    rows = {row["id"]: row for row in told}
    pasts: dict[str, list[Step]] = {}
    for one in last:
        row = rows[one.id]
        step = Step(str(one.id), one.state, one.moment, row["name"], row["note"], one.survey)
        pasts.setdefault(row["task"], []).append(step)
    return pasts


async def _verdicts(tx: Tx, ids: list[str]) -> Found:
    records = await tx.fetch(VERDICTS, tx.account, ids)
    found: Found = {}
    for record in records:
        told = dict(record)
        stored = told.pop("stored")
        found[stored] = VerdictChange(**told)
    return found


def _task_type(names: str, flow: str, asks: str, **told: Any) -> TaskTypeChange:
    return TaskTypeChange(
        **told, names=_read_names(names), flow=_read_flow(flow), asks=_read_asks(asks)
    )


def _state(names: str, **told: Any) -> StateChange:
    return StateChange(**told, names=_read_names(names))


SOURCES: Final[dict[str, Callable[[Tx, list[str]], Awaitable[Found]]]] = {
    "task": _tasks,
    "customer": _with_call(CUSTOMERS, CustomerChange),
    "location": _with_call(LOCATIONS, LocationChange),
    "task_type": _plain(TASK_TYPES, _task_type),
    "state": _plain(STATES, _state),
    "verdict": _verdicts,
}
