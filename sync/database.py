"""The way to the database: one engine, a pool per event loop, and `tx()`.

Every transaction of Retour goes through `tx()`: it carries the account's scope (row-level security
reads it), gives the database's time, always returns its connection, and refuses to be nested.
Simple reads and writes use Piccolo's tables inside it; the hot paths use its `fetch` and `execute`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import asyncpg
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

T = TypeVar("T")

#: Seconds to wait for a free connection before the request is answered 503.
ACQUIRE_TIMEOUT: Final = 10.0
RETRIES: Final = 6
RETRYABLE: Final = (
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.SerializationError,
)

#: What asyncpg raises on a connection that was cut.
CUT: Final = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    OSError,
)


class NotOpenError(RuntimeError):
    """The pool of this event loop has not been opened."""


class NestedError(RuntimeError):
    """A transaction was asked for inside another one; use a savepoint."""


class Transaction(PostgresTransaction):
    """Piccolo's transaction, which gives its connection back whatever happens to COMMIT."""

    async def get_connection(self) -> "Connection":
        """Wait at most `ACQUIRE_TIMEOUT`; a burst must not queue for ever."""
        return cast("Connection", await open_pool().acquire(timeout=ACQUIRE_TIMEOUT))

    async def __aenter__(self) -> PostgresTransaction:
        if self._parent is not None:
            return self._parent
        self.connection = await self.get_connection()
        try:
            self.transaction = self.connection.transaction()
            await self.transaction.start()
        except BaseException:
            await open_pool().release(self.connection)
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(self, exception_type: Any, exception: Any, traceback: Any) -> bool:
        if self._parent is not None:
            return False
        try:
            if exception_type is None:
                await self.transaction.commit()
            else:
                # Where the connection is gone so is the transaction: the first error says it.
                with suppress(*CUT):
                    await self.transaction.rollback()
        finally:
            self.engine.current_transaction.reset(self.context)
            await open_pool().release(self.connection)
        return False


class Database(PostgresEngine):
    """Piccolo's engine with one pool for each event loop: the API's and the workers' differ."""

    def __init__(self) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        super().__init__(config={})

    @property
    def pool(self) -> "Pool | None":
        """The pool of the running loop, where it was opened."""
        return self._pools.get(asyncio.get_running_loop())

    @pool.setter
    def pool(self, value: "Pool | None") -> None:
        """Piccolo's constructor sets it to None; pools come through `open` only."""

    async def check_version(self) -> None:
        """Piccolo asks at construction, when no database is known yet."""

    async def get_new_connection(self) -> "Connection":
        """Refuse: without a pool Piccolo would open a connection for every query.

        :raises NotOpenError: always.
        """
        raise NotOpenError("open the database in this event loop first")

    async def open(self, dsn: str, *, size: int = 8) -> None:
        """Open this loop's pool of at most `size` connections as the role that `dsn` names."""
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=size, reset=_as_it_is)
        self._pools[asyncio.get_running_loop()] = pool

    async def close(self) -> None:
        """Close this loop's pool, waiting for the queries under way."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    def transaction(self, allow_nested: bool = True) -> Transaction:
        """A transaction; nested ones are Piccolo's no-op, which only its migrations rely on."""
        return Transaction(engine=self, allow_nested=allow_nested)


async def _as_it_is(_: object) -> None:
    """Nothing outlives a transaction here, so asyncpg's RESET ALL would be a trip for nothing.

    What was left open is rolled back all the same.
    """


DB: Final = Database()


def open_pool() -> "Pool":
    """The pool of the running event loop.

    :raises NotOpenError: where it was not opened.
    """
    pool = DB.pool
    if pool is None:
        raise NotOpenError("open the database in this event loop first")
    return pool


class Tx:
    """An open transaction, its account and its time."""

    __slots__ = ("account", "connection", "now")

    def __init__(self, connection: "Connection", account: int, now: datetime) -> None:
        self.connection = connection
        self.account = account
        self.now = now

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
        async with self.connection.transaction():
            yield


#: No account: nothing fenced can be read or written, only the tables that have no account.
NO_ACCOUNT: Final = 0


@asynccontextmanager
async def tx(account: int = NO_ACCOUNT) -> AsyncIterator[Tx]:
    """One transaction in the scope of `account`; commits at the end unless an error passes.

    :raises NestedError: inside another one. A swallowed inner error would commit both.
    :raises TimeoutError: when no connection is free within `ACQUIRE_TIMEOUT` seconds.
    """
    if DB.current_transaction.get() is not None:
        raise NestedError("a transaction is already open here; use tx.savepoint()")
    async with DB.transaction() as opened:
        connection: Connection = opened.connection
        scope = str(account) if account else ""
        row = await connection.fetchrow(
            "SELECT set_config('retour.account', $1, true), retour_now() AS now", scope
        )
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        yield Tx(connection, account, row["now"])


async def run(account: int, work: Callable[[Tx], Awaitable[T]]) -> T:
    """`work` in a transaction of its own, again from the start after a deadlock or a conflict.

    :raises asyncpg.PostgresError: what the last try met.
    """

    async def attempt() -> T:
        async with tx(account) as opened:
            return await work(opened)

    return await _until_it_passes(attempt)


async def once(sql: str, *args: object) -> list[asyncpg.Record]:
    """The rows of one statement that is a transaction of its own, tried again as `run` does.

    A single trip where `tx` takes four, for marks that many wait for. It has no scope, so it can
    use only what a worker may of all accounts; the time is `retour_now()`.

    :raises asyncpg.PostgresError: what the last try met.
    """

    async def attempt() -> list[asyncpg.Record]:
        async with open_pool().acquire(timeout=ACQUIRE_TIMEOUT) as connection:
            return await connection.fetch(sql, *args)

    return await _until_it_passes(attempt)


async def _until_it_passes(attempt: Callable[[], Awaitable[T]]) -> T:
    for tries in range(RETRIES - 1):
        try:
            return await attempt()
        except RETRYABLE:
            await asyncio.sleep(random.uniform(0, 0.02 * 2**tries))  # noqa: S311 - jitter
    return await attempt()


async def now() -> datetime:
    """The database's time (UTC), shifted where a test says so."""
    async with tx() as opened:
        return opened.now
