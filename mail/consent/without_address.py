"""The worklist of completed tasks whose customer could not be asked for want of an address."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from mail import contacts
from mail.campaigns.cache import load
from mail.contacts import EMPTY
from rules.address import normal_form, resolve
from rules.campaign import AddressField
from sync.database import Tx

LAST_ID: Final = UUID(int=2**128 - 1)

#: One row for each task: of several campaigns that found no address, the last decision.
_READ: Final = """
SELECT d.decided_at AS at, d.task, d.round, d.campaign, m.name AS campaign_name, d.transition,
  c.day, c.type, y.name AS type_name, y.names AS type_names, t.title, t.external_id, t.customer,
  k.name AS customer_name, k.email AS customer_email, k.billing_email, l.email AS location_email,
  t.contact_email
FROM decision d
JOIN completion c ON (c.account, c.task, c.round) = (d.account, d.task, d.round)
JOIN task t ON (t.account, t.id) = (d.account, d.task)
JOIN task_type y ON (y.account, y.id) = (c.account, c.type)
JOIN campaign m ON (m.account, m.id) = (d.account, d.campaign)
LEFT JOIN customer k ON (k.account, k.id) = (t.account, t.customer)
LEFT JOIN location l ON (l.account, l.id) = (t.account, t.location)
WHERE d.account = $1 AND d.outcome = 'no_address'
  AND (d.decided_at, d.transition) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, $4))
  AND ($5::date IS NULL OR c.day = $5) AND ($6::uuid IS NULL OR c.type = $6)
  AND NOT EXISTS (
    SELECT FROM decision o
    WHERE o.account = $1 AND o.task = d.task AND o.round = d.round AND o.outcome = 'no_address'
      AND (o.decided_at, o.transition, o.campaign) > (d.decided_at, d.transition, d.campaign))
  AND NOT EXISTS (
    SELECT FROM invitation i
    WHERE i.account = $1 AND i.task = d.task AND i.campaign = d.campaign AND i.round = d.round
      AND i.status <> 'dropped')
ORDER BY d.decided_at DESC, d.transition DESC LIMIT $7
"""


class Filters(Struct, frozen=True):
    """Which completions are listed. `day`: civil, where the task is. `after`: the last seen."""

    day: date | None = None
    type: UUID | None = None
    after: tuple[datetime, UUID] | None = None


class WithoutAddress(Struct, frozen=True, kw_only=True):
    """A completed task that no survey could be sent for. `at`: when that was decided, UTC.

    `day`: of the completion. `fields`: the addresses that the campaign asks at, the first first.
    `mended`: one of them has been entered since; a survey still goes only if somebody sends it.
    """

    at: datetime
    task: UUID
    external_id: str | None
    title: str
    round: int
    transition: UUID
    campaign: UUID
    campaign_name: str
    day: date
    type: UUID
    type_name: str
    type_names: dict[str, str]
    customer: UUID | None
    customer_name: str | None
    fields: list[AddressField]
    mended: bool


async def read_without_address(tx: Tx, filters: Filters, limit: int) -> list[WithoutAddress]:
    """Return at most `limit` completions without an address, the last decided first."""
    campaigns = (await load(tx)).campaigns
    since, key = filters.after or (None, None)
    rows = await tx.fetch(_READ, tx.account, since, key, LAST_ID, filters.day, filters.type, limit)
    typed = (normal_form(row[f"{field}_email"]) for row in rows for field in AddressField)
    known_contacts = await contacts.read(tx, {address for address in typed if address})
    empty = {address for address, one in known_contacts.items() if one.suppressed in EMPTY}
    found = []
    for row in rows:
        campaign = campaigns[row["campaign"]]
        known = {name: row[name] for name in WithoutAddress.__struct_fields__ if name in row}
        known["type_names"] = msgspec.json.decode(row["type_names"], type=dict[str, str])
        mailboxes = {field: row[f"{field}_email"] for field in AddressField}
        to = resolve(mailboxes, campaign.primary, campaign.secondary, empty)
        fields = [field for field in (campaign.primary, campaign.secondary) if field is not None]
        found.append(WithoutAddress(**known, fields=fields, mended=to is not None))
    return found
