"""One row per address: who opted out, who bounced or is full, and which invitations used it.

A row is found by the HMAC of its address under a key of the account, so that it says who opted out
when the address itself is erased. Whoever reads the key too can tell whether an address that they
guess is among them, and no more. Rows are locked in the order of these for the decision at release,
then those that there were none of are made, by one decision of the account at a time; and never
while a mail is on its way.
"""

import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from rules.decide import Mute
from sync.database import Tx
from sync.ids import new_id

Suppression: TypeAlias = Literal["unsubscribed", "bounced", "full"]
#: Why an address counts as empty.
EMPTY: Final[frozenset[Suppression]] = frozenset({"bounced", "full"})
#: A mailbox is full for good when it took nothing of so many visits in such a time.
FULL_VISITS: Final = 3
FULL_FOR: Final = timedelta(days=30)
#: A contact, and a campaign.
MuteKey: TypeAlias = tuple[UUID, UUID]

_KEY_BYTES: Final = 32

_KEY: Final = "SELECT secret FROM contact_key WHERE account = $1"

_MAKE_KEY: Final = """
INSERT INTO contact_key (account, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""

#: Several surveys of one visit count once, one about no visit as one; more visits than are asked
#: for need not be known.
_FULL: Final = """
UPDATE contact c SET full_since = coalesce(full_since, $4), full_visits = CASE
  WHEN i.task = ANY(full_visits) OR cardinality(full_visits) >= $5 THEN full_visits
  ELSE coalesce(full_visits, '{}') || i.task END
FROM (SELECT coalesce(task, id) AS task FROM invitation WHERE account = $1 AND id = $3 LIMIT 1) i
WHERE c.account = $1 AND c.id = $2
RETURNING cardinality(full_visits) AS visits, full_since
"""

_TOOK: Final = """
UPDATE contact SET full_since = NULL, full_visits = NULL
WHERE account = $1 AND id IN (
  SELECT id FROM contact
  WHERE account = $1 AND id = ANY($2) AND full_since IS NOT NULL
  ORDER BY address_key FOR NO KEY UPDATE)
"""

_LOOK: Final = "SELECT id, suppressed FROM contact WHERE account = $1 AND address_key = $2"

_LOCK: Final = """
SELECT address_key, id, suppressed FROM contact WHERE account = $1 AND address_key = ANY($2)
ORDER BY address_key FOR NO KEY UPDATE
"""

_MAKE: Final = """
INSERT INTO contact (account, id, address, address_key)
SELECT $1, one.id, one.address, one.key
FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS one (id, address, key) ORDER BY one.key
ON CONFLICT (account, address_key) DO NOTHING
"""

_USER: Final = """
SELECT c.id, c.suppressed
FROM contact_use u JOIN contact c ON (c.account, c.id) = (u.account, u.contact)
WHERE u.account = $1 AND u.invitation = $2
"""

_LAST: Final = """
SELECT one.contact, one.campaign, u.invitation, u.confirmed, u.counted_from
FROM unnest($2::uuid[], $3::uuid[]) AS one (contact, campaign)
CROSS JOIN LATERAL (
  SELECT invitation, confirmed, counted_from FROM contact_use
  WHERE account = $1 AND contact = one.contact AND campaign = one.campaign
  ORDER BY counted_from DESC LIMIT 1) u
"""

_USE: Final = """
INSERT INTO contact_use (account, contact, invitation, campaign, confirmed, counted_from)
SELECT $1, one.contact, one.invitation, one.campaign, false, one.counted_from
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
  AS one (contact, invitation, campaign, counted_from)
ON CONFLICT (account, invitation) DO NOTHING
"""

#: The deliverer confirms what was sent with a statement of its own, `mail.sending.checkpoint`.
_CONFIRM: Final = """
UPDATE contact_use SET confirmed = true, counted_from = $3
WHERE account = $1 AND invitation = $2 AND NOT confirmed
"""

_RELEASE: Final = """
DELETE FROM contact_use WHERE account = $1 AND invitation = ANY($2) AND NOT confirmed
"""

_SUPPRESS: Final = """
UPDATE contact SET suppressed = $3, suppressed_at = $4
WHERE account = $1 AND id = $2 AND suppressed IS NULL
"""

_UNSUBSCRIBE: Final = """
UPDATE contact SET suppressed = 'unsubscribed', suppressed_at = $3
WHERE account = $1 AND id = $2 AND suppressed IS DISTINCT FROM 'unsubscribed'
"""


class Contact(Struct, frozen=True):
    """An address's row, and why nothing is written to it, if so."""

    id: UUID
    suppressed: Suppression | None


class Use(Struct, frozen=True):
    """An invitation whose mail is on its way to a contact. `counted_from`: UTC."""

    contact: UUID
    invitation: UUID
    campaign: UUID
    counted_from: datetime


async def keys_of(tx: Tx, addresses: Iterable[str]) -> dict[str, bytes]:
    """What the rows of `addresses` (normal forms) are found by, by address."""
    secret = await tx.fetchval(_KEY, tx.account)
    if secret is None:
        await tx.execute(_MAKE_KEY, tx.account, secrets.token_bytes(_KEY_BYTES))
        secret = await tx.fetchval(_KEY, tx.account)
    return {address: hmac.digest(secret, address.encode(), "sha256") for address in addresses}


async def lock(tx: Tx, addresses: Iterable[str]) -> dict[str, Contact]:
    """Lock the rows that there are of `addresses`, and tell what is known of them, by address."""
    of_keys = {key: address for address, key in (await keys_of(tx, addresses)).items()}
    return {
        of_keys[row["address_key"]]: Contact(row["id"], row["suppressed"])
        for row in await tx.fetch(_LOCK, tx.account, list(of_keys))
    }


async def make(tx: Tx, addresses: Collection[str]) -> dict[str, Contact]:
    """Make the rows of `addresses`, which had none, and lock them."""
    if not addresses:
        return {}
    keys = await keys_of(tx, addresses)
    ids = [new_id() for _ in keys]
    await tx.execute(_MAKE, tx.account, ids, list(keys), list(keys.values()))
    return await lock(tx, addresses)


async def contact_of(tx: Tx, invitation: UUID, address: str | None) -> Contact | None:
    """Whom an invitation used, else whom its `address` belongs to; None: nobody known."""
    row = await tx.fetchrow(_USER, tx.account, invitation)
    if row is None and address is not None:
        [key] = (await keys_of(tx, [address])).values()
        row = await tx.fetchrow(_LOOK, tx.account, key)
    return None if row is None else Contact(row["id"], row["suppressed"])


async def unsubscribe(tx: Tx, contact: UUID) -> bool:
    """Never write to `contact` again, on its own word; whether that is new."""
    return bool(await tx.execute(_UNSUBSCRIBE, tx.account, contact, tx.now))


async def found_full(tx: Tx, contact: UUID, invitation: UUID) -> bool:
    """Record that a contact's mailbox never had room for this mail, and return whether it is full.

    It is when it took no mail on `FULL_VISITS` visits in `FULL_FOR`.
    """
    row = await tx.fetchrow(_FULL, tx.account, contact, invitation, tx.now, FULL_VISITS)
    assert row is not None  # noqa: S101 - who was written to has a row
    return bool(row["visits"] >= FULL_VISITS and tx.now - row["full_since"] >= FULL_FOR)


async def took(tx: Tx, contacts: Collection[UUID]) -> None:
    """Mails to `contacts` were taken: no mailbox of theirs is full."""
    await tx.execute(_TOOK, tx.account, list(contacts))


async def mutes_of(tx: Tx, wanted: Collection[MuteKey]) -> dict[MuteKey, Mute]:
    """The last use of contacts, whose rows are locked, by these campaigns."""
    if not wanted:
        return {}
    return {
        (row["contact"], row["campaign"]): Mute(
            row["invitation"], row["confirmed"], row["counted_from"]
        )
        for row in await tx.fetch(_LAST, tx.account, *zip(*wanted, strict=True))
    }


async def use(tx: Tx, uses: Sequence[Use]) -> None:
    """Keep who is written to now; an earlier attempt's row stays."""
    if uses:
        rows = [(one.contact, one.invitation, one.campaign, one.counted_from) for one in uses]
        await tx.execute(_USE, tx.account, *zip(*rows, strict=True))


async def confirm(tx: Tx, invitation: UUID, counted_from: datetime) -> None:
    """Start the window of a sent invitation; one that was confirmed before is not extended."""
    await tx.execute(_CONFIRM, tx.account, invitation, counted_from)


async def release(tx: Tx, invitations: Collection[UUID]) -> None:
    """Forget the uses of these invitations that are not confirmed: nothing was sent."""
    if invitations:
        await tx.execute(_RELEASE, tx.account, list(invitations))


async def suppress(tx: Tx, contact: UUID, why: Suppression) -> None:
    """Never write to `contact` again, whose row is locked by then; an earlier reason stays."""
    await tx.execute(_SUPPRESS, tx.account, contact, why, tx.now)
