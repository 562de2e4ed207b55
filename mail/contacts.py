"""One row per address: who opted out, who bounced or is full, and who holds it for a campaign.

Rows are locked in the order of their addresses, for the decision at release and never while a
mail is on its way.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

from rules.decide import Mute
from sync.database import Tx

Suppression: TypeAlias = Literal["unsubscribed", "bounced", "full"]
#: Why an address counts as empty.
EMPTY: Final[frozenset[Suppression]] = frozenset({"bounced", "full"})
#: A mailbox is full for good when it took nothing of so many visits in such a time.
FULL_VISITS: Final = 3
FULL_FOR: Final = timedelta(days=30)
#: An address in normal form, and a campaign.
MuteKey: TypeAlias = tuple[str, UUID]

_EMPTY: Final = """
SELECT address FROM contact WHERE account = $1 AND address = ANY($2) AND suppressed = ANY($3)
"""

#: Several surveys of one visit count once, one about no visit as one; more visits than are asked
#: for need not be known.
_FULL: Final = """
UPDATE contact c SET full_since = coalesce(full_since, $4), full_visits = CASE
  WHEN i.task = ANY(full_visits) OR cardinality(full_visits) >= $5 THEN full_visits
  ELSE coalesce(full_visits, '{}') || i.task END
FROM (SELECT coalesce(task, id) AS task FROM invitation WHERE account = $1 AND id = $3 LIMIT 1) i
WHERE c.account = $1 AND c.address = $2
RETURNING cardinality(full_visits) AS visits, full_since
"""

_TOOK: Final = """
UPDATE contact SET full_since = NULL, full_visits = NULL
WHERE account = $1 AND address IN (
  SELECT address FROM contact
  WHERE account = $1 AND address = ANY($2) AND full_since IS NOT NULL
  ORDER BY address FOR NO KEY UPDATE)
"""

_MAKE: Final = """
INSERT INTO contact (account, address)
SELECT $1, one.address FROM unnest($2::text[]) AS one (address) ORDER BY one.address
ON CONFLICT DO NOTHING
"""

_LOCK: Final = """
SELECT address, suppressed FROM contact
WHERE account = $1 AND address = ANY($2) ORDER BY address FOR NO KEY UPDATE
"""

_MUTES: Final = """
SELECT address, campaign, invitation, confirmed, counted_from FROM mute
WHERE account = $1 AND address = ANY($2)
"""

_RESERVE: Final = """
INSERT INTO mute (account, address, campaign, invitation, confirmed, counted_from)
SELECT $1, one.address, one.campaign, one.invitation, false, one.counted_from
FROM unnest($2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[])
  AS one (address, campaign, invitation, counted_from)
ORDER BY one.address, one.campaign
ON CONFLICT (account, address, campaign) DO UPDATE
SET invitation = excluded.invitation, confirmed = false, counted_from = excluded.counted_from
"""

#: The deliverer confirms what was sent with a statement of its own, `mail.delivery.checkpoint`.
_CONFIRM: Final = """
UPDATE mute SET confirmed = true, counted_from = $3
WHERE account = $1 AND invitation = $2 AND NOT confirmed
"""

_RELEASE: Final = """
DELETE FROM mute WHERE account = $1 AND invitation = ANY($2) AND NOT confirmed
"""

_SUPPRESS: Final = """
UPDATE contact SET suppressed = $3, suppressed_at = $4
WHERE account = $1 AND address = ANY($2) AND suppressed IS NULL
"""


async def empty_among(tx: Tx, addresses: Collection[str]) -> set[str]:
    """Those of `addresses` (normal forms) that count as empty."""
    rows = await tx.fetch(_EMPTY, tx.account, list(addresses), EMPTY)
    return {row["address"] for row in rows}


async def found_full(tx: Tx, address: str, invitation: UUID) -> bool:
    """Note that `address`, whose row is locked, never had room for this mail; is that for good?

    It is when it took no mail on `FULL_VISITS` visits in `FULL_FOR`.
    """
    row = await tx.fetchrow(_FULL, tx.account, address, invitation, tx.now, FULL_VISITS)
    assert row is not None  # noqa: S101 - its row is locked
    return bool(row["visits"] >= FULL_VISITS and tx.now - row["full_since"] >= FULL_FOR)


async def took(tx: Tx, addresses: Collection[str]) -> None:
    """Mails to `addresses` were taken: none of them is full."""
    await tx.execute(_TOOK, tx.account, sorted(addresses))


async def lock_contacts(tx: Tx, addresses: Iterable[str]) -> dict[str, Suppression | None]:
    """Lock the rows of `addresses`, made where missing, and tell which are suppressed."""
    wanted = sorted(set(addresses))
    await tx.execute(_MAKE, tx.account, wanted)
    rows = await tx.fetch(_LOCK, tx.account, wanted)
    return {row["address"]: row["suppressed"] for row in rows}


async def mutes_of(tx: Tx, addresses: Iterable[str]) -> dict[MuteKey, Mute]:
    """Who holds which of `addresses`, whose rows are locked."""
    return {
        (row["address"], row["campaign"]): Mute(
            row["invitation"], row["confirmed"], row["counted_from"]
        )
        for row in await tx.fetch(_MUTES, tx.account, list(set(addresses)))
    }


async def reserve(tx: Tx, reserved: Mapping[MuteKey, Mute]) -> None:
    """Hold addresses for an attempt; what was held before has run out."""
    rows = [(*key, mute.invitation, mute.counted_from) for key, mute in reserved.items()]
    if rows:
        await tx.execute(_RESERVE, tx.account, *zip(*rows, strict=True))


async def confirm(tx: Tx, invitation: UUID, counted_from: datetime) -> None:
    """Start the window of a sent invitation; one that was confirmed before is not extended."""
    await tx.execute(_CONFIRM, tx.account, invitation, counted_from)


async def release(tx: Tx, invitations: Collection[UUID]) -> None:
    """Let go of what these invitations had reserved: nothing was sent."""
    if invitations:
        await tx.execute(_RELEASE, tx.account, list(invitations))


async def suppress(tx: Tx, addresses: Collection[str], why: Suppression) -> None:
    """Never write to `addresses` again; an earlier reason stays."""
    if addresses:
        await tx.execute(_SUPPRESS, tx.account, sorted(addresses), why, tx.now)
