"""The verdict given on each transition ever pushed, so that a replay is told the same."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from sync.database import Tx
from sync.intake.arrivals import Arrival, write_body
from sync.intake.judging import ACCEPTED, Judgement
from sync.wire import Reason, Result, VerdictName

READ: Final = """
SELECT id, device, technician, digest, verdict, reason FROM verdict
WHERE account = $1 AND id = ANY($2)
"""

#: In the order of ids, so that two connections with the same batch wait and do not deadlock.
ADD: Final = """
INSERT INTO verdict
  (account, id, device, technician, task, verdict, reason, digest, body, received_at)
SELECT $1, v.id, v.device, v.technician, v.task, v.verdict, v.reason, v.digest, v.body, v.received
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bytea[],
  $9::jsonb[], $10::timestamptz[])
  AS v(id, device, technician, task, verdict, reason, digest, body, received)
ON CONFLICT (account, id) DO NOTHING
RETURNING id
"""


class Stored(Struct, frozen=True):
    """A verdict as stored."""

    device: UUID | None
    technician: UUID
    digest: bytes
    verdict: VerdictName
    reason: Reason | None

    @classmethod
    def of(cls, arrival: Arrival, judgement: Judgement) -> "Stored":
        """What is stored when `arrival` gets `judgement`."""
        return cls(
            arrival.device,
            arrival.technician,
            arrival.digest,
            judgement.verdict,
            judgement.reason,
        )

    def answer(self, arrival: Arrival) -> Result:
        """What to tell the sender of `arrival`, whose id this verdict has.

        A duplicate is safe to forget; what was refused or waits is told to every device.
        """
        if self.technician != arrival.technician or self.digest != arrival.digest:
            return Result(arrival.id, "refused", "id_reused")
        if self.device != arrival.device and self.verdict == "accepted":
            return Result(arrival.id, "duplicate")
        return Result(arrival.id, self.verdict, self.reason)


async def read_verdicts(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Stored]:
    """The stored verdicts on `ids`."""
    rows = await tx.fetch(READ, tx.account, list(ids))
    return {
        row["id"]: Stored(
            row["device"], row["technician"], row["digest"], row["verdict"], row["reason"]
        )
        for row in rows
    }


async def add_verdicts(tx: Tx, judged: Sequence[tuple[Arrival, Judgement]]) -> set[UUID]:
    """Store verdicts and return the ids that were new; another connection stored the others."""
    ordered = sorted(judged, key=lambda pair: pair[0].id)
    rows = [_row(arrival, judgement) for arrival, judgement in ordered]
    added = await tx.fetch(ADD, tx.account, *zip(*rows, strict=True))
    return {row["id"] for row in added}


def _row(arrival: Arrival, judgement: Judgement) -> tuple[object, ...]:
    return (
        arrival.id,
        arrival.device,
        arrival.technician,
        arrival.task,
        judgement.verdict,
        judgement.reason,
        arrival.digest,
        None if judgement == ACCEPTED else write_body(arrival.body),
        arrival.received,
    )
