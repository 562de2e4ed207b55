"""Task types and states."""

from collections.abc import Sequence
from uuid import UUID

from sync.database import Tx
from sync.records.shapes import StatePut, TaskTypePut


async def put_states(tx: Tx, items: Sequence[StatePut]) -> list[str]:
    raise NotImplementedError


async def put_task_types(tx: Tx, items: Sequence[TaskTypePut]) -> list[UUID]:
    raise NotImplementedError
