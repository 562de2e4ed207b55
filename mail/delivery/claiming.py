"""Claiming: one transaction an account decides what is due and leases what may be sent.

The decisions of an account are taken one chunk after the other (an advisory lock of the
transaction), so that ties between invitations go by release, then id, whoever claims. Locks are
taken in one order: the turn, campaigns, breakers that nobody waits behind any more, the queue and
its invitations, contacts by address, mute windows, breakers.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct, structs

from mail import contacts
from mail.config import MailConfig
from mail.definition import Rules, to_rules
from mail.delivery import breakers
from mail.delivery.candidates import Candidate, due, due_ids
from mail.delivery.dropping import drop
from mail.delivery.holding import hold_restored
from mail.delivery.leasing import Leased, lease, lease_end, sender_domain
from mail.delivery.poison import fault
from mail.delivery.releasing import Cleared, Dropped, Stopped, Waiting, judge
from mail.live import CampaignSet, VersionKey, load, pinned_content, pinned_rules
from mail.queues import PASSING
from mail.states import quoted
from rules.campaign import Campaign, Status
from rules.decide import Reason
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
  LEFT JOIN outbox h ON h.account = $1 AND h.invitation = w.holder AND h.phase = {Phase.WAITING}
) AS one
WHERE o.account = $1 AND o.invitation = one.invitation
""")

_WAKE: Final = quoted("""
UPDATE outbox SET not_before = $2 WHERE account = $1 AND phase = {Phase.WAITING} AND error = $3
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
    await tx.execute(breakers.TURN, tx.account)
    # Held, so that who pauses or archives one sees what we claim and takes it back.
    campaigns = await load(tx, hold=True)
    bars = await breakers.bars(tx)
    found = await due(tx, limit, only)
    if not found:
        return NOTHING
    await hold_restored(tx, [one for one in found if one.doubtful])
    certain = [one for one in found if not one.doubtful]
    versions = {(one.campaign, one.version) for one in certain}
    pinned = await pinned_rules(tx, versions)
    contents = await pinned_content(tx, versions)
    active, paused, archived = _by_status(certain, campaigns)
    rules = {one.invitation: _rules(one, campaigns, pinned) for one in active}
    senders = {key: sender_domain(config, one) for key, one in contents.items()}
    released = await judge(tx, active, rules, senders, bars)
    await contacts.reserve(tx, released.reserved)
    stopped = [one for one in released.outcomes if isinstance(one, Stopped)]
    await breakers.park(tx, [(one.candidate.invitation, one.route) for one in stopped])
    await breakers.let_through(tx, bars.tried, lease_end(tx, config))
    waiting = [one for one in released.outcomes if isinstance(one, Waiting)]
    await _wait(tx, waiting)
    await _stand_still(tx, paused)
    dropped = [one for one in released.outcomes if isinstance(one, Dropped)]
    await drop(tx, dropped + [Dropped(one, Reason.PAUSED) for one in archived])
    cleared = [one for one in released.outcomes if isinstance(one, Cleared)]
    return Chunk(len(found), len(waiting), await lease(tx, config, cleared, rules, contents))


def _by_status(
    found: Iterable[Candidate], campaigns: CampaignSet
) -> tuple[list[Candidate], list[Candidate], list[Candidate]]:
    """Those whose campaign sends, those whose campaign stands still, and the archived ones'."""
    groups: dict[Status, list[Candidate]] = {status: [] for status in Status}
    for one in found:
        campaign = campaigns.campaigns.get(one.campaign)
        groups[Status.PAUSED if campaign is None else campaign.status].append(one)
    return groups[Status.ACTIVE], groups[Status.PAUSED], groups[Status.ARCHIVED]


def _rules(one: Candidate, campaigns: CampaignSet, pinned: Mapping[VersionKey, Rules]) -> Campaign:
    """The campaign as the invitation's version says it; mute applies as it is at release."""
    newest = campaigns.campaigns[one.campaign]
    if newest.version == one.version:
        return newest
    rules = pinned[one.campaign, one.version]
    then = to_rules(
        one.campaign, one.version, rules, newest.status, newest.activated_at, newest.pauses
    )
    return structs.replace(then, mute=newest.mute)


async def _stand_still(tx: Tx, paused: Sequence[Candidate]) -> None:
    if paused:
        ids = [one.invitation for one in paused]
        await tx.execute(_STAND_STILL, tx.account, ids, tx.now + PAUSE_CHECK)


async def _wait(tx: Tx, waiting: Sequence[Waiting]) -> None:
    if waiting:
        columns = zip(*((one.candidate.invitation, one.holder) for one in waiting), strict=True)
        soon = tx.now + LOOK_AGAIN
        await tx.execute(_WAIT, tx.account, *columns, soon, LOOK_AGAIN, RESERVED)
