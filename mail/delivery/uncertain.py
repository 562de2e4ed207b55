"""Mails in doubt: it is not known whether the server accepted them. Expired leases."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from mail import contacts
from mail.campaigns.cache import pinned
from mail.config import MailConfig
from mail.delivery.events import Event, add_events
from mail.delivery.outcomes import edge_in_doubt
from mail.delivery.remind import count_reminders
from mail.delivery.stages import Leased
from mail.queues import PASSING
from mail.states import HOLD_IN_DOUBT, LAPSE, LEAVING, LEAVING_AGAIN, RESEND, STOP, Edge, Purpose
from rules.timing import later, window_anchor
from sync.database import Tx, run

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

_LAPSE_OVERDUE: Final = LAPSE.sql("""
UPDATE outbox SET phase = {phase}, not_before = $2, lease_until = NULL
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND phase IN ({from_phases}) AND lease_until <= $2
  ORDER BY invitation FOR NO KEY UPDATE SKIP LOCKED)
""")

_OVERDUE_CONTENT: Final = HOLD_IN_DOUBT.reading("""
SELECT o.invitation, o.attempt, o.release, o.resent, i.version, i.campaign,
  o.own_typed_address, o.purpose = 'first' AND a.after_crash = 'hold' AS hold,
  least(o.release, greatest(i.due, r.received_at)) AS ready
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
JOIN account a ON a.account = o.account
LEFT JOIN transition r ON (r.account, r.id) = (i.account, i.transition)
WHERE o.account = $1 AND o.phase IN ({from_phases}) AND o.lease_until <= $2
ORDER BY o.invitation FOR NO KEY UPDATE OF o SKIP LOCKED
""")

_REQUEUE: Final = {
    edge: edge.sql("""
    UPDATE outbox
    SET phase = {phase}, not_before = $4, resent = true, lease_until = NULL, error = $5
    WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
    """)
    for edge in (RESEND, HOLD_IN_DOUBT)
}

_UNQUEUE: Final = STOP.sql("""
DELETE FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
RETURNING purpose
""")

#: An invitation stays sent, whatever becomes of a further mail.
_SET_UNCERTAIN: Final = {
    edge: edge.sql("""
    UPDATE invitation SET status = $3, sent_at = coalesce(sent_at, $4),
      deadline = coalesce(deadline, $5)
    WHERE account = $1 AND id = $2 AND status <> {Status.SENT}
    """)
    for edge in (RESEND, HOLD_IN_DOUBT, STOP)
}


class Doubt(Struct, frozen=True):
    """An attempt that the server may or may not have accepted, and the edge that it takes.

    `ready`, `release`: UTC. `resent`: it was the second copy. `answers_for`: how long answers are
    accepted after sending. `address`: where the mail goes, as typed; None for that of the
    invitation.
    """

    invitation: UUID
    attempt: int
    ready: datetime
    release: datetime
    resent: bool
    answers_for: timedelta
    edge: Edge
    text: str
    address: str | None

    @classmethod
    def of(cls, job: Leased, edge: Edge, text: str) -> "Doubt":
        """Return the doubt about the leased mail `job`."""
        return cls(
            invitation=job.invitation,
            attempt=job.attempt,
            ready=job.candidate.ready,
            release=job.candidate.release,
            resent=job.candidate.resent,
            answers_for=job.version.rules.deadline,
            edge=edge,
            text=text,
            address=job.sending.typed,
        )


async def recover_all(config: MailConfig, accounts: Iterable[int]) -> None:
    """End the expired leases of `accounts`.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    for account in accounts:
        try:
            await recover(config, account)
        except PASSING:
            raise
        except Exception:  # any fault of one account must not delay the others
            LOG.exception("leases could not be taken back", account=account)


async def recover(config: MailConfig, account: int) -> None:
    """End expired leases: claimed mails are due again, those in phase `data` are in doubt."""

    async def write(tx: Tx) -> None:
        await tx.execute(_LAPSE_OVERDUE, tx.account, tx.now)
        rows = await tx.fetch(_OVERDUE_CONTENT, tx.account, tx.now)
        versions = await pinned(tx, {(row["campaign"], row["version"]) for row in rows})
        for row in rows:
            doubt = Doubt(
                invitation=row["invitation"],
                attempt=row["attempt"],
                ready=row["ready"],
                release=row["release"],
                resent=row["resent"],
                answers_for=versions[row["campaign"], row["version"]].rules.deadline,
                edge=edge_in_doubt(resent=row["resent"], hold=row["hold"]),
                text="the worker stopped while sending",
                address=row["own_typed_address"],
            )
            await record_doubt(tx, config, doubt)

    await run(account, write)


async def record_doubt(tx: Tx, config: MailConfig, doubt: Doubt) -> None:
    """Set a mail uncertain, and have it resent, held, or neither after the second copy."""
    edge = doubt.edge
    fence = (tx.account, doubt.invitation, doubt.attempt)
    if edge is STOP:
        purpose = await tx.fetchval(_UNQUEUE, *fence)
        changed = purpose is not None
        await count_reminders(tx, [doubt.invitation] if purpose == Purpose.REMINDER else [])
    else:
        until = tx.now + timedelta(seconds=config.uncertain_after)
        changed = bool(await tx.execute(_REQUEUE[edge], *fence, until, doubt.text))
    if not changed:
        return
    status = edge.end(LEAVING_AGAIN if doubt.resent else LEAVING).status
    assert status is not None  # noqa: S101 - the edges of a doubt end in one
    deadline = later(tx.now, doubt.answers_for)
    columns = (tx.account, doubt.invitation, status, tx.now, deadline)
    await tx.execute(_SET_UNCERTAIN[edge], *columns)
    counted_from = window_anchor(doubt.ready, doubt.release, tx.now)
    await contacts.confirm_use(tx, doubt.invitation, counted_from)
    event = Event(doubt.invitation, status, doubt.attempt, doubt.text, address=doubt.address)
    await add_events(tx, [event])
