"""Recalling: claimed mails that must be decided anew, for somebody has decided otherwise.

Claims run ahead of what is being sent, by up to a chunk and some seconds. Who says that nothing is
to be sent takes them back in the same transaction: content leaves only where the claim still
stands, so the last word before the content is theirs. They are judged again at once.
"""

from typing import Final
from uuid import UUID

from mail.states import RECALL
from sync.database import Tx

#: Taken first by whoever claims for an account, or must not have it claimed for meanwhile.
CLAIM_LOCK: Final = "SELECT pg_advisory_xact_lock($1)"

#: Locked in the order of the index. One whose content mark comes first has left already. Patience
#: and date of a mail that was never offered have not begun.
_RECALL: Final = """
UPDATE outbox SET phase = {{phase}}, not_before = $2, lease_until = NULL,
  first_tried_at = CASE WHEN attempt > 1 THEN first_tried_at END
WHERE account = $1 AND phase IN ({{from_phases}}) AND invitation IN (
  SELECT o.invitation
  FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
  WHERE o.account = $1 AND o.phase IN ({{from_phases}}) AND {concerned}
  ORDER BY o.invitation FOR NO KEY UPDATE OF o {locked})
"""

_IS_TO: Final = """EXISTS (
    SELECT FROM contact_use WHERE account = $1 AND invitation = o.invitation AND contact = $3)"""
_TO: Final = RECALL.sql(_RECALL.format(concerned=_IS_TO, locked=""))
_OF: Final = RECALL.sql(_RECALL.format(concerned="i.campaign = $3", locked=""))
#: Of two mails to one address that are refused at once, neither waits for the other's outcome.
_BEHIND: Final = RECALL.sql(_RECALL.format(concerned=_IS_TO, locked="SKIP LOCKED"))


async def lock_claims(tx: Tx) -> None:
    """Have nothing be claimed of the account before this transaction ends."""
    await tx.execute(CLAIM_LOCK, tx.account)


async def recall_to(tx: Tx, contact: UUID) -> None:
    """Take back what is claimed for `contact`; claims of the account are locked."""
    await tx.execute(_TO, tx.account, tx.now, contact)


async def recall_behind(tx: Tx, contact: UUID) -> None:
    """Take back what is claimed for `contact`, whose row is locked, and nobody is busy with.

    The server has refused the address.
    """
    await tx.execute(_BEHIND, tx.account, tx.now, contact)


async def recall_of(tx: Tx, campaign: UUID) -> None:
    """Take back what is claimed of `campaign`, which is held against claims."""
    await tx.execute(_OF, tx.account, tx.now, campaign)
