"""Parked transitions: their task is not known yet, and they are judged once it is created."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from sync.database import Tx
from sync.feed.publish import Row, Thing, touch, write
from sync.intake.incoming import Arrival, Body
from sync.intake.recording import store, update_open
from sync.intake.verdicts import ACCEPTED, judge, lock_tasks

#: Serialises transactions that park transitions with those that create tasks of the account. Not
#: the lock of the feed's counter, because other locks are taken between the two.
PARKING_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('parking', $1))"

WAITING: Final = """
SELECT id, spelling, pushed_task, device, technician, digest, body FROM transition
WHERE account = $1 AND pushed_task = ANY($2) AND verdict = 'parked' ORDER BY id
"""

#: An assignment that begins with its task begins with the first parked transition of it instead.
BEGIN_EARLIER: Final = """
UPDATE assignment a SET start_at = parked.first
FROM (
  SELECT b.id, min((n.body ->> 'moment')::timestamptz) AS first
  FROM assignment b
  JOIN task t ON t.account = b.account AND t.id = b.task AND t.created_at = b.start_at
  JOIN transition n ON n.account = b.account AND n.pushed_task = b.task AND n.verdict = 'parked'
    AND (n.technician = b.technician OR b.unit IS NOT NULL)
  WHERE b.account = $1 AND b.task = ANY($2) GROUP BY b.id
) parked
WHERE a.account = $1 AND a.id = parked.id AND parked.first < a.start_at
"""

read_body: Final = msgspec.json.Decoder(Body).decode


class Unparked(Struct, frozen=True):
    """Transitions that were parked and are judged now, and the `things` that changed by it.

    `changed`: whether one was accepted, so that planning is to be rung.
    """

    arrivals: Sequence[Arrival] = ()
    things: Sequence[Thing] = ()
    changed: bool = False


async def lock_parking(tx: Tx) -> None:
    """Lock parking in the account: no other transaction parks or settles until this one ends."""
    await tx.execute(PARKING_LOCK, tx.account)


async def settle_parked(tx: Tx, tasks: Collection[UUID]) -> Unparked:
    """Judge what was parked for `tasks`, which this transaction created.

    Assignments that begin with their task first get the moment of its first parked transition as
    their start. What is accepted keeps its moment; its reception is the present time. Feeds get it
    by `publish_unparked`.
    """
    await lock_parking(tx)
    waiting = [stored_arrival(tx, row) for row in await tx.fetch(WAITING, tx.account, list(tasks))]
    if not waiting:
        return Unparked()
    locked = await lock_tasks(tx, {arrival.task for arrival in waiting})
    await tx.execute(BEGIN_EARLIER, tx.account, list(locked))
    judged = list(zip(waiting, await judge(tx, waiting, locked), strict=True))
    things = await store(tx, judged, locked, update_open)
    return Unparked(waiting, things, any(judgement == ACCEPTED for _, judgement in judged))


async def publish_unparked(tx: Tx, settled: Unparked) -> None:
    """Write the verdicts and changed things to feeds. Locks the feed's counter.

    To be called after the tasks themselves were written to feeds.
    """
    await publish_verdicts(tx, settled.arrivals)
    await touch(tx, settled.things)


def stored_arrival(tx: Tx, row: asyncpg.Record) -> Arrival:
    """Return the open transition in `row`, received now."""
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
    """Write changed verdicts to the technicians' feeds. Locks the feed's counter."""
    await write(tx, [Row(arrival.technician, "verdict", str(arrival.id)) for arrival in settled])
