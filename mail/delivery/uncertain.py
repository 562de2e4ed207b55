"""Doubts: mails of which nobody knows whether the server took them, and what dead workers left."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.campaigns.cache import pinned
from mail.config import MailConfig
from mail.delivery.events import Event, note
from mail.delivery.outcomes import when_in_doubt
from mail.states import DOUBT, LAPSE, LEAVING, LEAVING_AGAIN, RESEND, STOP
from rules.timing import later, window_anchor
from sync.database import Tx, run

_OVERDUE_CLAIMS: Final = LAPSE.sql("""
UPDATE outbox SET phase = {phase}, not_before = $2, lease_until = NULL
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND phase IN ({from_phases}) AND lease_until <= $2
  ORDER BY invitation FOR NO KEY UPDATE SKIP LOCKED)
""")

_OVERDUE_CONTENT: Final = DOUBT.reading("""
SELECT o.invitation, o.attempt, o.release, o.resent, i.version, i.campaign, a.after_crash
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
JOIN account a ON a.account = o.account
WHERE o.account = $1 AND o.phase IN ({from_phases}) AND o.lease_until <= $2
ORDER BY o.invitation FOR NO KEY UPDATE OF o SKIP LOCKED
""")

_PARK: Final = {
    edge: edge.sql("""
    UPDATE outbox
    SET phase = {phase}, not_before = $4, resent = true, lease_until = NULL, error = $5
    WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
    """)
    for edge in (RESEND, DOUBT)
}

_END: Final = STOP.sql("""
DELETE FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")

_MAY_HAVE_GONE: Final = {
    edge: edge.sql("""
    UPDATE invitation SET status = $3, sent_at = coalesce(sent_at, $4),
      deadline = coalesce(deadline, $5)
    WHERE account = $1 AND id = $2
    """)
    for edge in (RESEND, DOUBT, STOP)
}


class Doubt(Struct, frozen=True):
    """An attempt of which nobody knows whether the server took it.

    `resent`: it was the second already. `hold`: the account wants an operator to decide.
    """

    invitation: UUID
    attempt: int
    release: datetime
    resent: bool
    answers_for: timedelta
    hold: bool
    text: str


async def recover(config: MailConfig, account: int) -> None:
    """Take back what a worker left when it died: claims at once, content in doubt."""

    async def write(tx: Tx) -> None:
        await tx.execute(_OVERDUE_CLAIMS, tx.account, tx.now)
        rows = await tx.fetch(_OVERDUE_CONTENT, tx.account, tx.now)
        versions = await pinned(tx, {(row["campaign"], row["version"]) for row in rows})
        for row in rows:
            doubt = Doubt(
                invitation=row["invitation"],
                attempt=row["attempt"],
                release=row["release"],
                resent=row["resent"],
                answers_for=versions[row["campaign"], row["version"]].rules.deadline,
                hold=row["after_crash"] == "hold",
                text="the worker stopped while sending",
            )
            await leave_in_doubt(tx, config, doubt)

    await run(account, write)


async def leave_in_doubt(tx: Tx, config: MailConfig, doubt: Doubt) -> None:
    """Write that it may have gone, and have it resent, held or left at that."""
    edge = when_in_doubt(resent=doubt.resent, hold=doubt.hold)
    fence = (tx.account, doubt.invitation, doubt.attempt)
    if edge is STOP:
        touched = await tx.execute(_END, *fence)
    else:
        until = tx.now + timedelta(seconds=config.uncertain_after)
        touched = await tx.execute(_PARK[edge], *fence, until, doubt.text)
    if not touched:
        return
    status = edge.end(LEAVING_AGAIN if doubt.resent else LEAVING).status or ""
    deadline = later(tx.now, doubt.answers_for)
    said = (tx.account, doubt.invitation, status, tx.now, deadline)
    await tx.execute(_MAY_HAVE_GONE[edge], *said)
    await contacts.confirm(tx, doubt.invitation, window_anchor(doubt.release, tx.now))
    await note(tx, [Event(doubt.invitation, status, doubt.attempt, doubt.text)])
