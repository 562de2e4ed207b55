"""Held mails: an operator releases them, or drops them for good.

A mail is held when it is not known whether it was sent and the account wants no second copy, when
deciding on it or writing it failed repeatedly, or when it was due before a restore: it may have
been sent after the backup was made.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.delivery.events import Event, add_events
from mail.delivery.stages import Candidate
from mail.queues import error_text
from mail.states import CALL_OFF, FAULT, HOLD, LET_GO, Phase
from sync.database import Tx, run

#: A mail that cannot be decided on or written is held after so many tries.
TRIES: Final = 5

#: Reason of an invitation that is held because of a restore.
RESTORED: Final = "restored"

#: Here and below an invitation stays sent, whatever becomes of a further mail.
_HOLD: Final = HOLD.sql("""
WITH held AS (
  UPDATE outbox SET phase = {phase}, lease_until = NULL, error = $3
  WHERE account = $1 AND invitation = ANY($2)
  RETURNING invitation
)
UPDATE invitation i SET status = {status}, reason = $3
FROM held WHERE (i.account, i.id) = ($1, held.invitation) AND i.status <> {Status.SENT}
""")

_FAULT: Final = FAULT.sql("""
UPDATE outbox SET faults = faults + 1, error = $5, lease_until = NULL,
  phase = CASE WHEN faults + 1 >= $6 THEN {Phase.HELD} ELSE {Phase.WAITING} END,
  not_before = $4::timestamptz + interval '5 seconds' * power(4, faults)
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
RETURNING phase
""")

_HOLD_FAULTY: Final = FAULT.sql("""
UPDATE invitation SET status = {status}, reason = $3
WHERE account = $1 AND id = $2 AND status <> {Status.SENT}
""")

_HELD: Final = LET_GO.reading("""
SELECT o.invitation, o.attempt, o.faults, i.reason
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
WHERE o.account = $1 AND o.phase IN ({from_phases}) ORDER BY o.invitation FOR NO KEY UPDATE OF o, i
""")

#: What was ever claimed has links, and planning must neither move nor withdraw it.
_LET_GO: Final = LET_GO.sql("""
WITH freed AS (
  UPDATE outbox SET phase = {phase}, vouched_at = $3, faults = 0, not_before = $3, error = NULL
  WHERE account = $1 AND invitation = ANY($2)
  RETURNING invitation, resent
)
UPDATE invitation i SET reason = NULL, status = CASE WHEN i.status = {Status.SENT} THEN i.status
  WHEN freed.resent THEN {Status.UNCERTAIN} WHEN i.address IS NOT NULL THEN {Status.CLAIMED}
  ELSE {Status.SCHEDULED} END
FROM freed WHERE (i.account, i.id) = ($1, freed.invitation)
""")

_CALL_OFF: Final = CALL_OFF.sql("""
WITH gone AS (
  DELETE FROM outbox WHERE account = $1 AND invitation = ANY($2) RETURNING invitation, faults
)
UPDATE invitation i
SET status = CASE WHEN i.status = {Status.SENT} THEN i.status
  WHEN gone.faults >= $3 THEN {Status.EXPIRED} ELSE {Status.UNCERTAIN} END
FROM gone WHERE (i.account, i.id) = ($1, gone.invitation)
""")


class Held(Struct, frozen=True):
    """A held mail; `reason`: why it is held."""

    invitation: UUID
    attempt: int
    faults: int
    reason: str | None


async def hold_restored(tx: Tx, found: Sequence[Candidate]) -> None:
    """Hold due mails, whose rows are locked: they may have been sent before the restore."""
    await tx.execute(_HOLD, tx.account, [mail.invitation for mail in found], RESTORED)
    await contacts.release_uses(tx, [mail.invitation for mail in found if mail.has_use])
    events = [Event(mail.invitation, "held_restored", mail.attempt) for mail in found]
    await add_events(tx, events)


async def fault(account: int, invitation: UUID, attempt: int, error: Exception) -> None:
    """Postpone a mail that failed by five seconds, four times as long each time; hold it at last.

    Nothing is changed if it has been claimed again.
    """
    text = error_text(error)

    async def write(tx: Tx) -> None:
        phase = await tx.fetchval(_FAULT, account, invitation, attempt, tx.now, text, TRIES)
        if phase == Phase.HELD:
            await tx.execute(_HOLD_FAULTY, account, invitation, text)
            await contacts.release_uses(tx, [invitation])
            await add_events(tx, [Event(invitation, "held", attempt, text)])

    await run(account, write)


async def held(tx: Tx) -> list[Held]:
    """Return the account's held mails, locked."""
    return [Held(**row) for row in await tx.fetch(_HELD, tx.account)]


async def let_go(tx: Tx, mails: Sequence[Held]) -> None:
    """Release held mails: they are due now, and no earlier restore holds them again."""
    await tx.execute(_LET_GO, tx.account, [mail.invitation for mail in mails], tx.now)
    await add_events(tx, [Event(mail.invitation, "let_go", mail.attempt) for mail in mails])


async def call_off(tx: Tx, mails: Sequence[Held]) -> None:
    """Drop held mails: they become uncertain, or expired if they failed before being sent."""
    ids = [mail.invitation for mail in mails]
    await tx.execute(_CALL_OFF, tx.account, ids, TRIES)
    await contacts.release_uses(tx, ids)
    await add_events(tx, [Event(mail.invitation, "called_off", mail.attempt) for mail in mails])
