"""Is a transition a fact? Judged by what was so at its moment, not at its arrival."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from sync.database import Tx
from sync.intake.arrivals import Arrival
from sync.wire import Reason, VerdictName

LOCK_TASKS: Final = """
SELECT t.id, t.customer, t.initial_state, y.flow
FROM task t JOIN task_type y ON y.account = t.account AND y.id = t.type
WHERE t.account = $1 AND t.id = ANY($2) ORDER BY t.id FOR UPDATE OF t
"""

STATES: Final = "SELECT code FROM state WHERE account = $1 AND code = ANY($2)"

#: Both ends of a turn are part of it. A pool's turn is that of its unit and the units below.
AUTHORISED: Final = """
WITH RECURSIVE claim AS (
  SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::uuid[])
    AS c(id, task, moment, technician)
), above AS (
  SELECT id AS technician, unit FROM app_user
  WHERE account = $1 AND id IN (SELECT technician FROM claim)
  UNION
  SELECT above.technician, unit.parent FROM above
  JOIN unit ON unit.account = $1 AND unit.id = above.unit
  WHERE unit.parent IS NOT NULL
)
SELECT c.id FROM claim c
WHERE EXISTS (
  SELECT FROM assignment a
  WHERE a.account = $1 AND a.task = c.task
    AND a.start_at <= c.moment AND (a.end_at IS NULL OR a.end_at >= c.moment)
    AND (a.technician = c.technician
      OR (a.unit, c.technician) IN (SELECT unit, technician FROM above)))
"""

_read_flow: Final = msgspec.json.Decoder(dict[str, list[str]]).decode


class LockedTask(Struct, frozen=True):
    """What intake needs of a task whose row is locked. `flow`: next states by state."""

    customer: UUID | None
    initial_state: str
    flow: dict[str, list[str]]


class Judgement(Struct, frozen=True):
    """A verdict; `reason` where it is refused."""

    verdict: VerdictName
    reason: Reason | None = None


ACCEPTED: Final = Judgement("accepted")
PARKED: Final = Judgement("parked")
UNKNOWN_STATE: Final = Judgement("refused", "unknown_state")
NO_AUTHORITY: Final = Judgement("refused", "no_authority")


async def lock_tasks(tx: Tx, tasks: Collection[UUID]) -> dict[UUID, LockedTask]:
    """Those of `tasks` that exist, locked in the order of their ids."""
    flows: dict[str, dict[str, list[str]]] = {}
    locked: dict[UUID, LockedTask] = {}
    for row in await tx.fetch(LOCK_TASKS, tx.account, list(tasks)):
        text = row["flow"]
        if text not in flows:
            flows[text] = _read_flow(text)
        locked[row["id"]] = LockedTask(row["customer"], row["initial_state"], flows[text])
    return locked


async def known_states(tx: Tx, codes: Collection[str]) -> set[object]:
    """Those of `codes` that are states of the account."""
    return _column(await tx.fetch(STATES, tx.account, list(codes)))


async def judge(
    tx: Tx, claims: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Judgement]:
    """A judgement for each of `claims`; their tasks are locked as far as they exist."""
    states = await known_states(tx, {claim.body.state for claim in claims})
    authorised = _column(
        await tx.fetch(
            AUTHORISED,
            tx.account,
            [claim.id for claim in claims],
            [claim.task for claim in claims],
            [claim.body.moment for claim in claims],
            [claim.technician for claim in claims],
        )
    )
    return [_judgement(claim, tasks, states, authorised) for claim in claims]


def _judgement(
    claim: Arrival,
    tasks: Mapping[UUID, LockedTask],
    states: Collection[object],
    authorised: Collection[object],
) -> Judgement:
    if claim.body.state not in states:
        return UNKNOWN_STATE
    if claim.task not in tasks:
        return PARKED
    return ACCEPTED if claim.id in authorised else NO_AUTHORITY


def _column(rows: list[asyncpg.Record]) -> set[object]:
    return {row[0] for row in rows}
