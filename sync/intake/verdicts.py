"""The verdict given on each transition ever pushed, so that a replay is told the same."""

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
    """A verdict as stored."""

    device: UUID | None
    technician: UUID
    digest: bytes
    verdict: VerdictName
    reason: Reason | None

    def answer(self, arrival: Arrival) -> Result:
        """What to tell the sender of `arrival`, whose id this verdict has.

        A duplicate is safe to forget; what was refused or waits is told to every device.
        """
        if self.technician != arrival.technician or self.digest != arrival.digest:
            return Result(arrival.sent_id, "refused", "id_reused")
        if self.device != arrival.device and self.verdict == "accepted":
            return Result(arrival.sent_id, "duplicate")
        return Result(arrival.sent_id, self.verdict, self.reason)


async def read_verdicts(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Stored]:
    """The stored verdicts on `ids`."""
    rows = await tx.fetch(READ, tx.account, list(ids))
    return {
        row["id"]: Stored(
            row["device"], row["technician"], row["digest"], row["verdict"], row["refusal"]
        )
        for row in rows
    }
