"""The demonstration in a test's database."""

from server.demo.seed import seed
from sync.database import DB, tx
from tests.support.databases import SECRET, TestDatabase


async def seeded(database: TestDatabase) -> int:
    """Seed the demo as `retour up` does; the number of its account."""
    await DB.open(database.api, size=2)
    try:
        await seed(SECRET)
        async with tx() as opened:
            account: int = await opened.fetchval("SELECT DISTINCT account FROM login")
    finally:
        await DB.close()
    return account
