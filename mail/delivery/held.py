"""Held mails: what only an operator may let go or call off.

A mail is held when nobody knows whether it went and the account wants no second copy, when it
could not be written again and again, or when the database was restored from a backup after it
was due: it may have left before, and the backup does not know.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.delivery.events import Event, note
from mail.delivery.stages import Candidate
from mail.states import CALL_OFF, FAULT, HOLD, LET_GO, Phase
from sync.database import Tx, run

#: How often one that cannot be decided or written is tried before it is held.
TRIES: Final = 5
_LONGEST_TEXT: Final = 500

#: In `invitation.reason` and in the event of whatever a restore holds.
RESTORED: Final = "restored"

_HOLD: Final = HOLD.sql("""
WITH kept AS (
  UPDATE outbox SET phase = {phase}, lease_until = NULL, error = $3
  WHERE account = $1 AND invitation = ANY($2)
  RETURNING invitation
)
UPDATE invitation i SET status = {status}, reason = $3
FROM kept WHERE (i.account, i.id) = ($1, kept.invitation)
""")

_FAULT: Final = FAULT.sql("""
UPDATE outbox SET faults = faults + 1, error = $5, lease_until = NULL,
  phase = CASE WHEN faults + 1 >= $6 THEN {Phase.HELD} ELSE {Phase.WAITING} END,
  not_before = $4::timestamptz + interval '5 seconds' * power(4, faults)
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
RETURNING phase
""")

_HOLD_FAULTY: Final = FAULT.sql("""
UPDATE invitation SET status = {status}, reason = $3 WHERE account = $1 AND id = $2
""")

_HELD: Final = LET_GO.reading("""
SELECT o.invitation, o.attempt, o.faults, i.reason
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
WHERE o.account = $1 AND o.phase IN ({from_phases}) ORDER BY o.invitation FOR NO KEY UPDATE OF o, i
""")

#: What was ever claimed stands: its links are made, and planning must neither move nor withdraw it.
_LET_GO: Final = LET_GO.sql("""
WITH freed AS (
  UPDATE outbox SET phase = {phase}, vouched_at = $3, faults = 0, not_before = $3, error = NULL
  WHERE account = $1 AND invitation = ANY($2)
  RETURNING invitation, resent
)
UPDATE invitation i SET reason = NULL, status = CASE
  WHEN freed.resent THEN {Status.UNCERTAIN} WHEN i.address IS NOT NULL THEN {Status.CLAIMED}
  ELSE {Status.SCHEDULED} END
FROM freed WHERE (i.account, i.id) = ($1, freed.invitation)
""")

_CALL_OFF: Final = CALL_OFF.sql("""
WITH gone AS (
  DELETE FROM outbox WHERE account = $1 AND invitation = ANY($2) RETURNING invitation, faults
)
UPDATE invitation i
SET status = CASE WHEN gone.faults >= $3 THEN {Status.EXPIRED} ELSE {Status.UNCERTAIN} END
FROM gone WHERE (i.account, i.id) = ($1, gone.invitation)
""")


class Held(Struct, frozen=True):
    """A held mail; `reason`: why, as the invitation says it."""

    invitation: UUID
    attempt: int
    faults: int
    reason: str | None


async def hold_restored(tx: Tx, found: Sequence[Candidate]) -> None:
    """Hold due mails, whose rows are locked: they may have left before the backup came back."""
    if found:
        await tx.execute(_HOLD, tx.account, [one.invitation for one in found], RESTORED)
        await note(tx, [Event(one.invitation, "held_restored", one.attempt) for one in found])


async def fault(account: int, invitation: UUID, attempt: int, error: Exception) -> None:
    """Put it off for five seconds, four times as long each time, and hold it at last.

    Its neighbours go on. Nothing is changed once somebody else has claimed it.
    """
    text = f"{type(error).__name__}: {error}".replace("\x00", "")[:_LONGEST_TEXT]

    async def write(tx: Tx) -> None:
        phase = await tx.fetchval(_FAULT, account, invitation, attempt, tx.now, text, TRIES)
        if phase == Phase.HELD:
            await tx.execute(_HOLD_FAULTY, account, invitation, text)
            await contacts.release(tx, [invitation])
            await note(tx, [Event(invitation, "held", attempt, text)])

    await run(account, write)


async def held(tx: Tx) -> list[Held]:
    """The account's held mails, locked."""
    return [Held(**row) for row in await tx.fetch(_HELD, tx.account)]


async def let_go(tx: Tx, mails: Sequence[Held]) -> None:
    """Send them at the next look, whatever a restore makes doubtful."""
    await tx.execute(_LET_GO, tx.account, [one.invitation for one in mails], tx.now)
    await note(tx, [Event(one.invitation, "let_go", one.attempt) for one in mails])


async def call_off(tx: Tx, mails: Sequence[Held]) -> None:
    """Send none of them. Whether they went before stays unknown; one that never could is over."""
    ids = [one.invitation for one in mails]
    await tx.execute(_CALL_OFF, tx.account, ids, TRIES)
    await contacts.release(tx, ids)
    await note(tx, [Event(one.invitation, "called_off", one.attempt) for one in mails])
