"""Verdicts on transitions: stored ones, which a replay gets again, and the judgement on new ones.

It locks the tasks and reads the states that it judges by; editing records does the same here.

A transition is judged by the assignments at its moment, not at its reception.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from rules.history import Transition
from sync.database import Tx
from sync.intake.incoming import Arrival
from sync.messages import Reason, Result, VerdictName

STORED: Final = """
SELECT id, device, technician, digest, verdict, refusal FROM transition
WHERE account = $1 AND id = ANY($2)
"""

#: `state_moment`: the effective moment of the transition that gives the task its state.
LOCK_TASKS: Final = "SELECT * FROM task_lock($1, $2)"

STATES: Final = "SELECT code FROM state WHERE account = $1 AND code = ANY($2)"

#: Which states exist, and the numbers (from 1) of the transitions whose technician had the task at
#: their moment. An assignment includes both its ends. A pool's assignment is that of its unit and
#: of the units below.
AUTHORITY: Final = """
WITH RECURSIVE above AS (
  SELECT id AS technician, unit FROM app_user WHERE account = $1 AND id = ANY($5::uuid[])
  UNION
  SELECT above.technician, unit.parent FROM above
  JOIN unit ON unit.account = $1 AND unit.id = above.unit
  WHERE unit.parent IS NOT NULL
)
SELECT ARRAY(SELECT code FROM state WHERE account = $1 AND code = ANY($2)) AS known, ARRAY(
  SELECT n.number FROM unnest($3::uuid[], $4::timestamptz[], $5::uuid[])
    WITH ORDINALITY AS n(task, moment, technician, number)
  WHERE (
    SELECT true FROM assignment a
    WHERE a.account = $1 AND a.task = n.task
      AND a.start_at <= n.moment AND (a.end_at IS NULL OR a.end_at >= n.moment)
      AND (a.technician = n.technician
        OR (a.unit, n.technician) IN (SELECT unit, technician FROM above))
    LIMIT 1)
) AS authorised
"""

_read_flow: Final = msgspec.json.Decoder(dict[str, list[str]]).decode


class Stored(Struct, frozen=True):
    """The stored verdict on a transition, with its sender and digest."""

    device: UUID | None
    technician: UUID
    digest: bytes
    verdict: VerdictName
    reason: Reason | None

    def answer(self, arrival: Arrival) -> Result:
        """Return the result for `arrival`, which has the id of this verdict.

        `duplicate` where another device of the technician brought an accepted one. Refused and
        parked ones have the same verdict for every device.
        """
        if self.technician != arrival.technician or self.digest != arrival.digest:
            return Result(arrival.sent_id, "refused", "id_reused")
        if self.device != arrival.device and self.verdict == "accepted":
            return Result(arrival.sent_id, "duplicate")
        return Result(arrival.sent_id, self.verdict, self.reason)


class LockedTask(Struct, frozen=True):
    """What intake needs of a task whose row is locked.

    `flow`: next states by state. `last`: the transition that gives the task its state, with its
    effective moment; None before the first.
    """

    type: UUID
    customer: UUID | None
    initial_state: str
    flow: dict[str, list[str]]
    last: Transition | None


class Judgement(Struct, frozen=True):
    """A verdict, with a `reason` if it is `refused`."""

    verdict: VerdictName
    reason: Reason | None = None


ACCEPTED: Final = Judgement("accepted")
PARKED: Final = Judgement("parked")
UNKNOWN_STATE: Final = Judgement("refused", "unknown_state")
NO_AUTHORITY: Final = Judgement("refused", "no_authority")


async def read_verdicts(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Stored]:
    """Return the stored verdicts on `ids`, by id; those without one are left out."""
    rows = await tx.fetch(STORED, tx.account, list(ids))
    return {
        row["id"]: Stored(
            row["device"], row["technician"], row["digest"], row["verdict"], row["refusal"]
        )
        for row in rows
    }


async def lock_tasks(tx: Tx, tasks: Collection[UUID]) -> dict[UUID, LockedTask]:
    """Lock those of `tasks` that exist, in the order of their ids, and return them."""
    flows: dict[str, dict[str, list[str]]] = {}
    locked: dict[UUID, LockedTask] = {}
    for row in await tx.fetch(LOCK_TASKS, tx.account, list(tasks)):
        flow = row["flow"]
        if flow not in flows:
            flows[flow] = _read_flow(flow)
        last = None
        if row["step"] is not None:
            last = Transition(
                row["step"],
                row["step_type"],
                row["state"],
                row["state_moment"],
                row["sequence"],
                row["received_at"],
                row["survey"],
                device=row["device"],
            )
        locked[row["id"]] = LockedTask(
            row["type"], row["customer"], row["initial_state"], flows[flow], last
        )
    return locked


async def known_states(tx: Tx, codes: Collection[str]) -> set[str]:
    """Return those of `codes` that are states of the account."""
    return {row["code"] for row in await tx.fetch(STATES, tx.account, list(codes))}


async def judge(
    tx: Tx, arrivals: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Judgement]:
    """Return a judgement on each of `arrivals`, whose `tasks` are locked as far as they exist."""
    row = await tx.fetchrow(
        AUTHORITY,
        tx.account,
        {arrival.body.state for arrival in arrivals},
        [arrival.task for arrival in arrivals],
        [arrival.body.moment for arrival in arrivals],
        [arrival.technician for arrival in arrivals],
    )
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    known, authorised = set(row["known"]), set(row["authorised"])
    judgements: list[Judgement] = []
    for number, arrival in enumerate(arrivals, start=1):
        if arrival.body.state not in known:
            judgements.append(UNKNOWN_STATE)
        elif arrival.task not in tasks:
            judgements.append(PARKED)
        else:
            judgements.append(ACCEPTED if number in authorised else NO_AUTHORITY)
    return judgements
