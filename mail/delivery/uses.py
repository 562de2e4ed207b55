"""Uses of contacts: what mute windows and caps count, read and reserved while claims are judged.

Claims of an account are judged one after the other, under its advisory lock, and nothing else
reserves; what sending does meanwhile is to confirm or to release. So what is read here stands, or
was reserved and is decided now: then who is judged waits for nothing, and is judged again. Rows of
contacts are locked because of those who unsubscribe, and rows of customers need not be.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct, structs

from rules.at_release import Mute
from sync.database import Tx

#: Whom a mute window leaves alone, a contact or a customer, and the campaign whose it is.
MuteKey: TypeAlias = tuple[UUID, UUID]
#: Uses of each contact, the newest first.
Recent: TypeAlias = dict[UUID, list[Mute]]

#: For so long a mail may be on its way and still count as reserved, beyond the period of a cap.
LONGEST_WAY: Final = timedelta(days=60)
#: More uses of a contact are not read: as many use up any cap, or are decided before it is judged.
MOST_USES: Final = 200

#: Of contacts and of customers; each by its index.
_LAST_USES: Final = """
SELECT wanted.holder, wanted.campaign, u.invitation, u.confirmed, u.counted_from
FROM unnest($2::uuid[], $3::uuid[]) AS wanted (holder, campaign)
CROSS JOIN LATERAL (
  SELECT invitation, confirmed, counted_from FROM contact_use
  WHERE account = $1 AND {holder} = wanted.holder AND campaign = wanted.campaign
  ORDER BY counted_from DESC LIMIT 1) u
"""
_LAST_OF_CONTACTS: Final = _LAST_USES.format(holder="contact")
_LAST_OF_CUSTOMERS: Final = _LAST_USES.format(holder="customer")

_RECENT_USES: Final = """
SELECT wanted.contact, u.invitation, u.confirmed, u.counted_from
FROM unnest($2::uuid[], $3::timestamptz[]) AS wanted (contact, since)
CROSS JOIN LATERAL (
  SELECT invitation, confirmed, counted_from FROM contact_use
  WHERE account = $1 AND contact = wanted.contact AND counted_from > wanted.since - $4::interval
    AND (counted_from > wanted.since OR NOT confirmed)
  ORDER BY counted_from DESC LIMIT $5) u
ORDER BY u.counted_from DESC
"""

_ADD_USES: Final = """
INSERT INTO contact_use
  (account, contact, invitation, campaign, confirmed, counted_from, customer)
SELECT $1, new.contact, new.invitation, new.campaign, false, new.counted_from, new.customer
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::uuid[])
  AS new (contact, invitation, campaign, counted_from, customer)
ON CONFLICT (account, invitation) DO NOTHING
"""


class Use(Struct, frozen=True):
    """An invitation whose mail is on its way to a contact. `counted_from`: UTC.

    `customer`: whose survey it is, None for a task without one.
    """

    contact: UUID
    invitation: UUID
    campaign: UUID
    counted_from: datetime
    customer: UUID | None


async def last_uses(
    tx: Tx, wanted: Collection[MuteKey], *, of_customers: bool
) -> dict[MuteKey, Mute]:
    """Return the last uses of contacts, or by customers at whatever address, by campaigns.

    At least one is `wanted`; rows of contacts are locked.
    """
    sql = _LAST_OF_CUSTOMERS if of_customers else _LAST_OF_CONTACTS
    rows = await tx.fetch(sql, tx.account, *zip(*wanted, strict=True))
    return {(row["holder"], row["campaign"]): _use(row) for row in rows}


async def recent_uses_of(tx: Tx, since: Mapping[UUID, datetime]) -> Recent:
    """Return the uses of contacts, of whatever campaigns, that count from later than `since`.

    And those before that are still reserved.
    """
    recent: Recent = {contact: [] for contact in since}
    columns = (list(since), list(since.values()))
    rows = await tx.fetch(_RECENT_USES, tx.account, *columns, LONGEST_WAY, MOST_USES)
    for row in rows:
        recent[row["contact"]].append(_use(row))
    return recent


async def add_uses(tx: Tx, uses: Sequence[Use]) -> None:
    """Insert `uses`; that of an earlier attempt stays as it is."""
    if uses:
        await tx.execute(_ADD_USES, tx.account, *zip(*map(structs.astuple, uses), strict=True))


def _use(row: asyncpg.Record) -> Mute:
    return Mute(row["invitation"], row["confirmed"], row["counted_from"])
