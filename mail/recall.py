"""Recalling claimed mails, so that they are judged again, and ending reminders that wait.

Claims run ahead of sending by up to a chunk and some seconds. A transaction after which nothing may
be sent takes them back: content is sent only while the claim stands, so that transaction comes
first or the content has begun. Recalled mails are due at once.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from mail.positions import ADVANCE
from mail.states import RECALL, SPARE
from sync.database import Tx
from sync.ids import new_id

#: Taken first by a transaction that claims for an account, or that must prevent it.
CLAIM_LOCK: Final = "SELECT pg_advisory_xact_lock($1)"

#: Locks in the order of the index. A mail whose content mark was committed before is not recalled.
_RECALL: Final = """
UPDATE outbox SET phase = {{phase}}, not_before = $2, lease_until = NULL
WHERE account = $1 AND phase IN ({{from_phases}}) AND invitation IN (
  SELECT o.invitation
  FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
  WHERE o.account = $1 AND o.phase IN ({{from_phases}}) AND {concerned}
  ORDER BY o.invitation FOR NO KEY UPDATE OF o {locked})
"""

#: A further mail may go to another contact than its invitation uses.
_USES_CONTACT: Final = """EXISTS (
    SELECT FROM contact_use
    WHERE account = $1 AND invitation = o.invitation AND contact = ANY($3)
    UNION ALL
    SELECT FROM link WHERE account = $1 AND invitation = o.invitation AND contact = ANY($3))"""
_RECALL_CONTACTS: Final = RECALL.sql(_RECALL.format(concerned=_USES_CONTACT, locked=""))
_RECALL_CAMPAIGN: Final = RECALL.sql(_RECALL.format(concerned="i.campaign = $3", locked=""))
_RECALL_ALL: Final = RECALL.sql(_RECALL.format(concerned="true", locked=""))
#: Two mails to one address may be refused at once: neither transaction waits for the other.
_RECALL_REFUSED: Final = RECALL.sql(_RECALL.format(concerned=_USES_CONTACT, locked="SKIP LOCKED"))

_SPARE: Final = SPARE.sql("""
DELETE FROM outbox
WHERE account = $1 AND invitation = $2 AND purpose = {Purpose.REMINDER}
  AND phase IN ({from_phases})
RETURNING invitation, attempt, own_typed_address
""")

_SPARE_CONTACT: Final = SPARE.sql("""
DELETE FROM outbox WHERE account = $1 AND invitation IN (
  SELECT o.invitation
  FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
  WHERE o.account = $1 AND o.purpose = {Purpose.REMINDER} AND o.phase IN ({from_phases})
    AND o.own_address = (SELECT address FROM contact WHERE account = $1 AND id = $2)
    AND ($3::uuid IS NULL OR i.campaign = $3)
  ORDER BY o.invitation FOR NO KEY UPDATE OF o)
RETURNING invitation, attempt, own_typed_address
""")

_TELL: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail, address)
SELECT $1, gone.id, gone.invitation, 'reminder_dropped', $2, gone.attempt, $3, gone.address
FROM unnest($4::uuid[], $5::uuid[], $6::integer[], $7::text[])
  AS gone (id, invitation, attempt, address)
"""


async def lock_claims(tx: Tx) -> None:
    """Prevent claims for the account until this transaction ends."""
    await tx.execute(CLAIM_LOCK, tx.account)


async def recall_contacts(tx: Tx, chosen: Collection[UUID]) -> None:
    """Recall what is claimed for contacts; claims of the account are locked."""
    await tx.execute(_RECALL_CONTACTS, tx.account, tx.now, list(chosen))


async def spare_answered(tx: Tx, invitation: UUID) -> None:
    """End the reminder of `invitation` that waits or is claimed: somebody answers now."""
    gone = await tx.fetch(_SPARE, tx.account, invitation)
    await _tell_spared(tx, gone, "answered")


async def spare_contact(tx: Tx, contact: UUID, campaign: UUID | None) -> None:
    """End the reminders to `contact`, of one campaign or all, unless their content has begun.

    It leaves their surveys; claims of the account are locked.
    """
    gone = await tx.fetch(_SPARE_CONTACT, tx.account, contact, campaign)
    await _tell_spared(tx, gone, "suppressed")


async def recall_refused_contact(tx: Tx, contact: UUID) -> None:
    """Recall what is claimed for `contact`, whose row is locked, unless its entry is locked.

    The server has refused the address.
    """
    await tx.execute(_RECALL_REFUSED, tx.account, tx.now, [contact])


async def recall_campaign(tx: Tx, campaign: UUID) -> None:
    """Recall what is claimed of `campaign`; the account's campaigns are locked."""
    await tx.execute(_RECALL_CAMPAIGN, tx.account, tx.now, campaign)


async def recall_all(tx: Tx) -> None:
    """Recall what is claimed of the account; its campaigns are locked."""
    await tx.execute(_RECALL_ALL, tx.account, tx.now)


async def _tell_spared(tx: Tx, gone: Sequence[asyncpg.Record], reason: str) -> None:
    if gone:
        rows = [
            (new_id(), row["invitation"], row["attempt"], row["own_typed_address"]) for row in gone
        ]
        await tx.execute(_TELL, tx.account, tx.now, reason, *zip(*rows, strict=True))
        tx.last.add(ADVANCE)
