"""Recording mails that were not accepted: they are retried, end, or are in doubt.

Every write is fenced by the attempt: it changes nothing if the row has been claimed again.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from mail import contacts
from mail.config import MailConfig
from mail.contacts import Suppression
from mail.delivery import breakers
from mail.delivery.breakers import Opened
from mail.delivery.events import Event, EventKind, add_events
from mail.delivery.outcomes import Outcome, outcome_of
from mail.delivery.stages import Leased
from mail.delivery.uncertain import Doubt, record_doubt
from mail.recall import recall_refused_contact
from mail.smtp.replies import SendError
from mail.states import EXPIRE, FAIL, GIVE_BACK, LEASED, LEASED_AGAIN, PUT_OFF, REFUSE, quoted
from sync.database import NO_ACCOUNT, Tx, run

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: For so long after its first attempt a mail is retried, before its invitation expires.
RETRY_WINDOW: Final = timedelta(hours=48)
#: The first and the longest wait between two attempts.
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=4)
#: How long no mail is tried after the server refused to serve us at all.
PAUSE: Final = timedelta(seconds=30)

#: Nothing was offered to the server, so the retry window does not begin.
_GIVE_BACK: Final = GIVE_BACK.sql("""
WITH locked AS MATERIALIZED (
  SELECT invitation FROM outbox WHERE account = $1 AND invitation = ANY($3::uuid[])
  ORDER BY invitation FOR NO KEY UPDATE
)
UPDATE outbox o SET phase = {phase}, not_before = $2, lease_until = NULL,
  first_tried_at = given.first_tried_at
FROM locked JOIN unnest($3::uuid[], $4::integer[], $5::timestamptz[])
  AS given (invitation, attempt, first_tried_at) USING (invitation)
WHERE o.account = $1 AND o.invitation = ANY($3::uuid[]) AND o.invitation = given.invitation
  AND o.attempt = given.attempt AND o.phase IN ({from_phases})
""")

_IS_LEASED: Final = GIVE_BACK.reading("""
SELECT FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")

#: With the domains of a breaker the mail is due as soon as that closes, else at its own time.
_PUT_OFF: Final = PUT_OFF.sql("""
UPDATE outbox SET phase = {phase}, not_before = $4, lease_until = NULL, error = $5,
  sender_domain = $6, recipient_domain = $7, first_tried_at = coalesce(first_tried_at, $8)
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")

_ENDS: Final = (EXPIRE, FAIL, REFUSE)
_UNQUEUE: Final = {
    edge: edge.sql("""
    DELETE FROM outbox
    WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
    """)
    for edge in _ENDS
}
#: An invitation stays sent, whatever becomes of a further mail.
_SET_STATUS: Final = {
    edge: edge.sql("""
    UPDATE invitation SET status = $3, reason = $4
    WHERE account = $1 AND id = $2 AND status <> {Status.SENT}
    """)
    for edge in _ENDS
}

#: In all accounts: they share the server.
_PAUSE_ALL: Final = quoted("""
UPDATE outbox SET not_before = $2, error = $3
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox WHERE phase = {Phase.WAITING} AND not_before <= $1
  ORDER BY account, invitation FOR NO KEY UPDATE SKIP LOCKED)
""")


def backoff(first_tried_at: datetime, now: datetime) -> timedelta:
    """Return the wait before the next attempt: about as long as the mail has been tried for."""
    return _jittered(min(max(now - first_tried_at, FIRST_WAIT), LONGEST_WAIT))


async def give_back(account: int, jobs: Sequence[Leased]) -> None:
    """End the leases of mails that were not offered to the server: they are due as before."""
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


async def pause_all(error: SendError) -> None:
    """Postpone all due mails a little: the server accepts none, whoever the recipient."""

    async def write(tx: Tx) -> None:
        await tx.execute(_PAUSE_ALL, tx.now, tx.now + _jittered(PAUSE), str(error))

    await run(NO_ACCOUNT, write)


async def record(config: MailConfig, job: Leased, error: SendError) -> Opened | None:
    """Record a mail that was offered and not accepted; return the breaker it waits for, if any.

    `error`: not one that pauses all mails.
    """
    opened = await run(job.account, lambda tx: _record(tx, config, job, error))
    if opened is not None and opened.fresh:
        LOG.error(
            "mails are refused for the sender's sake",
            account=job.account,
            sender=opened.route.sender,
            recipient=opened.route.recipient,
            reply=error.words,
        )
    return opened


async def _record(tx: Tx, config: MailConfig, job: Leased, error: SendError) -> Opened | None:
    fence = (job.account, job.invitation, job.attempt)
    address = job.sending.typed
    outcome = outcome_of(
        error,
        resent=job.candidate.resent,
        hold=job.after_crash == "hold",
        expired=tx.now - job.first_tried_at >= RETRY_WINDOW,
    )
    if not await tx.fetch(_IS_LEASED, *fence):
        return None
    if outcome.opens:  # breakers are locked before the queue, where each write is fenced
        opened = await breakers.count_refusal(
            tx, job.route, outcome.opens, job.sending.address, error.words, job.probe
        )
        if opened is not None:
            event = Event(job.invitation, "deferred", job.attempt, error.text, address=address)
            await breakers.put_behind(tx, event, job.route, error)
            return opened
    if job.probe:
        await breakers.probe_again(tx, job.route)
    if outcome.edge in _ENDS:
        await _end(tx, job, outcome, error)
    elif outcome.edge is PUT_OFF:
        until = tx.now + backoff(job.first_tried_at, tx.now)
        route = (job.route.sender, job.route.recipient) if outcome.opens else (None, None)
        if await tx.execute(_PUT_OFF, *fence, until, str(error), *route, job.first_tried_at):
            event = Event(job.invitation, "deferred", job.attempt, error.text, address=address)
            await add_events(tx, [event])
    else:
        await record_doubt(tx, config, Doubt.of(job, outcome.edge, str(error)))
    return None


async def _end(tx: Tx, job: Leased, outcome: Outcome, error: SendError) -> None:
    """Remove a mail from the queue with its final status; suppress its address if need be."""
    edge = outcome.edge
    if not await tx.execute(_UNQUEUE[edge], job.account, job.invitation, job.attempt):
        return
    status = edge.end(LEASED_AGAIN if job.candidate.resent else LEASED).status
    await tx.execute(_SET_STATUS[edge], tx.account, job.invitation, status, error.text)
    why: Suppression | None = "bounced" if outcome.suppress else None
    if outcome.full and await contacts.add_full(tx, job.contact, job.invitation):
        why = "full"
    if why is not None:
        await contacts.suppress(tx, job.contact, why)
        await recall_refused_contact(tx, job.contact)
    await contacts.release_uses(tx, [job.invitation])
    ended = edge.end(LEASED).status
    assert ended is not None  # noqa: S101 - what leaves the queue has one
    kind: EventKind = "full" if outcome.full else ended
    event = Event(job.invitation, kind, job.attempt, error.text, address=job.sending.typed)
    await add_events(tx, [event])


def _jittered(longest: timedelta) -> timedelta:
    return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter
