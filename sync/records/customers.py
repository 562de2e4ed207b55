"""Customers and locations."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from sync.database import Tx
from sync.feed.publish import touch
from sync.records.checks import (
    Check,
    address,
    checked_all,
    name,
    phone,
    several_lines,
    words,
    zone,
)
from sync.records.shapes import CustomerPut, CustomerRecord, LocationPut, LocationRecord
from sync.records.storing import Store, resolve
from sync.tables.people import Unit, User
from sync.tables.work import Customer, Location

CUSTOMER_CHECKS: Final[dict[str, Check]] = {
    "name": name,
    "external_id": name,
    "email": address,
    "billing_email": address,
    "phone": phone,
    "tags": words,
}
LOCATION_CHECKS: Final[dict[str, Check]] = {
    "name": name,
    "external_id": name,
    "address": several_lines,
    "email": address,
    "phone": phone,
    "zone": zone,
}

CUSTOMERS: Final = Store(
    "customer",
    Customer,
    CustomerRecord,
    {
        "email": None,
        "billing_email": None,
        "email_by": None,
        "email_at": None,
        "phone": None,
        "language": "fr_CA",
        "tags": [],
        "account_manager": None,
        "unit": None,
        "active": True,
    },
)
LOCATIONS: Final = Store(
    "location",
    Location,
    LocationRecord,
    {"customer": None, "email": None, "phone": None, "zone": None, "region": None},
)


async def put_customers(tx: Tx, items: Sequence[CustomerPut]) -> list[UUID]:
    """Create or update customers and return their ids; feeds that contain one get it anew.

    :raises FieldError: a value is invalid.
    """
    drafts = checked_all(items, CUSTOMER_CHECKS)
    await resolve(tx, User, drafts, "account_manager")
    await resolve(tx, Unit, drafts, "unit")
    changes = await CUSTOMERS.put(tx, drafts, _forget_capture)
    await touch(tx, [("customer", str(c.after.id)) for c in changes if c.before and c.real])
    return [change.after.id for change in changes]


async def put_locations(tx: Tx, items: Sequence[LocationPut]) -> list[UUID]:
    """Create or update locations and return their ids; feeds that contain one get it anew.

    :raises FieldError: a value is invalid.
    """
    drafts = checked_all(items, LOCATION_CHECKS)
    await resolve(tx, Customer, drafts, "customer")
    changes = await LOCATIONS.put(tx, drafts)
    await touch(tx, [("location", str(c.after.id)) for c in changes if c.before and c.real])
    return [change.after.id for change in changes]


def _forget_capture(before: CustomerRecord | None, after: CustomerRecord) -> CustomerRecord:
    """Return `after` without the technician who captured the address, if the address changes."""
    if before is None or before.email == after.email:
        return after
    return replace(after, email_by=None, email_at=None)
