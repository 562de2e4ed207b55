"""Transitions whose task is not known yet wait here until it is created."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from sync.database import Tx
from sync.feed.publish import Row, lock_head, touch, write
from sync.intake.arrivals import Arrival, Body
from sync.intake.facts import keep
from sync.intake.judging import ACCEPTED, Judgement, judge, lock_tasks

WAITING: Final = """
SELECT id, task, device, technician, digest, body FROM verdict
WHERE account = $1 AND task = ANY($2) AND verdict = 'parked' ORDER BY id
"""

SETTLE: Final = """
UPDATE verdict SET verdict = s.verdict, reason = s.reason, settled_at = $5, settled_by = $6,
  body = CASE WHEN s.verdict = 'accepted' THEN NULL ELSE body END
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS s(id, verdict, reason)
WHERE account = $1 AND verdict.id = s.id
"""

read_body: Final = msgspec.json.Decoder(Body).decode


async def settle_parked(tx: Tx, tasks: Collection[UUID]) -> bool:
    """Judge what was parked for `tasks`, which this transaction created.

    What is accepted keeps its moment and takes now as its reception. Returns whether something
    was: planning is then worth a ring. Takes the feed's turn, see `push`.
    """
    await lock_head(tx)
    waiting = [stored_arrival(tx, row) for row in await tx.fetch(WAITING, tx.account, list(tasks))]
    if not waiting:
        return False
    locked = await lock_tasks(tx, {arrival.task for arrival in waiting})
    judged = await judge(tx, waiting, locked)
    await settle(tx, waiting, judged)
    pairs = zip(waiting, judged, strict=True)
    accepted = [arrival for arrival, judgement in pairs if judgement == ACCEPTED]
    await touch(tx, await keep(tx, accepted, locked))
    return bool(accepted)


def stored_arrival(tx: Tx, row: asyncpg.Record) -> Arrival:
    """What a verdict's row keeps of a transition, as if it arrived now."""
    return Arrival(
        id=row["id"],
        task=row["task"],
        body=read_body(row["body"]),
        device=row["device"],
        technician=row["technician"],
        received=tx.now,
        digest=row["digest"],
    )


async def settle(
    tx: Tx, waiting: Sequence[Arrival], judged: Sequence[Judgement], by: UUID | None = None
) -> None:
    """Change verdicts that were told to `judged`, and have the technicians' devices hear of it.

    `by`: who decided so; None: it came of itself. Takes the feed's turn.
    """
    await tx.execute(
        SETTLE,
        tx.account,
        [arrival.id for arrival in waiting],
        [judgement.verdict for judgement in judged],
        [judgement.reason for judgement in judged],
        tx.now,
        by,
    )
    await write(tx, [Row(arrival.technician, "verdict", str(arrival.id)) for arrival in waiting])
