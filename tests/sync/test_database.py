"""`tx()` scopes, returns its connection, and never leaves half a thing behind."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import pytest

from sync.database import DB, NestedError, Tx, now, once, run, tx
from tests.support.databases import TestDatabase
from tests.support.world import World

pytestmark = pytest.mark.anyio

INSERT = (
    "INSERT INTO account (account, name, zone, language, after_crash, created_at)"
    " VALUES ($1, 'a', 'America/Montreal', 'fr_CA', 'resend', now())"
)


async def test_a_row_of_another_account_is_not_seen(as_api: TestDatabase) -> None:
    async with tx(1) as one:
        await one.execute(INSERT, 1)
    async with tx(2) as two:
        assert await two.fetch("SELECT * FROM account") == []


async def test_a_row_for_another_account_cannot_be_written(as_api: TestDatabase) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tx(2) as two:
            await two.execute(INSERT, 1)


async def test_a_forgotten_scope_is_an_error_and_not_an_empty_page(as_api: TestDatabase) -> None:
    async with tx(1) as one:
        await one.execute(INSERT, 1)
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        async with tx() as unscoped:
            await unscoped.fetch("SELECT * FROM account")


async def test_a_transaction_inside_another_is_refused(as_api: TestDatabase) -> None:
    async with tx(1):
        inner = tx(1)
        with pytest.raises(NestedError):
            await inner.__aenter__()


async def test_a_savepoint_undoes_its_own_part_only(as_api: TestDatabase) -> None:
    async with tx(1) as one:
        await one.execute(INSERT, 1)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with one.savepoint():
                await one.execute(INSERT, 1)
    async with tx(1) as again:
        assert await again.fetchval("SELECT count(*) FROM account") == 1


async def _fail_at_commit() -> None:
    """A deferred foreign key is checked by COMMIT, which then fails."""
    async with tx(1) as one:
        await one.execute("SET CONSTRAINTS ALL DEFERRED")
        await one.execute("INSERT INTO late_check VALUES (1)")


async def test_what_is_to_come_last_runs_once_and_only_where_there_is_a_commit(
    as_api: TestDatabase,
) -> None:
    """Whoever asks for it, it comes after all that was written, and not after an error."""
    world = await World.create()
    last = "UPDATE account SET name = name || '!' WHERE account = $1"
    async with tx(world.account) as opened:
        opened.last.add(last)
        opened.last.add(last)
        await opened.execute("UPDATE account SET name = 'A'")
    with suppress(ZeroDivisionError):
        async with tx(world.account) as opened:
            opened.last.add(last)
            raise ZeroDivisionError
    async with tx(world.account) as opened:
        assert await opened.fetchval("SELECT name FROM account") == "A!"


async def test_the_pool_is_full_again_after_failing_commits(as_api: TestDatabase) -> None:
    owner = await asyncpg.connect(as_api.owner)
    await owner.execute(
        "CREATE TABLE late_check (account bigint REFERENCES account DEFERRABLE);"
        "GRANT INSERT ON late_check TO retour_api"
    )
    await owner.close()
    async with tx(1) as one:
        before = await one.fetchval("SELECT pg_backend_pid()")
    for _ in range(10 * DB.pool.get_max_size()):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await _fail_at_commit()
    assert DB.pool.get_idle_size() == DB.pool.get_size()
    async with tx(1) as one:
        assert await one.fetchval("SELECT pg_backend_pid()") == before


async def test_the_error_of_a_cut_connection_is_not_lost_in_the_rollback(
    as_api: TestDatabase,
) -> None:
    with pytest.raises(asyncpg.PostgresError, match="terminating connection"):
        await _cut_inside(as_api)
    async with tx(1) as one:
        assert await one.fetchval("SELECT 1") == 1


async def _cut_inside(database: TestDatabase) -> None:
    async with tx(1) as one:
        mine = await one.fetchval("SELECT pg_backend_pid()")
        await asyncio.gather(one.fetchval("SELECT pg_sleep(60)"), _terminate(database, mine))


async def _terminate(database: TestDatabase, backend: int) -> None:
    owner = await asyncpg.connect(database.owner)
    await owner.execute(f"SELECT pg_terminate_backend({backend})")
    await owner.close()


async def test_work_that_meets_a_conflict_starts_again(as_api: TestDatabase) -> None:
    tries = 0

    async def work(opened: object) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise asyncpg.DeadlockDetectedError("as two writers in opposite order meet it")
        return tries

    assert await run(1, work) == 3


async def test_work_whose_plans_a_migration_made_old_starts_again(as_api: TestDatabase) -> None:
    async def look(opened: Tx) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await opened.fetch("SELECT * FROM growing")]

    owner = await asyncpg.connect(as_api.owner)
    await owner.execute(
        "CREATE TABLE growing AS SELECT 1 AS one; GRANT SELECT ON growing TO retour_api"
    )
    assert await run(1, look) == [(1,)]
    await owner.execute("ALTER TABLE growing ADD COLUMN two integer NOT NULL DEFAULT 2")
    await owner.close()
    assert await run(1, look) == [(1, 2)]


async def write_alone() -> object:
    return await once("DELETE FROM throttle")


@pytest.mark.parametrize("work", [now, write_alone])
async def test_a_session_that_only_reads_is_left_for_a_new_one(
    as_api: TestDatabase, work: Callable[[], Awaitable[object]]
) -> None:
    async with DB.pool.acquire() as demoted:
        await demoted.execute("SET default_transaction_read_only = on")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await work()
    await work()


async def test_one_statement_alone_sees_no_account(as_api: TestDatabase) -> None:
    async with tx(1) as one:
        await one.execute(INSERT, 1)
    with pytest.raises(asyncpg.PostgresError):
        await once("SELECT * FROM account")
    assert [row["given"] for row in await once("SELECT $1::int AS given", 7)] == [7]
