"""The content of feed rows, read when they are pulled: each is the record as it is now."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeAlias
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
from sync.intake.histories import read_histories

#: Phone numbers that are parsed before other tasks of the event loop run; each may take 0.1 ms.
AT_ONCE: Final = 100

#: Columns are named as the fields of the change. Ids are compared as uuid and returned as text.
TASKS: Final = """
SELECT id::text, external_id, title, type::text, state, state_moment, customer::text,
  location::text, unit::text, technician::text, contact_email, priority, reason, channel,
  account_manager::text, tags, scheduled_at, created_at, round_opened_at,
  coalesce(sent_by_hand, '{}')::text[] AS sent_by_hand, state_transition IS NOT NULL AS moved
FROM task WHERE account = $1 AND id = ANY($2::uuid[])
"""
STEPS: Final = """
SELECT t.id, t.task::text, u.name, t.note
FROM transition t JOIN app_user u ON u.account = $1 AND u.id = coalesce(t.by, t.technician)
WHERE t.account = $1 AND t.id = ANY($2::uuid[])
"""
CUSTOMERS: Final = """
SELECT id::text, external_id, name, email, billing_email, phone, language, tags,
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
SELECT id::text AS key, id::text, name, names, flow, coalesce(asks, '[]') AS asks
FROM task_type WHERE account = $1 AND id = ANY($2::uuid[])
"""
STATES: Final = """
SELECT code AS key, code AS id, name, names, kind AS state_kind FROM state
WHERE account = $1 AND code = ANY($2::text[])
"""
VERDICTS: Final = """
SELECT id::text AS key, coalesce(spelling, id::text) AS id,
  coalesce(task, pushed_task)::text AS task, coalesce(state, body ->> 'state') AS state,
  coalesce(moment, (body ->> 'moment')::timestamptz) AS moment, verdict, refusal AS reason
FROM transition WHERE account = $1 AND id = ANY($2::uuid[])
"""

_read_names = msgspec.json.Decoder(dict[str, str]).decode
_read_flow = msgspec.json.Decoder(dict[str, list[str]]).decode
_read_asks = msgspec.json.Decoder(list[Ask]).decode

#: Changes by the id of their feed row.
Found: TypeAlias = dict[str, Change]


async def read_content(tx: Tx, rows: Iterable[asyncpg.Record]) -> dict[tuple[str, str], Change]:
    """Return the content of those feed `rows` that are not deleted, by kind and id."""
    ids: dict[str, list[str]] = {}
    for row in rows:
        if not row["deleted"]:
            ids.setdefault(row["kind"], []).append(row["id"])
    content: dict[tuple[str, str], Change] = {}
    for kind, wanted in ids.items():
        found = await SOURCES[kind](tx, wanted)
        content.update(((kind, id_), change) for id_, change in found.items())
    return content


def _check_columns(rows: Sequence[asyncpg.Record], fields: Sequence[str]) -> None:
    """Check that the columns of `rows` are `fields`, in this order.

    Records are converted by position, which makes a pull a quarter faster than by name.

    :raises TypeError: they are not.
    """
    if rows and list(rows[0].keys()) != list(fields):
        raise TypeError(f"columns {list(rows[0].keys())} are not the fields {list(fields)}")


def _by_name(
    sql: str, shape: Callable[..., Change], **decoders: Callable[[str], object]
) -> Callable[[Tx, list[str]], Awaitable[Found]]:
    """Return a reader of rows with a column `key`, the id of the feed row, and those of `shape`.

    `decoders`: of columns that are JSON.
    """

    async def read(tx: Tx, ids: list[str]) -> Found:
        found: Found = {}
        for row in await tx.fetch(sql, tx.account, ids):
            columns = dict(row)
            key = columns.pop("key")
            for name, decode in decoders.items():
                columns[name] = decode(columns[name])
            found[key] = shape(**columns)
        return found

    return read


def _with_call(
    sql: str, shape: type[CustomerChange] | type[LocationChange]
) -> Callable[[Tx, list[str]], Awaitable[Found]]:
    """Return a reader that makes `call` of the last two columns, `called` and `called_from`.

    `called`: a phone number as typed. `called_from`: an IANA zone.
    """
    columns = [*shape.__struct_fields__[:-1], "called", "called_from"]
    make: Callable[..., Change] = shape

    async def read(tx: Tx, ids: list[str]) -> Found:
        rows = await tx.fetch(sql, tx.account, ids)
        _check_columns(rows, columns)
        found: Found = {}
        for number, row in enumerate(rows, start=1):
            *fields, phone, zone = row
            found[fields[0]] = make(*fields, call_link(phone, zone) if phone else None)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    return read


_TASK_COLUMNS: Final = (*TaskChange.__struct_fields__[:-1], "moved")
_make_task: Final[Callable[..., Change]] = TaskChange


async def _read_tasks(tx: Tx, ids: list[str]) -> Found:
    """Read tasks, with their last transitions by order and effective moments."""
    rows = await tx.fetch(TASKS, tx.account, ids)
    _check_columns(rows, _TASK_COLUMNS)
    moved = [UUID(row["id"]) for row in rows if row["moved"]]
    histories = await read_histories(tx, moved) if moved else {}
    last = [step for history in histories.values() for step in ordered(history)[-MOST_STEPS:]]
    found = await tx.fetch(STEPS, tx.account, [step.id for step in last]) if last else []
    texts = {row["id"]: row for row in found}
    steps: dict[str, list[Step]] = {}
    for fact in last:
        text = texts[fact.id]
        step = Step(str(fact.id), fact.state, fact.moment, text["name"], text["note"], fact.survey)
        steps.setdefault(text["task"], []).append(step)
    return {row["id"]: _make_task(*row[:-1], steps.get(row["id"], [])) for row in rows}


SOURCES: Final[dict[str, Callable[[Tx, list[str]], Awaitable[Found]]]] = {
    "task": _read_tasks,
    "customer": _with_call(CUSTOMERS, CustomerChange),
    "location": _with_call(LOCATIONS, LocationChange),
    "task_type": _by_name(
        TASK_TYPES, TaskTypeChange, names=_read_names, flow=_read_flow, asks=_read_asks
    ),
    "state": _by_name(STATES, StateChange, names=_read_names),
    "verdict": _by_name(VERDICTS, VerdictChange),
}
