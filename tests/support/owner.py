"""The owner of a test's database: moves its clock, and sees all rows and who waits for whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

DEADLINE: Final = 10.0

WAITING: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class Owner:
    """The owner's connection to a test's database."""

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection

    async def until_waiting(self, sessions: int) -> None:
        """Return once exactly so many sessions wait for a lock."""
        async with asyncio.timeout(DEADLINE):
            while await self.connection.fetchval(WAITING) != sessions:
                # A transaction goes on seeing what it saw of other sessions unless told to forget.
                await self.connection.execute("SELECT pg_sleep(0.005), pg_stat_clear_snapshot()")

    async def move_clock(self, shift: timedelta) -> None:
        """Make the database's time differ from the real one by `shift`."""
        await self.connection.execute(
            "INSERT INTO test_clock VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET shift = $1", shift
        )

    async def count(self, table: str) -> int:
        """Rows of `table`, of all accounts."""
        counted: int = await self.connection.fetchval(f"SELECT count(*) FROM {table}")
        return counted

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
    """The owner's view of the database at `dsn`."""
    connection = await asyncpg.connect(dsn)
    try:
        yield Owner(connection)
    finally:
        await connection.close()
