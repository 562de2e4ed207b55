"""What becomes of an invitation whose mail was not taken, or of which nobody knows.

Every write is fenced: it changes nothing once somebody else has claimed the row.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.config import MailConfig
from mail.delivery.claiming import RESERVED, Job
from mail.delivery.errors import SendError
from mail.delivery.events import Event, note
from mail.live import pinned
from rules.timing import answer_deadline, window_anchor
from sync.database import Tx, run

#: How long a server may put us off before the invitation expires.
PATIENCE: Final = timedelta(hours=48)
#: The first and the longest wait between two attempts.
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=4)
#: How often a mail that cannot be made is tried before it is held.
TRIES: Final = 5

_GIVE_BACK: Final = """
UPDATE outbox o SET phase = 'waiting', not_before = $3, lease_until = NULL, error = $4
FROM unnest($2::uuid[], $5::integer[]) AS one (invitation, attempt)
WHERE o.account = $1 AND o.invitation = one.invitation AND o.attempt = one.attempt
  AND o.phase IN ('claimed', 'data')
RETURNING o.invitation
"""

_END: Final = """
DELETE FROM outbox WHERE account = $1 AND invitation = $2 AND attempt = $3
  AND phase IN ('claimed', 'data')
RETURNING invitation
"""

_HOLD: Final = """
UPDATE outbox SET phase = 'held', lease_until = NULL, error = $4
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase = 'claimed'
RETURNING invitation
"""

_STATUS: Final = """
UPDATE invitation SET status = $3, reason = $4 WHERE account = $1 AND id = $2
"""

_OVERDUE_CLAIMS: Final = """
UPDATE outbox SET phase = 'waiting', not_before = $2, lease_until = NULL
WHERE account = $1 AND phase = 'claimed' AND lease_until <= $2
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
RETURNING resent
"""

_MAY_HAVE_GONE: Final = """
UPDATE invitation SET status = $3, sent_at = coalesce(sent_at, $4),
  deadline = coalesce(deadline, $5)
WHERE account = $1 AND id = $2
"""

_WAKE: Final = """
UPDATE outbox SET not_before = $2 WHERE account = $1 AND phase = 'waiting' AND error = $3
"""


class Doubt(Struct, frozen=True):
    """An attempt of which nobody knows whether the server took it."""

    invitation: UUID
    attempt: int
    release: datetime
    resent: bool
    deadline: timedelta
    after_crash: str
    text: str


def backoff(first_tried_at: datetime, now: datetime) -> timedelta:
    """How long to wait: about as long as it has been tried for, half of it at random."""
    waited = min(max(now - first_tried_at, FIRST_WAIT), LONGEST_WAIT)
    return waited * random.uniform(0.5, 1)  # noqa: S311 - jitter


async def give_back(account: int, jobs: Sequence[Job], error: SendError | None) -> None:
    """Nothing was said of these mails: keep all of them.

    They wait once for all of them if the server failed, and not at all if only time was short.
    """

    async def write(tx: Tx) -> None:
        first = min(job.first_tried_at for job in jobs)
        until = tx.now if error is None else tx.now + backoff(first, tx.now)
        ordered = sorted(jobs, key=lambda job: job.candidate.invitation)
        ids = [job.candidate.invitation for job in ordered]
        attempts = [job.attempt for job in ordered]
        await tx.fetch(_GIVE_BACK, tx.account, ids, until, str(error or ""), attempts)

    await run(account, write)


async def put_off(job: Job, error: SendError) -> None:
    """The server said to come back: wait, or expire after `PATIENCE`."""

    async def write(tx: Tx) -> None:
        if tx.now - job.first_tried_at >= PATIENCE:
            await _end(tx, job, "expired", error)
            return
        until = tx.now + backoff(job.first_tried_at, tx.now)
        rows = await tx.fetch(_GIVE_BACK, tx.account, [_id(job)], until, str(error), [job.attempt])
        if rows:
            await note(tx, [Event(_id(job), "deferred", job.attempt, error.text)])

    await run(job.account, write)


async def give_up(job: Job, error: SendError) -> None:
    """The server will say the same next time; a mailbox refused for good is suppressed."""

    async def write(tx: Tx) -> None:
        if await _end(tx, job, "failed", error) and error.of_recipient:
            await contacts.lock_contacts(tx, [job.sending.address])
            await contacts.suppress(tx, [job.sending.address], "bounced")

    await run(job.account, write)


async def set_aside(job: Job, error: Exception) -> None:
    """A mail could not even be made: try again, and hold it for an operator after `TRIES`."""
    text = f"{type(error).__name__}: {error}"[:500]

    async def write(tx: Tx) -> None:
        if job.attempt < TRIES:
            until = tx.now + backoff(job.first_tried_at, tx.now)
            await tx.fetch(_GIVE_BACK, tx.account, [_id(job)], until, text, [job.attempt])
        elif await tx.fetch(_HOLD, tx.account, _id(job), job.attempt, text):
            await tx.execute(_STATUS, tx.account, _id(job), "held", text)
            await contacts.release(tx, [_id(job)])
            await note(tx, [Event(_id(job), "held", job.attempt, text)])

    await run(job.account, write)


async def in_doubt(config: MailConfig, job: Job, error: SendError) -> None:
    """The content was on its way and no reply came."""
    doubt = Doubt(
        _id(job), job.attempt, job.candidate.release, job.candidate.resent,
        job.campaign.deadline, job.after_crash, str(error),
    )  # fmt: skip
    await run(job.account, lambda tx: _in_doubt(tx, config, doubt))


async def recover(config: MailConfig, account: int) -> None:
    """Take back what a worker left when it died: claims at once, content in doubt."""

    async def write(tx: Tx) -> None:
        await tx.execute(_OVERDUE_CLAIMS, tx.account, tx.now)
        rows = await tx.fetch(_OVERDUE_CONTENT, tx.account, tx.now)
        versions = await pinned(tx, {(row["campaign"], row["version"]) for row in rows})
        for row in rows:
            days = versions[row["campaign"], row["version"]].deadline_days
            doubt = Doubt(
                row["invitation"], row["attempt"], row["release"], row["resent"],
                timedelta(days=days), row["after_crash"], "the worker stopped while sending",
            )  # fmt: skip
            await _in_doubt(tx, config, doubt)

    await run(account, write)


async def wake(account: int) -> None:
    """Have those that met a reservation judged again: its outcome is known."""

    async def write(tx: Tx) -> None:
        await tx.execute(_WAKE, tx.account, tx.now, RESERVED)

    await run(account, write)


async def _in_doubt(tx: Tx, config: MailConfig, doubt: Doubt) -> None:
    """One resend after a rest, or hold for an operator; after the resend, nothing more."""
    until = tx.now + timedelta(seconds=config.uncertain_after)
    kind = "held" if doubt.after_crash == "hold" else "uncertain"
    fence = (tx.account, doubt.invitation, doubt.attempt)
    if kind == "uncertain" and doubt.resent:
        touched = await tx.fetch(_END, *fence)
    else:
        phase = "held" if kind == "held" else "waiting"
        touched = await tx.fetch(_PARK, *fence, phase, until, doubt.text)
    if not touched:
        return
    deadline = answer_deadline(tx.now, doubt.deadline)
    await tx.execute(_MAY_HAVE_GONE, tx.account, doubt.invitation, kind, tx.now, deadline)
    await contacts.confirm(tx, [(doubt.invitation, window_anchor(doubt.release, tx.now))])
    await note(tx, [Event(doubt.invitation, kind, doubt.attempt, doubt.text)])


async def _end(tx: Tx, job: Job, status: str, error: SendError) -> bool:
    if not await tx.fetch(_END, tx.account, _id(job), job.attempt):
        return False
    await tx.execute(_STATUS, tx.account, _id(job), status, error.text)
    await contacts.release(tx, [_id(job)])
    await note(tx, [Event(_id(job), status, job.attempt, error.text)])
    return True


def _id(job: Job) -> UUID:
    return job.candidate.invitation
