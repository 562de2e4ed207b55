"""Stored verdicts, by which a replayed transition gets the same answer again."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from msgspec import Struct

from sync.database import Tx
from sync.intake.incoming import Arrival
from sync.messages import Reason, Result, VerdictName

READ: Final = """
SELECT id, device, technician, digest, verdict, refusal FROM transition
WHERE account = $1 AND id = ANY($2)
"""


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


async def read_verdicts(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Stored]:
    """Return the stored verdicts on `ids`, by id; those without one are left out."""
    rows = await tx.fetch(READ, tx.account, list(ids))
    return {
        row["id"]: Stored(
            row["device"], row["technician"], row["digest"], row["verdict"], row["refusal"]
        )
        for row in rows
    }
