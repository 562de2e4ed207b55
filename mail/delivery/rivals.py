"""Those that wait, and that others of lower priority may have to wait for where there is a cap.

They are looked for among the surveys of the same customer, and of the same location where that has
an address: an address that two customers share otherwise is not found, nor what lies behind so many
surveys of a day or tasks of a place. Then the one that is judged first goes first; the cap holds.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from mail.campaigns.cache import CampaignSet
from mail.delivery import outbox
from mail.delivery.known import Rival, versions_of
from mail.delivery.stages import Candidate, Versions
from mail.states import quoted
from rules.calendar import civil_day
from rules.campaign import AddressField, Status
from sync.database import Tx

#: Surveys of a customer and a day, and tasks of a location, that are looked at.
MOST_SURVEYS: Final = 200
MOST_TASKS: Final = 1000

#: What has no reservation yet. A location's are few, so they have no index of their own.
_WAITING: Final = quoted("""
SELECT v.id FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[])
  AS w (customer, since, til)
CROSS JOIN LATERAL (
  SELECT id FROM invitation
  WHERE account = $1 AND customer = w.customer AND release >= w.since AND release < w.til
    AND status = {Status.SCHEDULED} AND campaign = ANY($8)
  ORDER BY release LIMIT $9) v
UNION
SELECT v.id FROM unnest($5::uuid[], $6::timestamptz[], $7::timestamptz[])
  AS w (location, since, til)
CROSS JOIN LATERAL (
  SELECT id FROM task WHERE account = $1 AND location = w.location LIMIT $10) k
CROSS JOIN LATERAL (
  SELECT id FROM invitation
  WHERE account = $1 AND task = k.id AND release >= w.since AND release < w.til
    AND status = {Status.SCHEDULED} AND campaign = ANY($8) LIMIT 20) v
""")


async def read_rivals(
    tx: Tx,
    mail_from: str,
    campaigns: CampaignSet,
    candidates: Sequence[Candidate],
    versions: Versions,
) -> list[Rival]:
    """Return those that some of `candidates` may have to wait for, by release, then id.

    Where no campaign that sends has a higher priority nothing is read.
    `versions`: of the candidates. `mail_from`: the sender of campaigns that name none.
    """
    sending = [one for one in campaigns.campaigns.values() if one.status is Status.ACTIVE]
    top = max((one.priority for one in sending), default=0)
    yielding = [
        (item, version.rules.priority)
        for item in candidates
        if (version := versions.get((item.campaign, item.version))) is not None
        and version.rules.priority < top
        and item.earlier is None
        and not item.limits_waived
    ]
    if not yielding:
        return []
    lowest = min(priority for _, priority in yielding)
    higher = [one.id for one in sending if one.priority > lowest]
    found = await _find(tx, campaigns, [item for item, _ in yielding], higher)
    return await rivals_of(tx, mail_from, campaigns, await outbox.waiting(tx, found))


async def rivals_of(
    tx: Tx, mail_from: str, campaigns: CampaignSet, waiting: Iterable[tuple[Candidate, datetime]]
) -> list[Rival]:
    """Return those that are `waiting`, each until a time, with their versions.

    But those whose sender is no address: nobody waits for what cannot be decided.
    """
    times = list(waiting)
    items = [item for item, _ in times]
    versions = await versions_of(tx, mail_from, campaigns, items, lenient=True)
    return [
        Rival(item, version, until)
        for item, until in times
        if (version := versions.get((item.campaign, item.version))) is not None
    ]


async def _find(
    tx: Tx, campaigns: CampaignSet, candidates: Iterable[Candidate], higher: Sequence[UUID]
) -> list[UUID]:
    """Return the waiting invitations of these campaigns, of the days and people of candidates."""
    of_customers: set[tuple[UUID, datetime, datetime]] = set()
    of_locations: set[tuple[UUID, datetime, datetime]] = set()
    for item in candidates:
        planned = campaigns.places.calendar(item.zone, item.region).first_open(item.ready)
        day = civil_day(planned, ZoneInfo(item.zone))
        # That of the task now, and that of its transition, with whom invitations are stored.
        customers = filter(None, (item.customer_id, item.asked_customer))
        of_customers.update((customer, *day) for customer in customers)
        if item.location_id is not None and item.mailboxes.get(AddressField.LOCATION):
            of_locations.add((item.location_id, *day))
    columns = []
    for wanted in (of_customers, of_locations):
        columns += list(zip(*wanted, strict=True)) if wanted else [(), (), ()]
    rows = await tx.fetch(_WAITING, tx.account, *columns, higher, MOST_SURVEYS, MOST_TASKS)
    return [row["id"] for row in rows]
