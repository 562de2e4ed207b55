"""Signing in over HTTP, and what the owner of the database sees and moves meanwhile."""

import asyncio
from datetime import timedelta
from typing import Final

import asyncpg
import httpx

from tests.support.office import PASSWORD

ME: Final = "/api/v1/me"
SESSIONS: Final = "/api/v1/sessions"


def sign_in(browser: httpx.Client, address: str, password: str = PASSWORD) -> httpx.Response:
    """Try to sign in."""
    return browser.post(SESSIONS, json={"email": address, "password": password})


def shift_clock(dsn: str, by: timedelta) -> None:
    """Move the database's clock as seen by the product."""

    async def shift() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "INSERT INTO test_clock VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET shift = $1", by
        )
        await connection.close()

    asyncio.run(shift())


def rows(dsn: str, sql: str, *args: object) -> list[asyncpg.Record]:
    """What the owner sees."""

    async def fetch() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetch(sql, *args)
        finally:
            await connection.close()

    return asyncio.run(fetch())
