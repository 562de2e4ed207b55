"""Is a transition a fact? Judged by what was so at its moment, not at its arrival."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from rules.facts import Transition
from sync.database import Tx
from sync.intake.incoming import Arrival
from sync.messages import Reason, VerdictName

#: `state_moment`: at which the step counts that gives the task its state, whatever it says itself.
LOCK_TASKS: Final = "SELECT * FROM task_lock($1, $2)"

STATES: Final = "SELECT code FROM state WHERE account = $1 AND code = ANY($2)"

#: The places, from 1 on, of those who had the task at the moment. Both ends of a turn are part of
#: it. A pool's turn is that of its unit and the units below.
CLAIMS: Final = """
WITH RECURSIVE above AS (
  SELECT id AS technician, unit FROM app_user WHERE account = $1 AND id = ANY($5::uuid[])
  UNION
  SELECT above.technician, unit.parent FROM above
  JOIN unit ON unit.account = $1 AND unit.id = above.unit
  WHERE unit.parent IS NOT NULL
)
SELECT ARRAY(SELECT code FROM state WHERE account = $1 AND code = ANY($2)) AS known, ARRAY(
  SELECT c.place FROM unnest($3::uuid[], $4::timestamptz[], $5::uuid[])
    WITH ORDINALITY AS c(task, moment, technician, place)
  WHERE (
    SELECT true FROM assignment a
    WHERE a.account = $1 AND a.task = c.task
      AND a.start_at <= c.moment AND (a.end_at IS NULL OR a.end_at >= c.moment)
      AND (a.technician = c.technician
        OR (a.unit, c.technician) IN (SELECT unit, technician FROM above))
    LIMIT 1)
) AS authorised
"""

_read_flow: Final = msgspec.json.Decoder(dict[str, list[str]]).decode


class LockedTask(Struct, frozen=True):
    """What intake needs of a task whose row is locked. `flow`: next states by state.

    `last`: the step that gives the task its state, at the moment at which it counts.
    """

    type: UUID
    customer: UUID | None
    initial_state: str
    flow: dict[str, list[str]]
    last: Transition | None


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
        task = LockedTask(
            row["type"], row["customer"], row["initial_state"], flows[text], _last(row)
        )
        locked[row["id"]] = task
    return locked


def _last(row: asyncpg.Record) -> Transition | None:
    if row["step"] is None:
        return None
    return Transition(
        row["step"],
        row["step_type"],
        row["state"],
        row["state_moment"],
        row["sequence"],
        row["received_at"],
        row["survey"],
        device=row["device"],
    )


async def known_states(tx: Tx, codes: Collection[str]) -> set[str]:
    """Those of `codes` that are states of the account."""
    return {row["code"] for row in await tx.fetch(STATES, tx.account, list(codes))}


async def judge(
    tx: Tx, claims: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Judgement]:
    """A judgement for each of `claims`; their tasks are locked."""
    found = await tx.fetchrow(
        CLAIMS,
        tx.account,
        {claim.body.state for claim in claims},
        [claim.task for claim in claims],
        [claim.body.moment for claim in claims],
        [claim.technician for claim in claims],
    )
    assert found is not None  # noqa: S101 - arrays are one row
    known, authorised = set(found["known"]), set(found["authorised"])
    return [
        _judgement(claim.body.state in known, claim.task in tasks, place in authorised)
        for place, claim in enumerate(claims, 1)
    ]


def _judgement(known: bool, placed: bool, authorised: bool) -> Judgement:
    """`known`: whether the state is one of the account's, `placed`: whether the task exists."""
    if not known:
        return UNKNOWN_STATE
    if not placed:
        return PARKED
    return ACCEPTED if authorised else NO_AUTHORITY
