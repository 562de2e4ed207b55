"""A campaign's life: started once, stood still and gone on with, put away."""

from typing import Final
from uuid import UUID

from mail.campaigns.device_notice import notify_devices
from mail.campaigns.errors import CampaignStatusError
from mail.campaigns.store import CampaignRecord, lock_campaign
from mail.positions import MOVED
from mail.recall import recall_of
from mail.states import ARCHIVE
from rules.campaign import Status
from rules.decide import Reason
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.ids import new_id

#: The queue first, then the invitations: the order in which everybody locks them.
_WITHDRAW: Final = ARCHIVE.sql("""
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

_TELL: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail)
SELECT $1, one.id, one.invitation, 'dropped', $4, 0, $5
FROM unnest($2::uuid[], $3::uuid[]) AS one (id, invitation)
"""


async def activate_campaign(tx: Tx, campaign: UUID) -> None:
    """Start it; transitions from now on may ask. Nothing happens where it is active already.

    :raises MissingError: the account has none of this id.
    :raises CampaignStatusError: it is paused (resume it) or archived.
    """
    before = await lock_campaign(tx, campaign)
    if before.status is Status.ACTIVE:
        return
    if before.status is not Status.DRAFT:
        raise CampaignStatusError("only a draft is activated")
    # The time after the lock, not the transaction's: a planner that was let in before us must
    # not have planned, without this campaign, a transition that lies behind its activation.
    await tx.execute(
        "UPDATE campaign SET status = 'active', activated_at = retour_now()"
        " WHERE account = $1 AND id = $2",
        tx.account,
        campaign,
    )
    await _tell(tx, "activate", before, Status.ACTIVE)
    await notify_devices(tx)


async def pause_campaign(tx: Tx, campaign: UUID) -> None:
    """Stand still from now on; nothing happens where it is paused already.

    :raises MissingError: the account has none of this id.
    :raises CampaignStatusError: it is a draft or archived.
    """
    before = await lock_campaign(tx, campaign)
    if before.status is Status.PAUSED:
        return
    if before.status is not Status.ACTIVE:
        raise CampaignStatusError("only an active campaign is paused")
    await _stand_still(tx, campaign)
    await _set_status(tx, campaign, Status.PAUSED)
    await _tell(tx, "pause", before, Status.PAUSED)
    await recall_of(tx, campaign)
    await notify_devices(tx)


async def resume_campaign(tx: Tx, campaign: UUID) -> None:
    """Go on; what is due leaves. Nothing happens where it is active already.

    :raises MissingError: the account has none of this id.
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
    await _tell(tx, "resume", before, Status.ACTIVE)
    await notify_devices(tx)


async def archive_campaign(tx: Tx, campaign: UUID) -> None:
    """Put it away for good: it decides nothing any more, and what still waits is not sent.

    :raises MissingError: the account has none of this id.
    """
    before = await lock_campaign(tx, campaign)
    if before.status is Status.ARCHIVED:
        return
    await _set_status(tx, campaign, Status.ARCHIVED)
    await _tell(tx, "archive", before, Status.ARCHIVED)
    await recall_of(tx, campaign)
    withdrawn = [row["invitation"] for row in await tx.fetch(_WITHDRAW, tx.account, campaign)]
    if withdrawn:
        await tx.execute(_DROP, tx.account, withdrawn, Reason.PAUSED.value, tx.now)
        events = [new_id() for _ in withdrawn]
        await tx.execute(_TELL, tx.account, events, withdrawn, tx.now, Reason.PAUSED.value)
        tx.last.add(MOVED)
    await notify_devices(tx)


async def _stand_still(tx: Tx, campaign: UUID) -> None:
    await tx.execute(
        "INSERT INTO campaign_pause (account, campaign, start_at) VALUES ($1, $2, retour_now())",
        tx.account,
        campaign,
    )


async def _set_status(tx: Tx, campaign: UUID, status: Status) -> None:
    await tx.execute(
        "UPDATE campaign SET status = $3 WHERE account = $1 AND id = $2",
        tx.account,
        campaign,
        status.value,
    )


async def _tell(tx: Tx, verb: str, before: CampaignRecord, status: Status) -> None:
    was, now = {"status": before.status.value}, {"status": status.value}
    await record(tx, f"campaign.{verb}", [AuditChange(f"campaign/{before.id}", was, now)])
