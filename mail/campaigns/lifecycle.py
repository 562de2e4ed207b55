"""The status of a campaign: activating, pausing, resuming and archiving it."""

from typing import Final
from uuid import UUID

from mail.campaigns.device_asks import publish_asks
from mail.campaigns.errors import CampaignStatusError
from mail.campaigns.sender import require_sender
from mail.campaigns.store import CampaignRecord, lock_campaign
from mail.positions import ADVANCE
from mail.recall import recall_campaign
from mail.states import ARCHIVE
from rules.campaign import Status
from rules.decide import Reason
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.ids import new_id

#: Locks the queue before the invitations, as all transactions do.
_UNQUEUE: Final = ARCHIVE.sql("""
DELETE FROM outbox WHERE account = $1 AND invitation IN (
  SELECT o.invitation
  FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
  WHERE o.account = $1 AND o.phase IN ({from_phases})
    AND i.campaign = $2 AND i.status IN ({from_statuses})
  ORDER BY o.invitation FOR NO KEY UPDATE OF o)
RETURNING invitation
""")

_DROP: Final = ARCHIVE.sql("""
WITH dropped AS (
  UPDATE invitation SET status = {status}, reason = $3
  WHERE account = $1 AND id = ANY($2)
  RETURNING campaign, transition
)
UPDATE decision d SET outcome = $3, release = NULL, decided_at = $4
FROM dropped
WHERE d.account = $1 AND (d.campaign, d.transition) = (dropped.campaign, dropped.transition)
""")

_ADD_EVENTS: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail)
SELECT $1, event.id, event.invitation, 'dropped', $4, 0, $5
FROM unnest($2::uuid[], $3::uuid[]) AS event (id, invitation)
"""


async def activate_campaign(tx: Tx, campaign: UUID) -> None:
    """Activate a draft: transitions from now on may trigger it. No change if it is active.

    :raises MissingError: the account has no such campaign.
    :raises CampaignStatusError: it is paused (resume it) or archived.
    :raises SenderMissingError: mails would not say by whom they are sent.
    """
    before = await lock_campaign(tx, campaign)
    if before.status is Status.ACTIVE:
        return
    if before.status is not Status.DRAFT:
        raise CampaignStatusError("only a draft is activated")
    await require_sender(tx)
    # The time after the lock was taken, not the transaction's: a planner that held it before has
    # planned transitions up to then without this campaign.
    await tx.execute(
        "UPDATE campaign SET status = 'active', activated_at = retour_now()"
        " WHERE account = $1 AND id = $2",
        tx.account,
        campaign,
    )
    await _audit(tx, "activate", before, Status.ACTIVE)
    await publish_asks(tx)


async def pause_campaign(tx: Tx, campaign: UUID) -> None:
    """Pause an active campaign: nothing of it is sent until it is resumed. No change if paused.

    :raises MissingError: the account has no such campaign.
    :raises CampaignStatusError: it is a draft or archived.
    """
    before = await lock_campaign(tx, campaign)
    if before.status is Status.PAUSED:
        return
    if before.status is not Status.ACTIVE:
        raise CampaignStatusError("only an active campaign is paused")
    await tx.execute(
        "INSERT INTO campaign_pause (account, campaign, start_at) VALUES ($1, $2, retour_now())",
        tx.account,
        campaign,
    )
    await _set_status(tx, campaign, Status.PAUSED)
    await _audit(tx, "pause", before, Status.PAUSED)
    await recall_campaign(tx, campaign)
    await publish_asks(tx)


async def resume_campaign(tx: Tx, campaign: UUID) -> None:
    """Resume a paused campaign: mails that are due are sent. No change if it is active.

    Which of them are too late is decided when they are claimed (`rules.decide`).

    :raises MissingError: the account has no such campaign.
    :raises CampaignStatusError: it is a draft or archived.
    """
    before = await lock_campaign(tx, campaign)
    if before.status is Status.ACTIVE:
        return
    if before.status is not Status.PAUSED:
        raise CampaignStatusError("only a paused campaign is resumed")
    await tx.execute(
        "UPDATE campaign_pause SET end_at = greatest(retour_now(), start_at)"
        " WHERE account = $1 AND campaign = $2 AND end_at IS NULL",
        tx.account,
        campaign,
    )
    await _set_status(tx, campaign, Status.ACTIVE)
    await _audit(tx, "resume", before, Status.ACTIVE)
    await publish_asks(tx)


async def archive_campaign(tx: Tx, campaign: UUID) -> None:
    """Archive a campaign for good: it decides nothing any more, and what waits is dropped.

    :raises MissingError: the account has no such campaign.
    """
    before = await lock_campaign(tx, campaign)
    if before.status is Status.ARCHIVED:
        return
    await _set_status(tx, campaign, Status.ARCHIVED)
    await _audit(tx, "archive", before, Status.ARCHIVED)
    await recall_campaign(tx, campaign)
    dropped = [row["invitation"] for row in await tx.fetch(_UNQUEUE, tx.account, campaign)]
    if dropped:
        await tx.execute(_DROP, tx.account, dropped, Reason.PAUSED.value, tx.now)
        events = [new_id() for _ in dropped]
        await tx.execute(_ADD_EVENTS, tx.account, events, dropped, tx.now, Reason.PAUSED.value)
        tx.last.add(ADVANCE)
    await publish_asks(tx)


async def _set_status(tx: Tx, campaign: UUID, status: Status) -> None:
    await tx.execute(
        "UPDATE campaign SET status = $3 WHERE account = $1 AND id = $2",
        tx.account,
        campaign,
        status.value,
    )


async def _audit(tx: Tx, verb: str, before: CampaignRecord, status: Status) -> None:
    old, new = {"status": before.status.value}, {"status": status.value}
    await record(tx, f"campaign.{verb}", [AuditChange(f"campaign/{before.id}", old, new)])
