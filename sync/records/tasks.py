"""Tasks and who is responsible for them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from sync.database import Tx
from sync.records.shapes import Ref, TaskPut


class TasksPut(Struct, frozen=True):
    """`ids` in the order given. `changed`: parked transitions were settled: ring planning."""

    ids: list[UUID]
    changed: bool


async def put_tasks(tx: Tx, items: Sequence[TaskPut]) -> TasksPut:
    raise NotImplementedError


async def assign(
    tx: Tx,
    task: UUID,
    *,
    technician: Ref | None = None,
    pool: Ref | None = None,
    at: datetime | None = None,
) -> None:
    """Close the open turns at `at` (now where left out) and open one for whom it names, if any.

    :raises MissingError: no such task.
    """
    raise NotImplementedError
