"""Poison: an invitation that cannot be decided or written is tried again, then set aside."""

from typing import Final
from uuid import UUID

from mail import contacts
from mail.delivery.events import Event, note
from mail.states import FAULT, Phase
from sync.database import Tx, run

#: How often it is tried before it is held for an operator.
TRIES: Final = 5
_LONGEST_TEXT: Final = 500

_FAULT: Final = FAULT.sql("""
UPDATE outbox SET faults = faults + 1, error = $5, lease_until = NULL,
  phase = CASE WHEN faults + 1 >= $6 THEN {Phase.HELD} ELSE {Phase.WAITING} END,
  not_before = $4::timestamptz + interval '5 seconds' * power(4, faults)
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
RETURNING phase
""")

_HOLD: Final = FAULT.sql("""
UPDATE invitation SET status = {status}, reason = $3 WHERE account = $1 AND id = $2
""")


async def fault(account: int, invitation: UUID, attempt: int, error: Exception) -> None:
    """Put it off for five seconds, four times as long each time, and hold it at last.

    Its neighbours go on. Nothing is changed once somebody else has claimed it.
    """
    text = f"{type(error).__name__}: {error}".replace("\x00", "")[:_LONGEST_TEXT]

    async def write(tx: Tx) -> None:
        phase = await tx.fetchval(_FAULT, account, invitation, attempt, tx.now, text, TRIES)
        if phase == Phase.HELD:
            await tx.execute(_HOLD, account, invitation, text)
            await contacts.release(tx, [invitation])
            await note(tx, [Event(invitation, "held", attempt, text)])

    await run(account, write)
