"""What becomes of an invitation whose mail was not taken.

Every write is fenced: it changes nothing once somebody else has claimed the row.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from mail import contacts
from mail.delivery.errors import SendError
from mail.delivery.events import Event, note
from mail.delivery.leasing import Job
from sync.database import NO_ACCOUNT, Tx, run

#: How long a server may put a mail off before its invitation expires.
PATIENCE: Final = timedelta(hours=48)
#: The first and the longest wait between two attempts.
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=4)
#: How long nothing is begun after the server took nothing at all.
REST: Final = timedelta(seconds=30)

#: Nothing was offered, so nothing is counted: neither towards patience nor towards a date.
_GIVE_BACK: Final = """
UPDATE outbox o SET phase = 'waiting', not_before = $2, lease_until = NULL,
  first_tried_at = one.first_tried_at
FROM unnest($3::uuid[], $4::integer[], $5::timestamptz[])
  AS one (invitation, attempt, first_tried_at)
WHERE o.account = $1 AND o.invitation = one.invitation AND o.attempt = one.attempt
  AND o.phase IN ('claimed', 'data')
"""

_PUT_OFF: Final = """
UPDATE outbox SET phase = 'waiting', not_before = $4, lease_until = NULL, error = $5
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ('claimed', 'data')
"""

_END: Final = """
DELETE FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ('claimed', 'data')
"""

_STATUS: Final = """
UPDATE invitation SET status = $3, reason = $4 WHERE account = $1 AND id = $2
"""

#: Of all accounts: they share the server.
_REST: Final = """
UPDATE outbox SET not_before = $2, error = $3
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox WHERE phase = 'waiting' AND not_before <= $1
  ORDER BY account, invitation FOR NO KEY UPDATE SKIP LOCKED)
"""


def backoff(first_tried_at: datetime, now: datetime) -> timedelta:
    """How long to wait: about as long as it has been tried for, half of it at random."""
    waited = min(max(now - first_tried_at, FIRST_WAIT), LONGEST_WAIT)
    return _jittered(waited)


async def give_back(account: int, jobs: Sequence[Job]) -> None:
    """Nothing was said of these mails: they are due as before, and surely not sent."""
    rows = [
        (job.invitation, job.attempt, job.candidate.first_tried_at)
        for job in sorted(jobs, key=lambda job: job.invitation)
    ]

    async def write(tx: Tx) -> None:
        await tx.execute(_GIVE_BACK, tx.account, tx.now, *zip(*rows, strict=True))

    await run(account, write)


async def rest(error: SendError) -> None:
    """The server takes nothing, whoever it is for: all that is due waits a little."""

    async def write(tx: Tx) -> None:
        await tx.execute(_REST, tx.now, tx.now + _jittered(REST), str(error))

    await run(NO_ACCOUNT, write)


async def put_off(job: Job, error: SendError) -> None:
    """The server said to come back: wait, or expire after `PATIENCE`."""

    async def write(tx: Tx) -> None:
        if tx.now - job.first_tried_at >= PATIENCE:
            await _end(tx, job, "expired", error)
            return
        until = tx.now + backoff(job.first_tried_at, tx.now)
        fence = (tx.account, job.invitation, job.attempt)
        if await tx.execute(_PUT_OFF, *fence, until, str(error)):
            await note(tx, [Event(job.invitation, "deferred", job.attempt, error.text)])

    await run(job.account, write)


async def give_up(job: Job, error: SendError) -> None:
    """The server will say the same next time; a mailbox refused for good is suppressed."""

    async def write(tx: Tx) -> None:
        await _end(tx, job, "failed", error)

    await run(job.account, write)


async def _end(tx: Tx, job: Job, outcome: str, error: SendError) -> None:
    if not await tx.execute(_END, tx.account, job.invitation, job.attempt):
        return
    # What became of a second copy says nothing of the first.
    status = "uncertain" if job.candidate.resent else outcome
    await tx.execute(_STATUS, tx.account, job.invitation, status, error.text)
    if error.of_recipient:
        await contacts.lock_contacts(tx, [job.sending.address])
        await contacts.suppress(tx, [job.sending.address], "bounced")
    await contacts.release(tx, [job.invitation])
    await note(tx, [Event(job.invitation, outcome, job.attempt, error.text)])


def _jittered(longest: timedelta) -> timedelta:
    return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter
