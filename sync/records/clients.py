"""Customers and locations."""

from collections.abc import Sequence
from uuid import UUID

from sync.database import Tx
from sync.records.shapes import CustomerPut, LocationPut


async def put_customers(tx: Tx, items: Sequence[CustomerPut]) -> list[UUID]:
    raise NotImplementedError


async def put_locations(tx: Tx, items: Sequence[LocationPut]) -> list[UUID]:
    raise NotImplementedError
