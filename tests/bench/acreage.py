"""Large grounds: accounts of any number and size, laid by one statement a table.

Keys between tables are not checked meanwhile (these statements keep them): that is most of the
time that a million tasks would take.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import astuple

from mail.campaigns.formats import split
from sync.ids import new_account_number
from sync.messages import DeviceScope
from tests.bench.deciding import REVISION
from tests.bench.ground import ACCOUNT, LONG_AGO, STATES
from tests.support.surveys import survey

UNITS: Final = """
INSERT INTO unit (account, id, kind, name)
SELECT account, uuidv7(), 'head_office', 'Head office' FROM account
"""
TYPES: Final = """
INSERT INTO task_type (account, id, name, names, flow)
SELECT account, uuidv7(), 'Call', '{}', '{}' FROM account
"""
STATES_OF_ALL: Final = """
INSERT INTO state (account, code, name, names, kind)
SELECT account, code, code, '{}', kind FROM account, unnest($1::text[], $2::text[]) AS s(code, kind)
"""
USERS: Final = """
INSERT INTO app_user (account, id, unit, role, name, email, language, active, created_at)
SELECT account, uuidv7(), id, 'technician', 'T', gen_random_uuid() || '@bench.test', 'en_CA', true,
  $2 FROM unit, generate_series(1, $1::int)
"""
DEVICES: Final = """
INSERT INTO device (account, id, technician, name, credential_hash, enrolled_at)
SELECT account, uuidv7(), id, 'Phone', sha256(id::text::bytea), $1 FROM app_user
"""

#: Which technician holds which task. A task's id is its customer's and its transition's too.
HELD: Final = """
CREATE TEMP TABLE held (account bigint, technician uuid, unit uuid, type uuid, id uuid, place int)
"""
HOLD: Final = """
INSERT INTO held
SELECT account, u.id, u.unit, t.id, uuidv7(), row_number() OVER (PARTITION BY account)
FROM app_user u JOIN task_type t USING (account), generate_series(1, $1::int)
"""

CUSTOMERS: Final = """
INSERT INTO customer (account, id, name, email, phone, language, tags, active, created_at)
SELECT account, id, 'Customer ' || lpad(place::text, 7, '0'), 'c' || id || '@bench.test',
  '418 ' || lpad(place::text, 7, '0'), 'en_CA', '{}', true, $1 FROM held
"""
TASKS: Final = """
INSERT INTO task (account, id, type, initial_state, state, state_moment, state_transition,
  customer, unit, technician, title, tags, created_at)
SELECT account, id, type, '100', '600', $1, id, id, unit, technician,
  'Task' || CASE WHEN place % 10 < 3 THEN ' often' ELSE '' END
    || CASE WHEN place % 100 = 0 THEN ' seldom' ELSE '' END, '{}', $1 FROM held
"""
TURNS: Final = """
INSERT INTO assignment (account, id, task, technician, start_at)
SELECT account, id, id, technician, $1 FROM held
"""
TRANSITIONS: Final = """
INSERT INTO transition (account, id, digest, arrived_at, verdict, task, state, moment, sequence,
  device_moment, received_at, technician, survey, unexpected, type, unit, tags, customer_tags)
SELECT account, id, '', $1, 'accepted', id, '600', $1, 1, $1, $1, technician, true, false, type,
  unit, '{}', '{}' FROM held
"""
FEED: Final = """
INSERT INTO feed (account, technician, kind, id, position, deleted, changed_at)
SELECT account, technician, kind, id::text, 2 * place - before, false, $1
FROM held, (VALUES ('customer', 1), ('task', 0)) AS k(kind, before)
"""
HEADS: Final = """
INSERT INTO feed_head (account, epoch, position, pruned)
SELECT account, 1, 2 * count(*), 0 FROM held GROUP BY account
"""

#: No trigger writes them while keys are not checked.
TEXTS: Final = """
INSERT INTO searched_text
SELECT account, 'task', id, text_to_search(t) FROM task t
UNION ALL SELECT account, 'customer', id, text_to_search(c) FROM customer c
UNION ALL SELECT account, 'task_type', id, text_to_search(y) FROM task_type y
ON CONFLICT DO NOTHING
"""

#: `seen`: a place in the feed with so many changes behind it.
PARTIES: Final = """
SELECT d.account, d.id AS device, d.technician,
  array(SELECT f.id::uuid FROM feed f
    WHERE f.account = d.account AND f.technician = d.technician AND f.kind = 'task') AS tasks,
  (SELECT f.position FROM feed f
    WHERE f.account = d.account AND f.technician = d.technician
    ORDER BY f.position DESC OFFSET $2 LIMIT 1) AS seen
FROM (SELECT * FROM device ORDER BY random() LIMIT $1) AS d
"""

#: `due` invitations of each account, of random tasks and to as many addresses.
DUE: Final = """
CREATE TEMP TABLE due (account bigint, id uuid, technician uuid, campaign uuid)
"""
PICK: Final = """
INSERT INTO due
SELECT h.account, h.id, h.technician, c.id
FROM (
  SELECT *, row_number() OVER (PARTITION BY account ORDER BY random()) AS turn FROM held
) AS h JOIN campaign c USING (account)
WHERE h.turn <= $1
"""
CAMPAIGN: Final = """
INSERT INTO campaign (account, id, name, status, version, activated_at, created_at)
VALUES ($1, $2, 'Campaign', 'active', 1, $3, $3)
"""
VERSION: Final = """
INSERT INTO campaign_version (account, campaign, version, rules, content, format, created_at)
VALUES ($1, $2, 1, $3, $4, $5, $6)
"""
INVITATIONS: Final = """
INSERT INTO invitation (account, id, campaign, version, kind, task, round, transition, technician,
  manual, status, due, release, address_by_technician, created_at)
SELECT account, id, campaign, 1, 'task', id, 1, id, technician, false, 'scheduled', now(), now(),
  false, now()
FROM due
"""
OUTBOX: Final = """
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent)
SELECT account, id, now(), now(), 'waiting', 'first', 0, false FROM due
"""


class Party(msgspec.Struct, frozen=True):
    """A technician's device, the tasks it may move, and how far it has read its feed."""

    device: DeviceScope
    tasks: list[UUID]
    seen: int


async def lay_acreage(owner: Any, accounts: int, crews: int, tasks: int, due: int) -> None:
    """`accounts` accounts of `crews` technicians with `tasks` tasks each, in an empty database.

    Every task has a customer of its own, named and called by a number of seven digits from 1 on,
    and one transition, to 600; of the titles 30 % say "often" and 1 % "seldom"; of each account
    `due` wait for their mail. `owner`: a superuser's connection, which checks keys again
    afterwards.
    """
    await owner.execute("SET session_replication_role = replica")
    await owner.executemany(ACCOUNT, [(new_account_number(),) for _ in range(accounts)])
    await owner.execute(UNITS)
    await owner.execute(TYPES)
    await owner.execute(STATES_OF_ALL, list(STATES), list(STATES.values()))
    await owner.execute(USERS, crews, LONG_AGO)
    await owner.execute(DEVICES, LONG_AGO)
    await owner.execute(HELD)
    await owner.execute(HOLD, tasks)
    for rows in (CUSTOMERS, TASKS, TURNS, TRANSITIONS, FEED):
        await owner.execute(rows, LONG_AGO)
    await owner.execute(TEXTS)
    await owner.execute(HEADS)
    await _lay_queue(owner, due)
    await owner.execute("RESET session_replication_role")
    await owner.execute("VACUUM ANALYZE")


async def _lay_queue(owner: Any, due: int) -> None:
    types = await owner.fetch("SELECT account, id FROM task_type")
    await owner.executemany(CAMPAIGN, [(row["account"], row["id"], LONG_AGO) for row in types])
    said = [astuple(split(survey(row["id"], ["600"], "How was it?"))) for row in types]
    versions = [
        (row["account"], row["id"], *one, LONG_AGO) for row, one in zip(types, said, strict=True)
    ]
    await owner.executemany(VERSION, versions)
    await owner.executemany(REVISION, [(row["account"],) for row in types])
    await owner.execute(DUE)
    await owner.execute(PICK, due)
    await owner.execute(INVITATIONS)
    await owner.execute(OUTBOX)


async def parties(owner: Any, most: int, behind: int) -> list[Party]:
    """At most `most` technicians of all accounts, picked at random, `behind` changes behind."""
    return [
        Party(
            DeviceScope(row["account"], row["device"], row["technician"]),
            row["tasks"],
            row["seen"],
        )
        for row in await owner.fetch(PARTIES, most, behind)
    ]
