"""Access to the database: one engine, a pool for each event loop, and transactions by `tx()`.

All transactions but the owner's migrations go through `tx()`. It sets the account's scope, which
row-level security reads, returns the database's time, always releases its connection, and refuses
to be nested. Simple reads and writes use Piccolo's tables inside it; hot paths use SQL by its
`fetch` and `execute`.
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

#: Tries of a transaction, the first included.
RETRIES: Final = 6
#: Errors that another try may not meet: a conflict, or a plan from before a migration.
RETRYABLE: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
#: Seconds that a pool waits for running queries when it is closed.
CLOSING: Final = 5.0

#: Sets a transaction's scope; returns the time, and whether the server can write.
_OPEN: Final = """
SELECT set_config('retour.account', $1, true), retour_now() AS now,
  current_setting('transaction_read_only') = 'on' AS read_only
"""


class NotOpenError(RuntimeError):
    """There is no open pool in this event loop."""


class NestedError(RuntimeError):
    """A transaction was opened inside another one; use a savepoint."""


class Database(PostgresEngine):
    """Piccolo's engine with a pool for each event loop, because worker threads have their own."""

    def __init__(self) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        super().__init__(config={})

    @property
    def pool(self) -> "Pool":
        """The pool of the running event loop.

        :raises NotOpenError: it was not opened.
        """
        pool = self._pools.get(asyncio.get_running_loop())
        if pool is None:
            raise NotOpenError("open the database in this event loop first")
        return pool

    @pool.setter
    def pool(self, value: "Pool | None") -> None:
        """Ignore it: Piccolo's constructor sets None, and pools come from `open` only."""

    async def check_version(self) -> None:
        """Do nothing: Piccolo calls it in its constructor, before a database is known."""

    async def open(self, dsn: str, *, size: int = 8, limit: float | None = PATIENCE) -> None:
        """Open this loop's pool of at most `size` connections to `dsn`.

        `limit`: seconds that the client waits for a statement; None for no limit.
        """
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            init_size=1,
            max_size=size,
            connect=Connector(dsn, limit),
            connection_class=Session,
        )
        self._pools[asyncio.get_running_loop()] = pool

    async def close(self) -> None:
        """Close this loop's pool; running queries are cancelled after `CLOSING` seconds."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await pool.close()


DB: Final = Database()


class Tx(Struct, eq=False):
    """An open transaction.

    `now`: the database's time, UTC. `actor`: to whom the audit trail ascribes its changes.
    `last`: statements that run once each just before the commit, with the account as parameter.
    They lock counters, after which no other lock may be waited for.
    """

    connection: "Connection"
    account: int
    now: datetime
    actor: str
    last: set[str] = field(default_factory=set)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Return all rows of `sql`, whose parameters are $1, $2, ..."""
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """Return the first row, or None."""
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Return the first column of the first row, or None."""
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        """Run `sql` and return the number of rows that it affected."""
        status = await self.connection.execute(sql, *args)
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    async def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run `sql` once for each row of parameters."""
        await self.connection.executemany(sql, rows)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Run a part whose writes alone are rolled back if it raises."""
        part = self.connection.transaction()
        await part.start()
        try:
            yield
        except UNSURE:  # the connection is closed, which ends the transaction
            raise
        except BaseException:
            await part.rollback()
            raise
        await part.commit()


#: The scope of no account: only tables without row-level security can be read or written.
NO_ACCOUNT: Final = 0
#: The actor of changes that no user or program asked for.
SYSTEM: Final = "system"


@asynccontextmanager
async def transaction() -> AsyncIterator["Connection"]:
    """Open a transaction without a scope, which Piccolo's queries use too.

    Its connection is released whatever happens to COMMIT or ROLLBACK.

    :raises TimeoutError: no connection was free within `ACQUIRE_TIMEOUT` seconds.
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
        except UNSURE:  # `borrowed` closes the connection, which ends the transaction
            raise
        except BaseException:
            try:
                async with asyncio.timeout(PROMPT):
                    await begun.rollback()
            except CUT as error:  # the connection is lost; the first error is the one to raise
                await cut(pool, connection, others=isinstance(error, TimeoutError))
            raise
        else:
            await begun.commit()
        finally:
            DB.current_transaction.reset(context)


@asynccontextmanager
async def tx(account: int = NO_ACCOUNT, actor: str = SYSTEM) -> AsyncIterator[Tx]:
    """Open a transaction in the scope of `account`; it commits at the end unless an error passes.

    `actor`: to whom the audit trail ascribes its changes, see `sync.audit`.

    :raises NestedError: inside another one, where a caught inner error would commit both.
    :raises TimeoutError: as `transaction`.
    """
    if DB.current_transaction.get() is not None:
        raise NestedError("a transaction is already open here; use tx.savepoint()")
    async with transaction() as connection:
        row = await connection.fetchrow(_OPEN, str(account) if account else "", timeout=PROMPT)
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        if row["read_only"]:
            raise asyncpg.ReadOnlySQLTransactionError(READ_ONLY)
        opened = Tx(connection, account, row["now"], actor)
        yield opened
        for sql in sorted(opened.last):
            await opened.execute(sql, account)


def retried(attempt: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[object, object, T]]:
    """Return `attempt` with retries from the start after a deadlock or a conflict."""

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
    """Return what `work` returns, run in a transaction and retried after a deadlock or a conflict.

    `actor`: as in `tx`.

    :raises asyncpg.PostgresError: from the last try.
    """
    async with tx(account, actor) as opened:
        return await work(opened)


@retried
async def once(sql: str, *args: object, limit: float | None = None) -> list[asyncpg.Record]:
    """Return the rows of one statement that is its own transaction, retried as `run` does.

    One round trip instead of the four of `tx`. It has no scope, so it can use only what the role
    may do for all accounts; the time is `retour_now()`. `limit`: seconds that the client waits,
    instead of the pool's limit.

    :raises asyncpg.PostgresError: from the last try.
    """
    async with borrowed(DB.pool) as connection:
        return await connection.fetch(sql, *args, timeout=limit)


async def now() -> datetime:
    """Return the database's time (UTC), which tests may shift."""
    async with tx() as opened:
        return opened.now
