"""Cancelling: somebody of the office does not want a mail that waits to be sent.

It races with the worker, by the lock of the mail's entry in the queue. A worker begins the content
of a claimed mail only while its entry stands: so either it went, or it was cancelled.
"""

from typing import Final
from uuid import UUID

from mail import contacts
from mail.delivery.drop import SET_DROPPED
from mail.delivery.events import Event, add_events
from mail.delivery.held import RESTORED
from mail.states import CANCEL, Phase, Purpose, Status
from rules.decide import Reason
from rules.reminders import MOST_REMINDERS
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import ConflictError, MissingError

_ENTRY: Final = """
SELECT phase, purpose, attempt, own_typed_address FROM outbox
WHERE account = $1 AND invitation = $2 FOR NO KEY UPDATE
"""

_INVITATION: Final = """
SELECT status, reason, sent_at FROM invitation WHERE account = $1 AND id = $2 FOR NO KEY UPDATE
"""

#: Whether the last that happened to a mail is that it was cancelled.
_IS_CANCELLED: Final = """
SELECT kind = 'cancelled' FROM mail_event WHERE account = $1 AND invitation = $2
ORDER BY happened_at DESC, id DESC LIMIT 1
"""

#: None follows one that was cancelled.
_USE_UP: Final = "UPDATE invitation SET reminders_used = $3 WHERE account = $1 AND id = $2"

_UNQUEUE: Final = CANCEL.sql("""
DELETE FROM outbox WHERE account = $1 AND invitation = $2 AND phase IN ({from_phases})
""")

#: First mails of these statuses were accepted by no server.
_UNSENT: Final = (Status.SCHEDULED, Status.CLAIMED, Status.HELD)
#: Of these statuses nothing waits, and nothing is known to have been accepted.
_ENDED: Final = (Status.DROPPED, Status.FAILED, Status.EXPIRED, Status.REFUSED)


class SentError(ConflictError):
    """The mail was sent, or may have been, so it is not cancelled (409)."""

    code = "sent"


class EndedError(ConflictError):
    """No mail of the survey waits any more: it was dropped or given up before (409)."""

    code = "ended"


async def cancel(tx: Tx, invitation: UUID, by: UUID | None, reason: str) -> None:
    """Cancel the mail of `invitation` that waits; one that was cancelled before stays so.

    The survey's round stays used; one that was sent before stays sent. No reminder follows one that
    was cancelled. `by`: a user, None for a program.

    :raises MissingError: the account has no such invitation.
    :raises SentError, EndedError: see there; nothing is changed.
    """
    entry = await tx.fetchrow(_ENTRY, tx.account, invitation)
    found = await tx.fetchrow(_INVITATION, tx.account, invitation)
    if found is None:
        raise MissingError("no such survey")
    if entry is None:
        if not await tx.fetchval(_IS_CANCELLED, tx.account, invitation):
            raise (EndedError if found["status"] in _ENDED else SentError)("nothing of it waits")
        return
    is_first = entry["purpose"] == Purpose.FIRST
    is_unsent = found["status"] in _UNSENT and not found["sent_at"] and found["reason"] != RESTORED
    if entry["phase"] == Phase.DATA or (is_first and not is_unsent):
        raise SentError("it is being sent, or may have been")
    await tx.execute(_UNQUEUE, tx.account, invitation)
    if is_first:
        row = ([invitation], [Reason.CANCELLED.value], [None], [None], [None])
        await tx.execute(SET_DROPPED[CANCEL], tx.account, *row, tx.now)
    elif entry["purpose"] == Purpose.REMINDER:
        await tx.execute(_USE_UP, tx.account, invitation, MOST_REMINDERS)
    await contacts.release_uses(tx, [invitation])
    address = entry["own_typed_address"]
    event = Event(invitation, "cancelled", entry["attempt"], reason, by=by, address=address)
    await add_events(tx, [event])
    after = {"purpose": entry["purpose"], "reason": reason}
    await record(tx, "survey.cancel", [AuditChange(f"invitation/{invitation}", None, after)])
