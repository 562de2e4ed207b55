"""What becomes of an invitation whose mail was not taken.

Every write is fenced: it changes nothing once somebody else has claimed the row.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from mail import contacts
from mail.config import MailConfig
from mail.contacts import Suppression
from mail.delivery import breakers
from mail.delivery.breakers import Opened
from mail.delivery.events import Event, note
from mail.delivery.outcomes import Opens, Outcome, outcome_of
from mail.delivery.stages import Leased
from mail.delivery.uncertain import Doubt, leave_in_doubt
from mail.recall import recall_behind
from mail.smtp.replies import SendError
from mail.states import EXPIRE, FAIL, GIVE_BACK, LEASED, LEASED_AGAIN, PUT_OFF, REFUSE, quoted
from sync.database import NO_ACCOUNT, Tx, run

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: How long a server may put a mail off before its invitation expires.
PATIENCE: Final = timedelta(hours=48)
#: The first and the longest wait between two attempts.
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=4)
#: How long nothing is begun after the server took nothing at all.
REST: Final = timedelta(seconds=30)

#: Nothing was offered, so nothing is counted: neither towards patience nor towards a date.
_GIVE_BACK: Final = GIVE_BACK.sql("""
WITH held AS MATERIALIZED (
  SELECT invitation FROM outbox WHERE account = $1 AND invitation = ANY($3::uuid[])
  ORDER BY invitation FOR NO KEY UPDATE
)
UPDATE outbox o SET phase = {phase}, not_before = $2, lease_until = NULL,
  first_tried_at = one.first_tried_at
FROM held JOIN unnest($3::uuid[], $4::integer[], $5::timestamptz[])
  AS one (invitation, attempt, first_tried_at) USING (invitation)
WHERE o.account = $1 AND o.invitation = ANY($3::uuid[]) AND o.invitation = one.invitation
  AND o.attempt = one.attempt AND o.phase IN ({from_phases})
""")

_OURS: Final = GIVE_BACK.reading("""
SELECT FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")

#: Where the breaker that counts it has opened, it goes at once when mails of its kind are taken
#: again; else at its own time.
_PUT_OFF: Final = PUT_OFF.sql("""
UPDATE outbox SET phase = {phase}, not_before = $4, lease_until = NULL, error = $5,
  sender_domain = $6, recipient_domain = $7
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")

_ENDS: Final = (EXPIRE, FAIL, REFUSE)
_END: Final = {
    edge: edge.sql("""
    DELETE FROM outbox
    WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
    """)
    for edge in _ENDS
}
_STATUS: Final = {
    edge: edge.sql("""
    UPDATE invitation SET status = $3, reason = $4 WHERE account = $1 AND id = $2
    """)
    for edge in _ENDS
}

#: Of all accounts: they share the server.
_REST: Final = quoted("""
UPDATE outbox SET not_before = $2, error = $3
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox WHERE phase = {Phase.WAITING} AND not_before <= $1
  ORDER BY account, invitation FOR NO KEY UPDATE SKIP LOCKED)
""")


def backoff(first_tried_at: datetime, now: datetime) -> timedelta:
    """How long to wait: about as long as it has been tried for, half of it at random."""
    waited = min(max(now - first_tried_at, FIRST_WAIT), LONGEST_WAIT)
    return _jittered(waited)


async def give_back(account: int, jobs: Sequence[Leased]) -> None:
    """Nothing was said of these mails: they are due as before, and surely not sent."""
    rows = [
        (job.invitation, job.attempt, job.candidate.first_tried_at)
        for job in sorted(jobs, key=lambda job: job.invitation)
    ]

    async def write(tx: Tx) -> None:
        for job in jobs:
            if job.probe:
                await breakers.probe_again(tx, job.route)
        await tx.execute(_GIVE_BACK, tx.account, tx.now, *zip(*rows, strict=True))

    await run(account, write)


async def rest(error: SendError) -> None:
    """The server takes nothing, whoever it is for: all that is due waits a little."""

    async def write(tx: Tx) -> None:
        await tx.execute(_REST, tx.now, tx.now + _jittered(REST), str(error))

    await run(NO_ACCOUNT, write)


async def record(config: MailConfig, job: Leased, error: SendError) -> Opened | None:
    """Write what becomes of a mail that was begun and not taken; the breaker that stops it, if any.

    `error`: not of the server, which has all mails rest.
    """

    async def write(tx: Tx) -> Opened | None:
        outcome = outcome_of(
            error,
            resent=job.candidate.resent,
            hold=job.after_crash == "hold",
            patient=tx.now - job.first_tried_at < PATIENCE,
        )
        if not await tx.fetch(_OURS, *_fence(job)):
            return None
        # Breakers before the queue, which is not ours until a write that is fenced says so.
        if outcome.opens and (opened := await _stopped(tx, job, outcome.opens, error)):
            return opened
        if job.probe:
            await breakers.probe_again(tx, job.route)
        if outcome.edge is PUT_OFF:
            await _put_off(tx, job, outcome, error)
        elif outcome.edge in _ENDS:
            await _end(tx, job, outcome, error)
        else:
            await leave_in_doubt(tx, config, _doubt(job, error))
        return None

    opened = await run(job.account, write)
    if opened is not None and opened.fresh:
        LOG.error(
            "mails are refused for the sender's sake",
            account=job.account,
            sender=opened.route.sender,
            recipient=opened.route.recipient,
            reply=error.words,
        )
    return opened


async def _stopped(tx: Tx, job: Leased, opens: Opens, error: SendError) -> Opened | None:
    """The breaker behind which the mail waits now."""
    opened = await breakers.refused(
        tx, job.route, opens, job.sending.address, error.words, job.probe
    )
    if opened is not None and await breakers.put_behind(
        tx, job.invitation, job.attempt, job.route, str(error)
    ):
        await note(tx, [Event(job.invitation, "deferred", job.attempt, error.text)])
    return opened


async def _put_off(tx: Tx, job: Leased, outcome: Outcome, error: SendError) -> None:
    until = tx.now + backoff(job.first_tried_at, tx.now)
    route = (job.route.sender, job.route.recipient) if outcome.opens else (None, None)
    if await tx.execute(_PUT_OFF, *_fence(job), until, str(error), *route):
        await note(tx, [Event(job.invitation, "deferred", job.attempt, error.text)])


async def _end(tx: Tx, job: Leased, outcome: Outcome, error: SendError) -> None:
    edge = outcome.edge
    if not await tx.execute(_END[edge], *_fence(job)):
        return
    status = edge.end(LEASED_AGAIN if job.candidate.resent else LEASED).status
    await tx.execute(_STATUS[edge], tx.account, job.invitation, status, error.text)
    if outcome.suppress or outcome.full:
        await _suppress(tx, job, outcome)
    await contacts.release(tx, [job.invitation])
    said = "full" if outcome.full else edge.end(LEASED).status or ""
    await note(tx, [Event(job.invitation, said, job.attempt, error.text)])


async def _suppress(tx: Tx, job: Leased, outcome: Outcome) -> None:
    """Have the address count as empty from now on, if that is what the outcome says of it."""
    why: Suppression = "bounced" if outcome.suppress else "full"
    if outcome.suppress or await contacts.found_full(tx, job.contact, job.invitation):
        await contacts.suppress(tx, job.contact, why)
        await recall_behind(tx, job.contact)


def _doubt(job: Leased, error: SendError) -> Doubt:
    return Doubt(
        invitation=job.invitation,
        attempt=job.attempt,
        release=job.candidate.release,
        resent=job.candidate.resent,
        answers_for=job.version.rules.deadline,
        hold=job.after_crash == "hold",
        text=str(error),
    )


def _fence(job: Leased) -> tuple[int, UUID, int]:
    return job.account, job.invitation, job.attempt


def _jittered(longest: timedelta) -> timedelta:
    return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter
