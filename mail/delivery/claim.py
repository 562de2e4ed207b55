"""Claiming: one transaction an account decides what is due and leases what may be sent.

The decisions of an account are taken one chunk after the other (an advisory lock of the
transaction), so that ties between invitations go by release, then id, whoever claims. After it
come campaigns, open breakers, the queue and its invitations, contacts by their key, their uses.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from msgspec import Struct, structs

from mail.campaigns.cache import CampaignSet, load, pinned
from mail.campaigns.definition import to_rules
from mail.config import MailConfig
from mail.delivery import breakers
from mail.delivery.breakers import Stopped
from mail.delivery.drop import drop
from mail.delivery.held import fault, hold_restored
from mail.delivery.outbox import due, due_ids, lease
from mail.delivery.release import Dropped, Outcome, Paused, Waiting, judge
from mail.delivery.stages import Candidate, Cleared, Leased, Version, Versions
from mail.message.headers import sendable
from mail.queues import PASSING
from mail.recall import lock_claims
from mail.states import quoted
from sync.database import Tx, run

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: An invitation that met a reservation is judged again this long after that may have ended.
LOOK_AGAIN: Final = timedelta(seconds=5)
#: How often it is asked whether a paused campaign goes on.
PAUSE_CHECK: Final = timedelta(seconds=30)
#: What a waiting row says; the outcome of the reservation looks for it.
RESERVED: Final = "reserved"

#: What waits for something else does not wait behind a breaker, here and below.
_STAND_STILL: Final = """
UPDATE outbox SET not_before = $3, error = 'paused', sender_domain = NULL, recipient_domain = NULL
WHERE account = $1 AND invitation = ANY($2)
"""

#: A holder that was put off is not settled before it is tried again.
_WAIT: Final = quoted("""
UPDATE outbox o SET not_before = greatest($4, one.until + $5::interval), error = $6,
  sender_domain = NULL, recipient_domain = NULL
FROM (
  SELECT w.invitation, h.not_before AS until
  FROM unnest($2::uuid[], $3::uuid[]) AS w (invitation, holder)
  LEFT JOIN outbox h ON h.account = $1 AND h.invitation = ANY($3::uuid[])
    AND h.invitation = w.holder AND h.phase = {Phase.WAITING}
) AS one
WHERE o.account = $1 AND o.invitation = ANY($2::uuid[]) AND o.invitation = one.invitation
""")

_WAKE: Final = quoted("""
UPDATE outbox SET not_before = $2 WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND phase = {Phase.WAITING} AND error = $3
  ORDER BY invitation FOR NO KEY UPDATE)
""")


class Chunk(Struct, frozen=True):
    """What a claim found: how many were due, how many of those wait for others, what to send."""

    found: int
    waiting: int
    jobs: list[Leased]


NOTHING: Final = Chunk(0, 0, [])


async def claim(config: MailConfig, account: int, limit: int) -> Chunk:
    """Decide at most `limit` due invitations of `account` and lease those that may go.

    Where one of them cannot be decided, each is tried alone, and that one is put off.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    try:
        return await run(account, lambda tx: _claim(tx, config, limit))
    except PASSING:
        raise
    except Exception:  # whatever it is, it must not keep the neighbours waiting
        LOG.warning("chunk failed", account=account, exc_info=True)
    found = await run(account, lambda tx: due_ids(tx, limit))
    chunks = [await _alone(config, account, *one) for one in found]
    return Chunk(
        found=sum(one.found for one in chunks),
        waiting=sum(one.waiting for one in chunks),
        jobs=[job for one in chunks for job in one.jobs],
    )


async def wake(account: int) -> None:
    """Have those that met a reservation judged again: its outcome is known."""

    async def write(tx: Tx) -> None:
        await tx.execute(_WAKE, tx.account, tx.now, RESERVED)

    await run(account, write)


async def _alone(config: MailConfig, account: int, invitation: UUID, attempt: int) -> Chunk:
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
    await lock_claims(tx)
    # Held, so that who pauses or archives one sees what we claim and takes it back.
    campaigns = await load(tx, lock=True)
    probes = await breakers.open_ones(tx)
    found = await due(tx, limit, only)
    if not found:
        return NOTHING
    if doubtful := [one for one in found if one.doubtful]:
        await hold_restored(tx, doubtful)
    certain = [one for one in found if not one.doubtful]
    versions = await _versions(tx, config, campaigns, certain)
    outcomes = await judge(tx, certain, versions, probes)
    for kind, write in _WRITES:
        if those := [one for one in outcomes if isinstance(one, kind)]:
            await write(tx, those)
    cleared = [one for one in outcomes if isinstance(one, Cleared)]
    until = tx.now + timedelta(seconds=config.lease)
    if probed := [one.probed for one in cleared if one.probed is not None]:
        await breakers.let_through(tx, probed, until)
    jobs = await lease(tx, cleared, until) if cleared else []
    return Chunk(len(found), sum(isinstance(one, Waiting) for one in outcomes), jobs)


async def _versions(
    tx: Tx, config: MailConfig, campaigns: CampaignSet, asked: Sequence[Candidate]
) -> Versions:
    """What they ask by. A campaign that is no more among the account's is none.

    :raises ValueError: the sender of one is no address.
    """
    known = campaigns.campaigns
    keys = {(one.campaign, one.version) for one in asked if one.campaign in known}
    versions = {}
    for key, said in (await pinned(tx, keys)).items():
        rules = newest = known[key[0]]
        if newest.version != key[1]:
            then = to_rules(*key, said.rules, newest.status, newest.activated_at, newest.pauses)
            rules = structs.replace(then, mute=newest.mute)  # which applies as it is at release
        sender = sendable(said.content.message.sender_address or config.mail_from)
        domain = sender.rpartition("@")[2].lower()
        versions[key] = Version(rules, said.content, sender, domain)
    return versions


async def _stand_still(tx: Tx, paused: Sequence[Paused]) -> None:
    ids = [one.candidate.invitation for one in paused]
    await tx.execute(_STAND_STILL, tx.account, ids, tx.now + PAUSE_CHECK)


async def _wait(tx: Tx, waiting: Sequence[Waiting]) -> None:
    columns = zip(*((one.candidate.invitation, one.holder) for one in waiting), strict=True)
    soon = tx.now + LOOK_AGAIN
    await tx.execute(_WAIT, tx.account, *columns, soon, LOOK_AGAIN, RESERVED)


#: What is written of those that do not go.
_WRITES: Final[Sequence[tuple[type[Outcome], Callable[[Tx, Sequence[Any]], Awaitable[None]]]]] = (
    (Stopped, breakers.park),
    (Waiting, _wait),
    (Paused, _stand_still),
    (Dropped, drop),
)
