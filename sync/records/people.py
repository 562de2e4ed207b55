"""Units and users."""

from collections.abc import Sequence
from uuid import UUID

from sync.database import Tx
from sync.records.shapes import UnitPut, UserPut


async def put_units(tx: Tx, items: Sequence[UnitPut]) -> list[UUID]:
    raise NotImplementedError


async def put_users(tx: Tx, items: Sequence[UserPut]) -> list[UUID]:
    raise NotImplementedError


async def set_password(tx: Tx, user: UUID, password_hash: str) -> None:
    raise NotImplementedError
