"""How a contact stands: suppressed by a person or by staff, content with less, or back again."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from mail.contacts import EMPTY, Source, Suppression
from sync.database import Tx

#: What a server said is kept: an unsubscribe may be taken back.
_OVERRIDE: Final = """
UPDATE contact SET suppressed = $3, suppressed_at = $4, suppressed_source = $5,
  suppressed_before =
    CASE WHEN suppressed = ANY($6) THEN suppressed ELSE suppressed_before END,
  source_before = CASE WHEN suppressed = ANY($6) THEN suppressed_source ELSE source_before END
WHERE account = $1 AND id = ANY($2) AND suppressed IS DISTINCT FROM $3
"""

#: What a server said holds since now.
_RESUBSCRIBE: Final = """
UPDATE contact SET suppressed_before = NULL, source_before = NULL,
  suppressed = CASE WHEN suppressed_before = ANY($4) THEN suppressed_before END,
  suppressed_source = CASE WHEN suppressed_before = ANY($4) THEN source_before END,
  suppressed_at = CASE WHEN suppressed_before = ANY($4) THEN $3::timestamptz END
WHERE account = $1 AND id = $2 AND suppressed IN ('unsubscribed', 'complaint')
"""

_LIFT: Final = """
UPDATE contact SET suppressed = NULL, suppressed_at = NULL, suppressed_source = NULL,
  full_since = NULL, full_visits = NULL
WHERE account = $1 AND id = $2 AND suppressed = ANY($3)
"""

_LEAVE_CAMPAIGN: Final = """
UPDATE contact SET left_campaigns = coalesce(left_campaigns, '{}') || $3::uuid
WHERE account = $1 AND id = $2 AND ($3 = ANY(left_campaigns)) IS NOT TRUE
"""

_ASK_QUARTERLY: Final = """
UPDATE contact SET quarterly_since = $3
WHERE account = $1 AND id = $2 AND quarterly_since IS NULL
"""

_COME_BACK: Final = """
UPDATE contact SET quarterly_since = NULL,
  left_campaigns = nullif(array_remove(left_campaigns, $3), '{}')
WHERE account = $1 AND id = $2 AND (quarterly_since IS NOT NULL OR $3 = ANY(left_campaigns))
"""


async def override(tx: Tx, chosen: Collection[UUID], why: Suppression, source: Source) -> int:
    """Suppress contacts whatever the reason so far; return of how many it was another."""
    return await tx.execute(_OVERRIDE, tx.account, list(chosen), why, tx.now, source, list(EMPTY))


async def resubscribe(tx: Tx, contact: UUID) -> bool:
    """Lift that the person left or complained, and no other reason; return whether it was so."""
    return bool(await tx.execute(_RESUBSCRIBE, tx.account, contact, tx.now, list(EMPTY)))


async def leave_campaign(tx: Tx, contact: UUID, campaign: UUID) -> bool:
    """Record that the person wants no more surveys of `campaign`; return whether it was not so."""
    return bool(await tx.execute(_LEAVE_CAMPAIGN, tx.account, contact, campaign))


async def ask_quarterly(tx: Tx, contact: UUID) -> bool:
    """Record that one survey a quarter is wanted; return whether it was not so."""
    return bool(await tx.execute(_ASK_QUARTERLY, tx.account, contact, tx.now))


async def come_back(tx: Tx, contact: UUID, campaign: UUID) -> bool:
    """Lift both choices, as far as they concern `campaign`; return whether there was one."""
    return bool(await tx.execute(_COME_BACK, tx.account, contact, campaign))


async def lift(tx: Tx, contact: UUID) -> bool:
    """Lift that `contact` bounced or was full, and no other reason; return whether it was so."""
    return bool(await tx.execute(_LIFT, tx.account, contact, list(EMPTY)))
