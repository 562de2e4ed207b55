"""Dropping invitations at their release."""

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from mail import contacts
from mail.delivery.events import Event, EventKind, add_events
from mail.delivery.judging import Dropped
from mail.states import CANCEL, DROP
from rules.decide import REARMING
from sync.database import Tx

#: For mails without an earlier copy; the others change no status. Decisions are locked in the order
#: of their key, as by planning, which holds them while it writes completions.
SET_DROPPED: Final = {
    edge: edge.sql("""
WITH dropped AS (
  UPDATE invitation i
  SET status = {status}, reason = given.reason, rearm_transition = given.last
  FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[])
    AS given (id, reason, last, choice, holder)
  WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = given.id
  RETURNING i.campaign, i.transition, i.reason, given.choice, given.holder
), locked AS MATERIALIZED (
  SELECT dropped.*
  FROM dropped JOIN decision d
    ON d.account = $1 AND (d.campaign, d.transition) = (dropped.campaign, dropped.transition)
  ORDER BY d.campaign, d.transition FOR NO KEY UPDATE OF d
)
UPDATE decision d
SET outcome = locked.reason, detail = locked.choice, kept_back_by = locked.holder,
  release = NULL, decided_at = $7
FROM locked
WHERE d.account = $1 AND d.campaign = locked.campaign AND d.transition = locked.transition
""")
    for edge in (DROP, CANCEL)
}

_UNQUEUE: Final = DROP.sql("DELETE FROM outbox WHERE account = $1 AND invitation = ANY($2)")


async def drop(tx: Tx, dropped: Sequence[Dropped]) -> None:
    """Remove invitations, whose rows are locked, from the queue and record the reasons.

    Of one that may be re-armed the task's last transition is stored: only later ones re-arm it.
    """
    ids = [item.candidate.invitation for item in dropped]
    await tx.execute(_UNQUEUE, tx.account, ids)
    rows, events = [], []
    for item in dropped:
        candidate, reason = item.candidate, item.reason
        if not candidate.resent:
            visit = candidate.visit if reason in REARMING else None
            last = None if visit is None else visit.last
            rows.append((candidate.invitation, reason.value, last, item.choice, item.holder))
        kind: EventKind = "reminder_dropped" if candidate.is_reminder else "dropped"
        event = Event(candidate.invitation, kind, candidate.attempt, reason.value)
        events.append(structs.replace(event, address=candidate.earlier and candidate.earlier.typed))
    if rows:
        await tx.execute(SET_DROPPED[DROP], tx.account, *zip(*rows, strict=True), tx.now)
    await contacts.release_uses(tx, ids)
    await add_events(tx, events)
