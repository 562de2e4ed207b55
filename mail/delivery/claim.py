"""Claiming: one transaction per account judges due invitations and leases those that may be sent.

An advisory lock has the chunks of an account judged one after the other, so that invitations to one
contact are judged by release, then id, whichever worker claims them. After it the transaction locks
campaigns, open breakers, the queue, its invitations, and contacts by their HMAC.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import compress
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from mail import contacts
from mail.campaigns.cache import load
from mail.config import MailConfig
from mail.delivery import breakers
from mail.delivery.breakers import BehindBreaker
from mail.delivery.drop import drop
from mail.delivery.held import fault, hold_restored
from mail.delivery.judging import (
    AtRelease,
    Dropped,
    Paused,
    Postponed,
    Waiting,
    judge_and_reserve,
)
from mail.delivery.known import Rival, versions_of
from mail.delivery.lease import address_and_lease
from mail.delivery.outbox import due, due_ids
from mail.delivery.rivals import read_rivals
from mail.delivery.stages import Cleared, Leased
from mail.queues import PASSING
from mail.recall import CLAIM_LOCK
from mail.states import POSTPONE, quoted
from sync.database import Tx, run

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: An invitation that waits for a reservation is judged again this long after its lease may end.
RECHECK: Final = timedelta(seconds=5)
#: How often invitations of a paused campaign are judged again.
PAUSE_CHECK: Final = timedelta(seconds=30)
#: The errors of an invitation that waits for a reservation, and for a higher priority; `wake` looks
#: for them.
RESERVED: Final = "reserved"
YIELDED: Final = "yielded"

#: Here and below: what waits for something else does not wait for a breaker.
_PAUSE: Final = """
UPDATE outbox SET not_before = $3, error = 'paused', sender_domain = NULL, recipient_domain = NULL
WHERE account = $1 AND invitation = ANY($2)
"""

#: A holder that was postponed has no outcome before it is tried again.
_WAIT: Final = quoted("""
UPDATE outbox o SET not_before = greatest($5, given.until + $6::interval), error = given.error,
  sender_domain = NULL, recipient_domain = NULL
FROM (
  SELECT w.invitation, w.error, h.not_before AS until
  FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS w (invitation, holder, error)
  LEFT JOIN outbox h ON h.account = $1 AND h.invitation = ANY($3::uuid[])
    AND h.invitation = w.holder AND h.phase = {Phase.WAITING}
) AS given
WHERE o.account = $1 AND o.invitation = ANY($2::uuid[]) AND o.invitation = given.invitation
""")

#: The queue and the invitation together: by one of them alone a mute window would begin when the
#: mail is sent. The release of one that was sent before stays. Decisions are locked as in `drop`.
_POSTPONE: Final = POSTPONE.sql("""
WITH given AS (
  SELECT * FROM unnest($2::uuid[], $3::timestamptz[]) AS given (id, release)
), moved AS (
  UPDATE invitation i SET release = given.release FROM given
  WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = given.id
    AND i.status IN ({Status.SCHEDULED}, {Status.CLAIMED})
  RETURNING i.release, i.campaign, i.transition
), locked AS MATERIALIZED (
  SELECT moved.*
  FROM moved JOIN decision d
    ON d.account = $1 AND (d.campaign, d.transition) = (moved.campaign, moved.transition)
  ORDER BY d.campaign, d.transition FOR NO KEY UPDATE OF d
), told AS (
  UPDATE decision d SET release = locked.release FROM locked
  WHERE d.account = $1 AND d.campaign = locked.campaign AND d.transition = locked.transition
)
UPDATE outbox o SET release = given.release, not_before = given.release, error = NULL,
  sender_domain = NULL, recipient_domain = NULL
FROM given
WHERE o.account = $1 AND o.invitation = ANY($2::uuid[]) AND o.invitation = given.id
  AND o.phase IN ({from_phases})
""")

_WAKE: Final = quoted("""
UPDATE outbox SET not_before = $2 WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND phase = {Phase.WAITING} AND error = ANY($3)
  ORDER BY invitation FOR NO KEY UPDATE)
""")


class Chunk(Struct, frozen=True):
    """What a claim found. `found`: how many were due; `waiting`: of these, for reservations."""

    found: int
    waiting: int
    jobs: list[Leased]


async def claim(config: MailConfig, account: int, limit: int) -> Chunk:
    """Judge at most `limit` due invitations of `account` and lease those that may be sent.

    If that fails, each is claimed alone, and one that fails alone is postponed or held.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    try:
        return await run(account, lambda tx: _claim(tx, config, limit))
    except PASSING:
        raise
    except Exception:  # any fault of one invitation must not delay the others
        LOG.warning("chunk failed", account=account, exc_info=True)
    found = await run(account, lambda tx: due_ids(tx, limit))
    chunks = [
        await _claim_alone(config, account, invitation, attempt) for invitation, attempt in found
    ]
    return Chunk(
        found=sum(chunk.found for chunk in chunks),
        waiting=sum(chunk.waiting for chunk in chunks),
        jobs=[job for chunk in chunks for job in chunk.jobs],
    )


async def wake(account: int, errors: Collection[str] = (RESERVED, YIELDED)) -> None:
    """Make invitations due that wait for an outcome of another one, which is known.

    `errors`: of those that are meant. Who waits for what is not released yet learns little of what
    was sent meanwhile.
    """

    async def write(tx: Tx) -> None:
        await tx.execute(_WAKE, tx.account, tx.now, errors)

    await run(account, write)


async def _claim_alone(config: MailConfig, account: int, invitation: UUID, attempt: int) -> Chunk:
    try:
        return await run(account, lambda tx: _claim(tx, config, 1, [invitation]))
    except PASSING:
        raise
    except Exception as error:
        LOG.exception("an invitation could not be decided", invitation=str(invitation))
        await fault(account, invitation, attempt, error)
    return Chunk(1, 0, [])


async def _claim(
    tx: Tx, config: MailConfig, limit: int, only: Sequence[UUID] | None = None
) -> Chunk:
    await tx.execute(CLAIM_LOCK, tx.account)
    # Locked, so that pausing or archiving one sees what is claimed here, and recalls it.
    campaigns = await load(tx, lock=True)
    open_breakers = await breakers.lock_open(tx)
    found = await due(tx, limit, only)
    if not found:
        return Chunk(0, 0, [])
    if doubtful := [item for item in found if item.due_before_restore]:
        await hold_restored(tx, doubtful)
    certain = [item for item in found if not item.due_before_restore]
    versions = await versions_of(tx, config.mail_from, campaigns, certain)
    rivals: Sequence[Rival] = ()
    if campaigns.cap is not None:
        rivals = await read_rivals(tx, config.mail_from, campaigns, certain, versions)
    outcomes = await judge_and_reserve(tx, campaigns, certain, versions, open_breakers, rivals)
    # Nobody knows until when these are stopped, so nobody waits for them.
    stopped = [isinstance(item, Paused | BehindBreaker) for item in outcomes]
    uses = [item.invitation for item in compress(certain, stopped) if item.has_use]
    await contacts.release_uses(tx, uses)
    if any(not isinstance(item, Cleared | Dropped) for item in outcomes):
        await _keep_waiting(tx, outcomes)
    if dropped := [item for item in outcomes if isinstance(item, Dropped)]:
        await drop(tx, dropped)
    cleared = [item for item in outcomes if isinstance(item, Cleared)]
    until = tx.now + timedelta(seconds=config.lease)
    if probed := [item.probed for item in cleared if item.probed]:
        await breakers.let_through(tx, probed, until)
    jobs = await address_and_lease(tx, cleared, until) if cleared else []
    waiting = sum(isinstance(item, Waiting) for item in outcomes)
    return Chunk(len(found), waiting, jobs)


async def _keep_waiting(tx: Tx, outcomes: Sequence[AtRelease]) -> None:
    """Write until when those wait that are neither sent nor dropped now."""
    if stopped := [item for item in outcomes if isinstance(item, BehindBreaker)]:
        await breakers.put_due_behind(tx, stopped)
    if waiting := [item for item in outcomes if isinstance(item, Waiting)]:
        rows = (
            (one.candidate.invitation, one.holder, YIELDED if one.yields else RESERVED)
            for one in waiting
        )
        columns = zip(*rows, strict=True)
        await tx.execute(_WAIT, tx.account, *columns, tx.now + RECHECK, RECHECK)
    if paused := [item.candidate.invitation for item in outcomes if isinstance(item, Paused)]:
        await tx.execute(_PAUSE, tx.account, paused, tx.now + PAUSE_CHECK)
    postponed = [(i.candidate.invitation, i.until) for i in outcomes if isinstance(i, Postponed)]
    if postponed:
        await tx.execute(_POSTPONE, tx.account, *zip(*postponed, strict=True))
