"""The way to the database: one engine, a pool per event loop, and `tx()`.

Every transaction of Retour goes through `tx()`, but for the owner's migrations: it carries the
account's scope (row-level security reads it), gives the database's time, always returns its
connection, and refuses to be nested.
Simple reads and writes use Piccolo's tables inside it; the hot paths use its `fetch` and `execute`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import asyncpg
from msgspec import Struct, field
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from sync.connections import (
    CUT,
    PATIENCE,
    PROMPT,
    READ_ONLY,
    UNSURE,
    Connector,
    Session,
    borrowed,
    cut,
)

if TYPE_CHECKING:
    from sync.connections import Connection, Pool

P = ParamSpec("P")
T = TypeVar("T")

RETRIES: Final = 6
#: What a second try does not meet: a conflict, or a plan from before a migration.
RETRYABLE: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
#: Seconds to wait, when a pool is closed, for the queries under way.
CLOSING: Final = 5.0

#: Opens a transaction's scope; tells the time, and whether the server lets it write.
_OPEN: Final = """
SELECT set_config('retour.account', $1, true), retour_now() AS now,
  current_setting('transaction_read_only') = 'on' AS read_only
"""


class NotOpenError(RuntimeError):
    """The pool of this event loop has not been opened."""


class NestedError(RuntimeError):
    """A transaction was asked for inside another one; use a savepoint."""


class Database(PostgresEngine):
    """Piccolo's engine with one pool for each event loop: the API's and the workers' differ."""

    def __init__(self) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        super().__init__(config={})

    @property
    def pool(self) -> "Pool":
        """The pool of the running event loop.

        :raises NotOpenError: where it was not opened.
        """
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is None:
            raise NotOpenError("open the database in this event loop first")
        return pool

    @pool.setter
    def pool(self, value: "Pool | None") -> None:
        """Piccolo's constructor sets it to None; pools come through `open` only."""

    async def check_version(self) -> None:
        """Piccolo asks at construction, when no database is known yet."""

    async def open(self, dsn: str, *, size: int = 8, limit: float | None = PATIENCE) -> None:
        """Open this loop's pool of at most `size` connections as the role that `dsn` names.

        `limit`: seconds that we wait for a statement; None: as long as it takes.
        """
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            init_size=1,
            max_size=size,
            connect=Connector(dsn, limit),
            connection_class=Session,
            reset=_as_it_is,
        )
        self._pools[asyncio.get_running_loop()] = pool

    async def close(self) -> None:
        """Close this loop's pool; queries under way are cut off after `CLOSING` seconds."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await pool.close()


async def _as_it_is(_: object) -> None:
    """Nothing outlives a transaction here, so asyncpg's RESET ALL would be a trip for nothing.

    What was left open is rolled back all the same.
    """


DB: Final = Database()


class Tx(Struct, eq=False):
    """An open transaction, its account and its time; `actor`: who changes what it changes.

    `last`: statements of the account to run before the commit, once each: counters, whose locks
    nobody may hold while waiting for another.
    """

    connection: "Connection"
    account: int
    now: datetime
    actor: str
    last: set[str] = field(default_factory=set)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of `sql`, whose parameters are $1, $2, ..."""
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        """Run `sql` and return the number of rows it touched."""
        status = await self.connection.execute(sql, *args)
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    async def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run `sql` once for each row of parameters."""
        await self.connection.executemany(sql, rows)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail alone: its writes are undone when it raises."""
        part = self.connection.transaction()
        await part.start()
        try:
            yield
        except UNSURE:  # the transaction ends with its connection: nothing waits for it
            raise
        except BaseException:
            await part.rollback()
            raise
        await part.commit()


#: No account: nothing fenced can be read or written, only the tables that have no account.
NO_ACCOUNT: Final = 0
#: Who acts where nobody asked for it.
SYSTEM: Final = "system"


@asynccontextmanager
async def transaction() -> AsyncIterator["Connection"]:
    """A transaction on a connection of this loop's pool, which Piccolo's queries use, too.

    Its connection is given back whatever happens to COMMIT or ROLLBACK.

    :raises TimeoutError: when no connection is free within `ACQUIRE_TIMEOUT` seconds.
    """
    pool = DB.pool
    async with borrowed(pool) as connection:
        begun = connection.transaction()
        async with asyncio.timeout(PROMPT):
            await begun.start()
        current = PostgresTransaction(DB)
        current.connection = connection
        context = DB.current_transaction.set(current)
        try:
            yield connection
        except UNSURE:  # the transaction ends with its connection: nothing waits for it
            raise
        except BaseException:
            try:
                async with asyncio.timeout(PROMPT):
                    await begun.rollback()
            except CUT as error:  # so it is with this one; the first error says why
                await cut(pool, connection, others=isinstance(error, TimeoutError))
            raise
        else:
            await begun.commit()
        finally:
            DB.current_transaction.reset(context)


@asynccontextmanager
async def tx(account: int = NO_ACCOUNT, actor: str = SYSTEM) -> AsyncIterator[Tx]:
    """A transaction in the scope of `account`; commits at the end unless an error passes.

    `actor`: who stands in the record of what it changes, see `sync.audit`.

    :raises NestedError: inside another one. A swallowed inner error would commit both.
    :raises TimeoutError: as `transaction`.
    """
    if DB.current_transaction.get() is not None:
        raise NestedError("a transaction is already open here; use tx.savepoint()")
    async with transaction() as connection:
        row = await connection.fetchrow(_OPEN, str(account) if account else "", timeout=PROMPT)
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        if row["read_only"]:
            raise asyncpg.ReadOnlySQLTransactionError(READ_ONLY)
        made = Tx(connection, account, row["now"], actor)
        yield made
        for sql in sorted(made.last):
            await made.execute(sql, account)


def retried(attempt: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[object, object, T]]:
    """`attempt`, again from the start after a deadlock or a conflict."""

    @wraps(attempt)
    async def until_it_passes(*args: P.args, **kwargs: P.kwargs) -> T:
        for tries in range(RETRIES - 1):
            try:
                return await attempt(*args, **kwargs)
            except RETRYABLE:
                await asyncio.sleep(random.uniform(0, 0.02 * 2**tries))  # noqa: S311 - jitter
        return await attempt(*args, **kwargs)

    return until_it_passes


@retried
async def run(account: int, work: Callable[[Tx], Awaitable[T]], actor: str = SYSTEM) -> T:
    """`work` in a transaction of its own, again from the start after a deadlock or a conflict.

    `actor`: as in `tx`.

    :raises asyncpg.PostgresError: what the last try met.
    """
    async with tx(account, actor) as opened:
        return await work(opened)


@retried
async def once(sql: str, *args: object, limit: float | None = None) -> list[asyncpg.Record]:
    """The rows of one statement that is a transaction of its own, tried again as `run` does.

    A single trip where `tx` takes four, for marks that many wait for. It has no scope, so it can
    use only what a worker may of all accounts; the time is `retour_now()`.
    `limit`: seconds to wait for it, where a statement's usual time is too long.

    :raises asyncpg.PostgresError: what the last try met.
    """
    async with borrowed(DB.pool) as connection:
        return await connection.fetch(sql, *args, timeout=limit)


async def now() -> datetime:
    """The database's time (UTC), shifted where a test says so."""
    async with tx() as opened:
        return opened.now
