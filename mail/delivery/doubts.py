"""Doubts: mails of which nobody knows whether the server took them, and what dead workers left."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.config import MailConfig
from mail.delivery.errors import SendError
from mail.delivery.events import Event, note
from mail.delivery.leasing import Job
from mail.live import pinned
from rules.timing import answer_deadline, window_anchor
from sync.database import Tx, run

_OVERDUE_CLAIMS: Final = """
UPDATE outbox SET phase = 'waiting', not_before = $2, lease_until = NULL
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND phase = 'claimed' AND lease_until <= $2
  ORDER BY invitation FOR NO KEY UPDATE SKIP LOCKED)
"""

_OVERDUE_CONTENT: Final = """
SELECT o.invitation, o.attempt, o.release, o.resent, i.version, i.campaign, a.after_crash
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
JOIN account a ON a.account = o.account
WHERE o.account = $1 AND o.phase = 'data' AND o.lease_until <= $2
ORDER BY o.invitation FOR NO KEY UPDATE OF o SKIP LOCKED
"""

_PARK: Final = """
UPDATE outbox SET phase = $4, not_before = $5, resent = true, lease_until = NULL, error = $6
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase = 'data'
"""

_END: Final = """
DELETE FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase = 'data'
"""

_MAY_HAVE_GONE: Final = """
UPDATE invitation SET status = $3, sent_at = coalesce(sent_at, $4),
  deadline = coalesce(deadline, $5)
WHERE account = $1 AND id = $2
"""


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


async def in_doubt(config: MailConfig, job: Job, error: SendError) -> None:
    """The content was on its way and no reply came."""
    doubt = Doubt(
        invitation=job.invitation,
        attempt=job.attempt,
        release=job.candidate.release,
        resent=job.candidate.resent,
        answers_for=job.answers_for,
        hold=job.after_crash == "hold",
        text=str(error),
    )
    await run(job.account, lambda tx: _write(tx, config, doubt))


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
                answers_for=versions[row["campaign"], row["version"]].deadline,
                hold=row["after_crash"] == "hold",
                text="the worker stopped while sending",
            )
            await _write(tx, config, doubt)

    await run(account, write)


async def _write(tx: Tx, config: MailConfig, doubt: Doubt) -> None:
    """One resend after a rest, or hold for an operator; after the resend, nothing more."""
    fence = (tx.account, doubt.invitation, doubt.attempt)
    if doubt.resent and not doubt.hold:
        touched = await tx.execute(_END, *fence)
    else:
        phase = "held" if doubt.hold else "waiting"
        until = tx.now + timedelta(seconds=config.uncertain_after)
        touched = await tx.execute(_PARK, *fence, phase, until, doubt.text)
    if not touched:
        return
    status = "held" if doubt.hold else "uncertain"
    deadline = answer_deadline(tx.now, doubt.answers_for)
    await tx.execute(_MAY_HAVE_GONE, tx.account, doubt.invitation, status, tx.now, deadline)
    await contacts.confirm(tx, doubt.invitation, window_anchor(doubt.release, tx.now))
    await note(tx, [Event(doubt.invitation, status, doubt.attempt, doubt.text)])
