"""Transitions whose task is not known yet wait here until it is created."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from sync.database import Tx
from sync.feed.publish import Row, Thing, touch, write
from sync.intake.authorization import ACCEPTED, judge, lock_tasks
from sync.intake.incoming import Arrival, Body
from sync.intake.recording import keep
from sync.intake.writes import settle

#: Whoever parks transitions and whoever creates tasks of an account go one after the other. A lock
#: of its own, for others come between it and the feed's, which is the last.
PARKING_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('parking', $1))"

WAITING: Final = """
SELECT id, spelling, pushed_task, device, technician, digest, body FROM transition
WHERE account = $1 AND pushed_task = ANY($2) AND verdict = 'parked' ORDER BY id
"""

#: Whoever a new task is given to had it already when they told of it, before it was known here.
BEGIN_EARLIER: Final = """
UPDATE assignment a SET start_at = told.first
FROM (
  SELECT b.id, min((n.body ->> 'moment')::timestamptz) AS first
  FROM assignment b
  JOIN task t ON t.account = b.account AND t.id = b.task AND t.created_at = b.start_at
  JOIN transition n ON n.account = b.account AND n.pushed_task = b.task AND n.verdict = 'parked'
    AND (n.technician = b.technician OR b.unit IS NOT NULL)
  WHERE b.account = $1 AND b.task = ANY($2) GROUP BY b.id
) told
WHERE a.account = $1 AND a.id = told.id AND told.first < a.start_at
"""

read_body: Final = msgspec.json.Decoder(Body).decode


class Settled(Struct, frozen=True):
    """What was parked and is judged now; `things` changed by it.

    `changed`: something was accepted, so planning is worth a ring.
    """

    arrivals: Sequence[Arrival] = ()
    things: Sequence[Thing] = ()
    changed: bool = False


async def lock_parking(tx: Tx) -> None:
    """Have nobody else park a transition of the account, or settle one, before this one ends."""
    await tx.execute(PARKING_LOCK, tx.account)


async def settle_parked(tx: Tx, tasks: Collection[UUID]) -> Settled:
    """Judge what was parked for `tasks`, which this transaction created; see `publish_settled`.

    As if assignments that begin with their task had begun with the first of it. What is accepted
    keeps its moment and takes now as its reception.
    """
    await lock_parking(tx)
    waiting = [stored_arrival(tx, row) for row in await tx.fetch(WAITING, tx.account, list(tasks))]
    if not waiting:
        return Settled()
    locked = await lock_tasks(tx, {arrival.task for arrival in waiting})
    await tx.execute(BEGIN_EARLIER, tx.account, list(locked))
    judged = list(zip(waiting, await judge(tx, waiting, locked), strict=True))
    things = await keep(tx, judged, locked, settle)
    return Settled(waiting, things, any(judgement == ACCEPTED for _, judgement in judged))


async def publish_settled(tx: Tx, settled: Settled) -> None:
    """Have devices hear of it, to which the tasks were given before. Takes the feed's turn."""
    await publish_verdicts(tx, settled.arrivals)
    await touch(tx, settled.things)


def stored_arrival(tx: Tx, row: asyncpg.Record) -> Arrival:
    """What the row of an open transition keeps of it, as if it arrived now."""
    return Arrival(
        id=row["id"],
        sent_id=row["spelling"] or str(row["id"]),
        task=row["pushed_task"],
        body=read_body(row["body"]),
        device=row["device"],
        technician=row["technician"],
        received=tx.now,
        digest=row["digest"],
    )


async def publish_verdicts(tx: Tx, settled: Sequence[Arrival]) -> None:
    """Have the technicians' devices hear of verdicts that changed. Takes the feed's turn."""
    await write(tx, [Row(arrival.technician, "verdict", str(arrival.id)) for arrival in settled])
