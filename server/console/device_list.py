"""The list of technicians with their devices: searched, in pages, ordered by name."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
from msgspec import Struct

from server.console.list_query import pattern, search_text
from server.http.problems import NotFoundError
from sync.database import Tx

SCREENFUL: Final = 50
#: How many devices of a technician are shown, and how many of the revoked ones.
MOST_DEVICES: Final = 20


class DeviceQuery(Struct, frozen=True):
    """The parameters of the URL. `after`: name and id of the last technician of the page before."""

    text: str
    after: tuple[str, UUID] | None


class Device(Struct, frozen=True, kw_only=True):
    """A phone or tablet. `seen`: when it was last heard of; `revoked`: when it was; else None."""

    id: UUID
    name: str
    enrolled: datetime
    seen: datetime | None
    revoked: datetime | None


class Technician(Struct, frozen=True, kw_only=True):
    """A technician with the latest MOST_DEVICES devices, and as many of the revoked ones.

    `enrolled_count`, `revoked_count`: how many there are in all.
    """

    id: UUID
    name: str
    unit: str
    devices: list[Device]
    revoked: list[Device]
    enrolled_count: int
    revoked_count: int


class DeviceList(Struct, frozen=True):
    """One page of technicians; `first`, `more`: the URLs of the first and the next, or empty."""

    text: str
    technicians: list[Technician]
    first: str
    more: str


class DeviceWithTechnician(Struct, frozen=True, kw_only=True):
    """A device with the name of its technician."""

    id: UUID
    name: str
    technician: str
    revoked: datetime | None


#: `$2`: an ILIKE pattern for the names of people and of their devices, or empty. Names are ordered
#: as both languages order them, É beside E: by their letters without accents and case.
_TECHNICIANS: Final = """
SELECT u.id, u.name, n.name AS unit FROM app_user u
JOIN unit n ON n.account = u.account AND n.id = u.unit
WHERE u.account = $1 AND u.role = 'technician' AND u.active
  AND ($2 = '' OR u.name ILIKE $2 OR EXISTS (
    SELECT FROM device d WHERE d.account = $1 AND d.technician = u.id AND d.name ILIKE $2))
  AND ($3::text IS NULL OR (search_form(u.name), u.name, u.id) > (search_form($3), $3, $4))
ORDER BY search_form(u.name), u.name, u.id LIMIT $5
"""
_DEVICES: Final = """
SELECT * FROM (
  SELECT id, technician, name, enrolled_at, last_seen_at, revoked_at,
    count(*) OVER kinds AS of_kind,
    row_number() OVER (kinds ORDER BY revoked_at DESC, enrolled_at DESC, id) AS nth
  FROM device WHERE account = $1 AND technician = ANY($2)
  WINDOW kinds AS (PARTITION BY technician, revoked_at IS NULL)) d
WHERE nth <= $3 ORDER BY technician, nth
"""
_TECHNICIAN: Final = """
SELECT u.id, u.name, n.name AS unit FROM app_user u
JOIN unit n ON n.account = u.account AND n.id = u.unit
WHERE u.account = $1 AND u.id = $2 AND u.role = 'technician' AND u.active
"""
_DEVICE: Final = """
SELECT d.id, d.name, d.revoked_at, u.name AS technician FROM device d
JOIN app_user u ON u.account = d.account AND u.id = d.technician
WHERE d.account = $1 AND d.id = $2
"""


def read_query(params: Mapping[str, str]) -> DeviceQuery:
    """The query in the parameters of a URL; an `after` that cannot be read is ignored."""
    key, _, name = params.get("after", "").partition("_")
    try:
        after = (name, UUID(key))
    except ValueError:
        after = None
    return DeviceQuery(search_text(params.get("q", "")), after)


async def read_devices(tx: Tx, query: DeviceQuery) -> DeviceList:
    """A page of active technicians that match `query`, with their devices."""
    name, key = query.after or (None, None)
    rows = await tx.fetch(_TECHNICIANS, tx.account, pattern(query.text), name, key, SCREENFUL + 1)
    shown = rows[:SCREENFUL]
    people = [row["id"] for row in shown]
    devices: dict[UUID, list[asyncpg.Record]] = defaultdict(list)
    for device in await tx.fetch(_DEVICES, tx.account, people, MOST_DEVICES):
        devices[device["technician"]].append(device)
    technicians = [_technician(row, devices[row["id"]]) for row in shown]
    search = {"q": query.text} if query.text else {}
    first = f"/devices?{urlencode(search)}" if query.after else ""
    more = ""
    if len(rows) > SCREENFUL:
        last = technicians[-1]
        more = "/devices?" + urlencode({**search, "after": f"{last.id}_{last.name}"})
    return DeviceList(query.text, technicians, first, more)


def _technician(row: asyncpg.Record, devices: list[asyncpg.Record]) -> Technician:
    enrolled = [device for device in devices if device["revoked_at"] is None]
    revoked = [device for device in devices if device["revoked_at"] is not None]
    return Technician(
        id=row["id"],
        name=row["name"],
        unit=row["unit"],
        devices=[_device(device) for device in enrolled],
        revoked=[_device(device) for device in revoked],
        enrolled_count=enrolled[0]["of_kind"] if enrolled else 0,
        revoked_count=revoked[0]["of_kind"] if revoked else 0,
    )


def _device(row: asyncpg.Record) -> Device:
    return Device(
        id=row["id"],
        name=row["name"],
        enrolled=row["enrolled_at"],
        seen=row["last_seen_at"],
        revoked=row["revoked_at"],
    )


async def read_technician(tx: Tx, technician: UUID) -> Technician:
    """The technician for whom a device is enrolled, without the devices.

    :raises NotFoundError: no active technician of this account has the id.
    """
    row = await tx.fetchrow(_TECHNICIAN, tx.account, technician)
    if row is None:
        raise NotFoundError
    return _technician(row, [])


async def read_device(tx: Tx, device: UUID) -> DeviceWithTechnician:
    """The device with the id `device`.

    :raises NotFoundError: this account has no such device.
    """
    row = await tx.fetchrow(_DEVICE, tx.account, device)
    if row is None:
        raise NotFoundError
    return DeviceWithTechnician(
        id=row["id"], name=row["name"], technician=row["technician"], revoked=row["revoked_at"]
    )
