"""An account of any size, made by a few statements: what the benchmarks stand on."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access.principals import DEVICE_PREFIX
from sync import tokens
from sync.ids import new_account_number, new_id
from sync.messages import DeviceScope

LONG_AGO: Final = datetime(2009, 1, 1, tzinfo=UTC)
STATES: Final = {"100": "planned", "300": "active", "600": "done", "700": "closed"}

ACCOUNT: Final = "INSERT INTO account VALUES ($1, 'Bench', 'UTC', 'en_CA', 'resend', now())"
HEAD: Final = "INSERT INTO feed_head (account, epoch, position, pruned) VALUES ($1, 1, 0, 0)"
UNIT: Final = """
INSERT INTO unit (account, id, kind, name) VALUES ($1, $2, 'head_office', 'Head office')
"""
TYPE: Final = """
INSERT INTO task_type (account, id, name, names, flow) VALUES ($1, $2, 'Call', '{}', '{}')
"""
STATE: Final = """
INSERT INTO state (account, code, name, names, kind) VALUES ($1, $2::text, $2::text, '{}', $3)
"""

USER: Final = """
INSERT INTO app_user (account, id, unit, role, name, email, language, active, created_at)
VALUES ($1, $2::uuid, $3, 'technician', 'T', ($2::uuid)::text || '@bench.test', 'en_CA', true,
  now())
"""

DEVICE: Final = """
INSERT INTO device (account, id, technician, name, credential_hash, enrolled_at)
VALUES ($1, $2, $3, 'Phone', $4, now())
"""

CUSTOMERS: Final = """
INSERT INTO customer (account, id, name, email, language, tags, active, created_at)
SELECT $1, id, 'Customer', 'c' || id || '@bench.test', 'en_CA', '{}', true, now()
FROM unnest($2::uuid[]) AS id
"""

TASKS: Final = """
INSERT INTO task (account, id, type, initial_state, state, state_moment, customer, unit,
  technician, title, tags, created_at)
SELECT $1, id, $3, '100', '100', $6, id, $4, $5, 'Task', '{}', $6 FROM unnest($2::uuid[]) AS id
"""

TURNS: Final = """
INSERT INTO assignment (account, id, task, technician, start_at)
SELECT $1, gen_random_uuid(), id, $3, $4 FROM unnest($2::uuid[]) AS id
"""

FEED: Final = """
WITH things AS (
  SELECT kind, id, row_number() OVER () AS place
  FROM unnest($2::uuid[]) AS id, unnest(ARRAY['task', 'customer']) AS kind
), head AS (
  UPDATE feed_head SET position = position + (SELECT count(*) FROM things) WHERE account = $1
  RETURNING position - (SELECT count(*) FROM things) AS base
)
INSERT INTO feed (account, technician, kind, id, position, deleted, changed_at)
SELECT $1, $3, kind, id, base + place, false, now() FROM things, head
"""


class Crew(msgspec.Struct, frozen=True):
    """A technician's device, what it shows over HTTP, and the tasks it may move."""

    device: DeviceScope
    credential: str
    tasks: list[UUID]


class Ground(msgspec.Struct, frozen=True):
    """An account with its crews."""

    account: int
    unit: UUID
    task_type: UUID
    crews: list[Crew]


async def lay(owner: Any, crews: int, tasks: int) -> Ground:
    """An account of `crews` technicians, each with `tasks` tasks of a customer each.

    `owner`: a connection with the rights of the database's owner.
    """
    ground = Ground(new_account_number(), new_id(), new_id(), [])
    account = ground.account
    await owner.execute(ACCOUNT, account)
    await owner.execute(HEAD, account)
    await owner.execute(UNIT, account, ground.unit)
    await owner.execute(TYPE, account, ground.task_type)
    for code, kind in STATES.items():
        await owner.execute(STATE, account, code, kind)
    for _ in range(crews):
        ground.crews.append(await _crew(owner, ground, tasks))
    await owner.execute("ANALYZE")
    return ground


async def _crew(owner: Any, ground: Ground, count: int) -> Crew:
    technician, device, secret = new_id(), new_id(), tokens.mint()
    account = ground.account
    await owner.execute(USER, account, technician, ground.unit)
    await owner.execute(DEVICE, account, device, technician, tokens.digest(secret))
    tasks = [new_id() for _ in range(count)]
    await owner.execute(CUSTOMERS, account, tasks)
    await owner.execute(TASKS, account, tasks, ground.task_type, ground.unit, technician, LONG_AGO)
    await owner.execute(TURNS, account, tasks, technician, LONG_AGO)
    await owner.execute(FEED, account, tasks, technician)
    scope = DeviceScope(account, device, technician)
    return Crew(scope, DEVICE_PREFIX + tokens.write(account, secret), tasks)
