"""Contacts: one row for each address of an account, with suppressions and the uses of it.

A row is looked up by the HMAC of its address under a key of the account, so that a suppression
holds after the address itself is erased. A reader of the key can test whether a guessed address is
among the rows, and nothing else. At release rows are locked in the order of their HMACs, then
missing ones are created, by one claim of the account at a time; no row is locked while a mail is
being sent.
"""

import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from sync.database import Tx
from sync.ids import new_id

Suppression: TypeAlias = Literal["unsubscribed", "bounced", "full", "complaint"]
#: Where a suppression comes from: the link of a mail, a server's refusal, a file, or a user.
Source: TypeAlias = Literal["link", "refusal", "import", "staff"]
#: Suppressions of addresses that are treated as if the field were empty.
EMPTY: Final[frozenset[Suppression]] = frozenset({"bounced", "full"})
#: A full mailbox is suppressed when it accepted no mail about so many visits in such a time.
FULL_VISITS: Final = 3
FULL_FOR: Final = timedelta(days=30)

_KEY_BYTES: Final = 32
_HASH: Final = "sha256"

_READ_KEY: Final = "SELECT secret FROM contact_key WHERE account = $1"

_CREATE_KEY: Final = """
INSERT INTO contact_key (account, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""

#: Several surveys of one visit count once, a relational one counts for itself. No more visits are
#: stored than are needed.
_ADD_FULL: Final = """
UPDATE contact c SET full_since = coalesce(full_since, $4), full_visits = CASE
  WHEN i.task = ANY(full_visits) OR cardinality(full_visits) >= $5 THEN full_visits
  ELSE coalesce(full_visits, '{}') || i.task END
FROM (SELECT coalesce(task, id) AS task FROM invitation WHERE account = $1 AND id = $3 LIMIT 1) i
WHERE c.account = $1 AND c.id = $2
RETURNING cardinality(full_visits) AS visits, full_since
"""

_CLEAR_FULL: Final = """
UPDATE contact SET full_since = NULL, full_visits = NULL
WHERE account = $1 AND id IN (
  SELECT id FROM contact
  WHERE account = $1 AND id = ANY($2) AND full_since IS NOT NULL
  ORDER BY address_key FOR NO KEY UPDATE)
"""

_STANDING: Final = (
    "c.id, c.suppressed, c.left_campaigns, c.quarterly_since IS NOT NULL AS quarterly"
)

_FIND: Final = f"SELECT {_STANDING} FROM contact c WHERE account = $1 AND address_key = $2"  # noqa: S608 - our own text

_READ: Final = f"""
SELECT address_key, {_STANDING} FROM contact c WHERE account = $1 AND address_key = ANY($2)
"""  # noqa: S608 - our own text

_LOCK: Final = f"""
SELECT address_key, {_STANDING} FROM contact c WHERE account = $1 AND address_key = ANY($2)
ORDER BY address_key FOR NO KEY UPDATE
"""  # noqa: S608 - our own text

_CREATE: Final = """
INSERT INTO contact (account, id, address, address_key)
SELECT $1, new.id, new.address, new.key
FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS new (id, address, key) ORDER BY new.key
ON CONFLICT (account, address_key) DO NOTHING
"""

_FIND_USED: Final = f"""
SELECT {_STANDING} FROM contact c
WHERE c.account = $1 AND c.id = coalesce($3, (
  SELECT contact FROM contact_use WHERE account = $1 AND invitation = $2))
"""  # noqa: S608 - our own text

#: Sent mails are confirmed by a statement of `mail.sending.progress`.
_CONFIRM: Final = """
UPDATE contact_use SET confirmed = true, counted_from = $3
WHERE account = $1 AND invitation = $2 AND NOT confirmed
"""

_RELEASE_USES: Final = """
DELETE FROM contact_use WHERE account = $1 AND invitation = ANY($2) AND NOT confirmed
"""

_SUPPRESS: Final = """
UPDATE contact SET suppressed = coalesce(suppressed, $3),
  suppressed_at = coalesce(suppressed_at, $4),
  suppressed_source = coalesce(suppressed_source, 'refusal'),
  suppressed_before = CASE WHEN suppressed IS NOT NULL THEN coalesce(suppressed_before, $3) END,
  source_before = CASE WHEN suppressed IS NOT NULL THEN coalesce(source_before, 'refusal') END
WHERE account = $1 AND id = $2 AND (suppressed IS NULL OR suppressed = 'unsubscribed')
"""


class Contact(Struct, frozen=True):
    """The row of an address. `suppressed`: why nothing is sent to it, if so.

    `left_campaigns`: that the person left. `quarterly`: at most one survey a quarter is wanted.
    """

    id: UUID
    suppressed: Suppression | None
    left_campaigns: Sequence[UUID] | None = None
    quarterly: bool = False


async def keys_of(tx: Tx, addresses: Iterable[str]) -> dict[str, bytes]:
    """Return the HMACs of `addresses` (normal forms), by address; creates the account's key."""
    secret = await tx.fetchval(_READ_KEY, tx.account)
    if secret is None:
        await tx.execute(_CREATE_KEY, tx.account, secrets.token_bytes(_KEY_BYTES))
        secret = await tx.fetchval(_READ_KEY, tx.account)
    return {address: hmac.digest(secret, address.encode(), _HASH) for address in addresses}


async def read(tx: Tx, addresses: Iterable[str]) -> dict[str, Contact]:
    """Return the existing rows of `addresses` by address, without locking or creating anything."""
    secret = await tx.fetchval(_READ_KEY, tx.account)
    if secret is None:
        return {}
    of_keys = {hmac.digest(secret, address.encode(), _HASH): address for address in addresses}
    rows = await tx.fetch(_READ, tx.account, list(of_keys))
    return {of_keys[row["address_key"]]: _contact(row) for row in rows}


async def lock(tx: Tx, addresses: Iterable[str]) -> dict[str, Contact]:
    """Lock the existing rows of `addresses`, and return them by address."""
    of_keys = {key: address for address, key in (await keys_of(tx, addresses)).items()}
    return {
        of_keys[row["address_key"]]: _contact(row)
        for row in await tx.fetch(_LOCK, tx.account, list(of_keys))
    }


async def create(tx: Tx, addresses: Collection[str]) -> dict[str, Contact]:
    """Create the rows of `addresses`, which have none, and return them locked, by address."""
    if not addresses:
        return {}
    keys = await keys_of(tx, addresses)
    ids = [new_id() for _ in keys]
    await tx.execute(_CREATE, tx.account, ids, list(keys), list(keys.values()))
    return await lock(tx, addresses)


async def contact_of(
    tx: Tx, invitation: UUID, address: str | None, linked: UUID | None
) -> Contact | None:
    """Return the contact that an invitation used, else that of its `address`; None if unknown.

    `linked`: the contact that a link of the invitation was sent to, if it is another one.
    """
    row = await tx.fetchrow(_FIND_USED, tx.account, invitation, linked)
    if row is None and address is not None:
        [key] = (await keys_of(tx, [address])).values()
        row = await tx.fetchrow(_FIND, tx.account, key)
    return None if row is None else _contact(row)


async def add_full(tx: Tx, contact: UUID, invitation: UUID) -> bool:
    """Record that a mailbox stayed full for this mail; return whether it is to be suppressed.

    It is when it accepted no mail about `FULL_VISITS` visits in `FULL_FOR`.
    """
    row = await tx.fetchrow(_ADD_FULL, tx.account, contact, invitation, tx.now, FULL_VISITS)
    assert row is not None  # noqa: S101 - the contact of a mail has a row
    return bool(row["visits"] >= FULL_VISITS and tx.now - row["full_since"] >= FULL_FOR)


async def clear_full(tx: Tx, contacts: Collection[UUID]) -> None:
    """Record that mailboxes are not full: they accepted mails."""
    await tx.execute(_CLEAR_FULL, tx.account, list(contacts))


async def confirm_use(tx: Tx, invitation: UUID, counted_from: datetime) -> None:
    """Start the mute window of an invitation; one that was confirmed before is not extended."""
    await tx.execute(_CONFIRM, tx.account, invitation, counted_from)


async def release_uses(tx: Tx, invitations: Collection[UUID]) -> None:
    """Delete the uses of these invitations that are not confirmed: nothing was sent."""
    if invitations:
        await tx.execute(_RELEASE_USES, tx.account, list(invitations))


async def suppress(tx: Tx, contact: UUID, why: Suppression) -> None:
    """Suppress `contact`, whose row is locked, as a server said; an earlier reason stays.

    Of one that unsubscribed it is kept, in case it subscribes again.
    """
    await tx.execute(_SUPPRESS, tx.account, contact, why, tx.now)


def _contact(row: asyncpg.Record) -> Contact:
    return Contact(row["id"], row["suppressed"], row["left_campaigns"], row["quarterly"])
