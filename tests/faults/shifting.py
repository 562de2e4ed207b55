"""The clock of a test's database, moved by its owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg


class Owner:
    """The database's owner: moves its clock and looks at all rows of all accounts."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def set_clock(self, moment: datetime) -> None:
        """Let the database's clock go on from `moment`."""
        await self.connection.execute(
            """
            INSERT INTO test_clock (id, shift) VALUES (1, $1::timestamptz - clock_timestamp())
            ON CONFLICT (id) DO UPDATE SET shift = $1::timestamptz - clock_timestamp()
            """,
            moment,
        )

    async def right_clock(self) -> None:
        """Let the database's clock say what the machine's says."""
        await self.connection.execute("DELETE FROM test_clock")

    async def rows(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """The rows of `sql` as tuples."""
        return [tuple(row) for row in await self.connection.fetch(sql, *args)]

    async def value(self, sql: str, *args: object) -> Any:
        """The first column of the first row."""
        return await self.connection.fetchval(sql, *args)


@asynccontextmanager
async def owning(dsn: str) -> AsyncIterator[Owner]:
    """The owner of the database at `dsn`."""
    connection = await asyncpg.connect(dsn)
    try:
        yield Owner(connection)
    finally:
        await connection.close()
