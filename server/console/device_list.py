"""Technicians with their devices: a search, one screenful at a time, by name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
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
#: Devices of one person that are shown, and as many that were revoked.
MOST_DEVICES: Final = 20


class Sought(Struct, frozen=True):
    """What the URL asks for. `after`: name and id of the last technician seen, or None."""

    text: str
    after: tuple[str, UUID] | None


class Device(Struct, frozen=True, kw_only=True):
    """A phone or tablet; `revoked`: when its credential was ended."""

    id: UUID
    name: str
    enrolled: datetime
    revoked: datetime | None


class Technician(Struct, frozen=True, kw_only=True):
    """Who works in the field, at which unit, with which devices; revoked ones apart.

    Of many devices the last are here; `enrolled_count` and `revoked_count` count them all.
    """

    id: UUID
    name: str
    unit: str
    devices: list[Device]
    revoked: list[Device]
    enrolled_count: int
    revoked_count: int


class DeviceList(Struct, frozen=True):
    """One screenful; `more` is the address of the next, or empty."""

    text: str
    technicians: list[Technician]
    more: str


class Owned(Struct, frozen=True, kw_only=True):
    """One device with its technician."""

    id: UUID
    name: str
    technician: str
    revoked: datetime | None


#: `$2` is sought in the names of people and of their devices.
_TECHNICIANS: Final = """
SELECT u.id, u.name, n.name AS unit FROM app_user u
JOIN unit n ON n.account = u.account AND n.id = u.unit
WHERE u.account = $1 AND u.role = 'technician' AND u.active
  AND ($2 = '' OR u.name ILIKE $2 OR EXISTS (
    SELECT FROM device d WHERE d.account = $1 AND d.technician = u.id AND d.name ILIKE $2))
  AND ($3::text IS NULL OR (u.name, u.id) > ($3, $4))
ORDER BY u.name, u.id LIMIT $5
"""
_DEVICES: Final = """
SELECT * FROM (
  SELECT id, technician, name, enrolled_at, revoked_at, count(*) OVER kinds AS of_kind,
    row_number() OVER (kinds ORDER BY revoked_at DESC, enrolled_at DESC, id) AS place
  FROM device WHERE account = $1 AND technician = ANY($2)
  WINDOW kinds AS (PARTITION BY technician, revoked_at IS NULL)) d
WHERE place <= $3 ORDER BY technician, place
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


def read_sought(query: Mapping[str, str]) -> Sought:
    """What a URL looks for; what cannot be read is left out."""
    key, _, name = query.get("after", "").partition("_")
    try:
        after = (name, UUID(key))
    except ValueError:
        after = None
    return Sought(search_text(query.get("q", "")), after)


async def read_devices(tx: Tx, sought: Sought) -> DeviceList:
    """The active technicians that `sought` leaves, with all their devices."""
    name, key = sought.after or (None, None)
    rows = await tx.fetch(_TECHNICIANS, tx.account, pattern(sought.text), name, key, SCREENFUL + 1)
    shown = rows[:SCREENFUL]
    people = [row["id"] for row in shown]
    devices = await tx.fetch(_DEVICES, tx.account, people, MOST_DEVICES)
    more = _more(sought, shown[-1]) if len(rows) > SCREENFUL else ""
    return DeviceList(sought.text, list(_with_devices(shown, devices)), more)


def _with_devices(
    technicians: Iterable[asyncpg.Record], devices: Iterable[asyncpg.Record]
) -> Iterable[Technician]:
    owned: dict[UUID, list[asyncpg.Record]] = defaultdict(list)
    for row in devices:
        owned[row["technician"]].append(row)
    for row in technicians:
        yield _technician(row, owned[row["id"]])


def _technician(row: asyncpg.Record, devices: list[asyncpg.Record]) -> Technician:
    enrolled = [one for one in devices if one["revoked_at"] is None]
    revoked = [one for one in devices if one["revoked_at"] is not None]
    return Technician(
        id=row["id"],
        name=row["name"],
        unit=row["unit"],
        devices=[_device(one) for one in enrolled],
        revoked=[_device(one) for one in revoked],
        enrolled_count=enrolled[0]["of_kind"] if enrolled else 0,
        revoked_count=revoked[0]["of_kind"] if revoked else 0,
    )


def _device(row: asyncpg.Record) -> Device:
    return Device(
        id=row["id"], name=row["name"], enrolled=row["enrolled_at"], revoked=row["revoked_at"]
    )


def _more(sought: Sought, last: asyncpg.Record) -> str:
    kept = {"q": sought.text} if sought.text else {}
    return "/devices?" + urlencode({**kept, "after": f"{last['id']}_{last['name']}"})


async def read_technician(tx: Tx, technician: UUID) -> Technician:
    """Who may be given a device.

    :raises NotFoundError: no active technician of this account has the id.
    """
    row = await tx.fetchrow(_TECHNICIAN, tx.account, technician)
    if row is None:
        raise NotFoundError
    return _technician(row, [])


async def read_device(tx: Tx, device: UUID) -> Owned:
    """One device.

    :raises NotFoundError: this account has no such device.
    """
    row = await tx.fetchrow(_DEVICE, tx.account, device)
    if row is None:
        raise NotFoundError
    return Owned(
        id=row["id"], name=row["name"], technician=row["technician"], revoked=row["revoked_at"]
    )
