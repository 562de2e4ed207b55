"""The database owner's view: who waits for whom, and what the clock says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

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


@asynccontextmanager
async def owning(dsn: str) -> AsyncIterator[Owner]:
    """The owner's view of the database at `dsn`."""
    connection = await asyncpg.connect(dsn)
    try:
        yield Owner(connection)
    finally:
        await connection.close()
