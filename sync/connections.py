"""Connections to the database: how long they may take, and when they are trusted no more.

A database that says nothing is known by limits on our side: a statement that passes one ends, and
its connection is cut and never used again. So is a session that cannot write: after a failover it
belongs to the server that was demoted. The other connections of the pool are replaced, too: they
lead to the same server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast
from urllib.parse import unquote, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    _Base: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    _Base = asyncpg.Connection

#: Seconds that a statement may take: the server's limit, which its role is given.
STATEMENT: Final = 30
#: Seconds after which we stop waiting for one: by then the server has ended it, if it can.
PATIENCE: Final = STATEMENT + 1.0
#: Seconds to wait for a free connection before the request is answered 503.
ACQUIRE_TIMEOUT: Final = 10.0
#: Seconds for what waits for nobody: to connect, to begin, to roll back.
PROMPT: Final = 5.0
#: Seconds to take leave of a server; nothing depends on its answer.
_LEAVE: Final = 2.0
#: Statements that a connection keeps prepared: asyncpg's own number.
_PREPARED: Final = 100

#: What asyncpg raises on a connection that was cut, or that says nothing.
CUT: Final = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    OSError,
)
#: What passes by itself and is no statement's fault: the server is away, full, or the wrong one.
AWAY: Final = (
    *CUT,
    asyncpg.InsufficientResourcesError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
#: All that using a database may raise.
FAULTS: Final = (*CUT, asyncpg.PostgresError)

#: What is said of a server that only reads.
READ_ONLY: Final = "the server does not write: it was demoted, or is a replica"

#: What leaves a connection in the middle of something, nobody knows of what.
UNSURE: Final = (TimeoutError, asyncio.CancelledError)

_WHO: Final = """
SELECT pg_backend_pid(), encode(convert_to(session_user, 'UTF8'), 'hex'),
  current_setting('transaction_read_only')
"""


class WrongRoleError(asyncpg.InterfaceError):
    """A pooler signed in as somebody else than was asked for; the text says as whom."""


class Session(_Base):
    """asyncpg's connection, which does not wait for a server that leaves its goodbye unanswered."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Close it within `_LEAVE` seconds."""
        with suppress(*CUT):
            await super().close(timeout=_LEAVE if timeout is None else min(timeout, _LEAVE))


class _Who(NamedTuple):
    """What a session says of itself."""

    pid: int
    role: str
    read_only: bool


class Connector:
    """Makes connections to `dsn`, each to a server that can write.

    `limit`: seconds that a statement may take; None: any time.
    """

    def __init__(self, dsn: str, limit: float | None) -> None:
        self._dsn, self._limit = dsn, limit
        #: Whether a pooler may deal out our transactions to several sessions: then no statement is
        #: prepared by a name, which another session would not know.
        self.pooled = False

    async def __call__(self, *_: object, **options: Any) -> Session:
        """A connection; `options` as of asyncpg's pool.

        :raises TimeoutError: nobody answered within `PROMPT` seconds.
        :raises ReadOnlySQLTransactionError: the server does not write.
        :raises WrongRoleError: it is not the role's that `dsn` names.
        """
        made, who = await self._connect(options)
        if who.pid != made.get_server_pid() and not self.pooled:
            # A pooler gives a number of its own in place of the session's.
            self.pooled = True
            made.terminate()
            made, who = await self._connect(options)
        named = urlsplit(self._dsn).username
        asked = unquote(named) if named else who.role
        if who.role == asked and not who.read_only:
            return made
        made.terminate()
        if who.read_only:
            raise asyncpg.ReadOnlySQLTransactionError(READ_ONLY)
        raise WrongRoleError(f"a pooler signed in as {who.role} in place of {asked}")

    async def _connect(self, options: dict[str, Any]) -> tuple[Session, _Who]:
        several = "," in urlsplit(self._dsn).netloc
        given: dict[str, Any] = {
            "connection_class": Session,
            "timeout": PROMPT,
            "command_timeout": self._limit,
            "statement_cache_size": 0 if self.pooled else _PREPARED,
            "target_session_attrs": SessionAttribute("read-write" if several else "any"),
        }
        said = bytearray()

        async def keep(data: bytes) -> None:
            said.extend(data)

        try:
            made: Session = await asyncpg.connect(self._dsn, **given | options)
            try:  # by COPY: one message and its answer, which no pooler deals out to two sessions
                await made.copy_from_query(_WHO, output=keep, timeout=PROMPT)
            except BaseException:
                made.terminate()
                raise
        except TimeoutError:
            raise TimeoutError(f"no answer within {PROMPT:g} seconds") from None
        pid, role, read_only = said.decode().split()
        return made, _Who(int(pid), bytes.fromhex(role).decode(), read_only == "on")


@asynccontextmanager
async def borrowed(pool: "Pool") -> "AsyncIterator[Connection]":
    """A free connection of `pool`, given back whatever happens.

    :raises TimeoutError: there is none within `ACQUIRE_TIMEOUT` seconds.
    """
    connection = cast("Connection", await pool.acquire(timeout=ACQUIRE_TIMEOUT))
    try:
        yield connection
    except UNSURE as error:
        await cut(pool, connection, others=isinstance(error, TimeoutError))
        raise
    except asyncpg.ReadOnlySQLTransactionError:
        await pool.expire_connections()
        raise
    finally:
        await pool.release(cast("Any", connection))


async def cut(pool: "Pool", connection: "Connection", *, others: bool) -> None:
    """Use `connection` no more, nor the `others` of `pool`, which lead to the same server."""
    with suppress(asyncpg.InterfaceError):  # asyncpg has cut it already
        connection.terminate()
    if others:
        await pool.expire_connections()
