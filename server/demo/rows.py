"""Inserts rows of the demo directly, many in few statements."""

from collections.abc import Iterable
from typing import Any, Final

from piccolo.table import Table

from sync.database import Tx

#: Rows of one statement, which may have at most 32,767 parameters.
CHUNK: Final = 500


async def insert(table: type[Table], rows: Iterable[dict[str, Any]]) -> None:
    """Add `rows` to `table` inside the open transaction."""
    items = [table(**row) for row in rows]
    for start in range(0, len(items), CHUNK):
        await table.insert(*items[start : start + CHUNK])


def queue_entry(tx: Tx) -> dict[str, Any]:
    """The common columns of a row in a queue of the workers that is due now."""
    return {"account": tx.account, "changed_at": tx.now, "attempts": 0, "not_before": tx.now}
