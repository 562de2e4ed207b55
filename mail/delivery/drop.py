"""Dropping: what is not sent at its release, and why; some of it may be asked again later."""

from collections.abc import Sequence
from typing import Final

from mail import contacts
from mail.delivery.events import Event, note
from mail.delivery.release import Dropped
from mail.states import DROP
from rules.decide import REARMING
from sync.database import Tx

#: What may have gone before is not called dropped; its status says what is known.
_DROP: Final = DROP.sql("""
WITH dropped AS (
  UPDATE invitation i
  SET status = {status}, reason = one.reason, rearm_transition = one.last
  FROM unnest($2::uuid[], $3::text[], $4::uuid[]) AS one (id, reason, last)
  WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = one.id
  RETURNING i.campaign, i.transition, i.reason
)
UPDATE decision d SET outcome = dropped.reason, release = NULL, decided_at = $5
FROM dropped
WHERE d.account = $1 AND d.campaign = dropped.campaign AND d.transition = dropped.transition
""")

_LEAVE: Final = DROP.sql("DELETE FROM outbox WHERE account = $1 AND invitation = ANY($2)")


async def drop(tx: Tx, dropped: Sequence[Dropped]) -> None:
    """Take `dropped` invitations, whose rows are locked, off the queue and say why."""
    ids = [one.candidate.invitation for one in dropped]
    await tx.execute(_LEAVE, tx.account, ids)
    rows = [_row(one) for one in dropped if not one.candidate.resent]
    if rows:
        await tx.execute(_DROP, tx.account, *zip(*rows, strict=True), tx.now)
    await contacts.release(tx, ids)
    await note(tx, [_event(one) for one in dropped])


def _row(one: Dropped) -> tuple[object, ...]:
    candidate = one.candidate
    visit = candidate.visit if one.reason in REARMING else None
    last = None if visit is None else visit.last
    return (candidate.invitation, one.reason.value, last)


def _event(one: Dropped) -> Event:
    return Event(one.candidate.invitation, "dropped", one.candidate.attempt, one.reason.value)
