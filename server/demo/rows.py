"""Many rows in few statements."""

from collections.abc import Iterable
from typing import Any, Final

from piccolo.table import Table

#: Rows of one statement; a statement takes 32,767 parameters.
CHUNK: Final = 500


async def insert(table: type[Table], rows: Iterable[dict[str, Any]]) -> None:
    """Add `rows` to `table` inside the open transaction."""
    made = [table(**row) for row in rows]
    for start in range(0, len(made), CHUNK):
        await table.insert(*made[start : start + CHUNK])
