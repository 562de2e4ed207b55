"""Connections to the database: their timeouts, and when they are discarded.

A server that does not answer is detected by timeouts of the client: the statement fails, and its
connection is closed and not used again. So is a connection that cannot write, which after a
failover leads to the demoted server. The other connections of the pool lead to the same server and
are replaced too.
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

#: Seconds that a statement may take: `statement_timeout` of the roles.
STATEMENT: Final = 30
#: Seconds that the client waits for a statement; a server that works has ended it by then.
PATIENCE: Final = STATEMENT + 1.0
#: Seconds to wait for a free connection of the pool; after them a request is answered 503.
ACQUIRE_TIMEOUT: Final = 10.0
#: Seconds for what waits for no lock: to connect, begin or roll back.
PROMPT: Final = 5.0
#: Seconds to close a connection; nothing depends on the answer.
_LEAVE: Final = 2.0
#: Prepared statements that a connection caches: asyncpg's default.
_PREPARED: Final = 100

#: Raised by asyncpg on a connection that was lost or does not answer.
CUT: Final = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    OSError,
)
#: Outages, which end by themselves: the server is unreachable, has no room, or cannot write.
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
#: All errors of the database.
FAULTS: Final = (*CUT, asyncpg.PostgresError)

#: Message about a server that cannot write.
READ_ONLY: Final = "the server does not write: it was demoted, or is a replica"

#: After these a connection may be in the middle of a statement, so it is closed.
UNSURE: Final = (TimeoutError, asyncio.CancelledError)

#: Process id, role (in hexadecimal: a name may contain blanks) and whether it cannot write.
_IDENTIFY: Final = """
SELECT pg_backend_pid(), encode(convert_to(session_user, 'UTF8'), 'hex'),
  current_setting('transaction_read_only')
"""


class WrongRoleError(asyncpg.InterfaceError):
    """A pooler uses another role than the DSN names; the message says which."""


class Session(_Base):
    """asyncpg's connection, with a limit for closing it and without a statement at its release."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Close it within `_LEAVE` seconds, even if the server does not answer."""
        with suppress(*CUT):
            await super().close(timeout=_LEAVE if timeout is None else min(timeout, _LEAVE))

    def get_reset_query(self) -> str:
        """Return no statement: nothing outlives a transaction here, so RESET ALL has no effect.

        asyncpg rolls back an open transaction all the same.
        """
        return ""


class _Identity(NamedTuple):
    """What the server says of a session."""

    pid: int
    role: str
    read_only: bool


class Connector:
    """Opens connections to `dsn`, each to a server that can write.

    `limit`: seconds that the client waits for a statement; None for no limit.
    """

    def __init__(self, dsn: str, limit: float | None) -> None:
        self._dsn, self._limit = dsn, limit
        #: Whether a pooler may run our transactions in several sessions. Then statements are not
        #: prepared under names, which another session would not know.
        self.pooled = False

    async def __call__(self, *_: object, **options: Any) -> Session:
        """Return a connection; `options` as of asyncpg's pool.

        :raises TimeoutError: no answer within `PROMPT` seconds.
        :raises ReadOnlySQLTransactionError: the server cannot write.
        :raises WrongRoleError: a pooler uses another role than `dsn` names.
        """
        connection, identity = await self._connect(options)
        if identity.pid != connection.get_server_pid() and not self.pooled:
            # A pooler announces a process id of its own in place of the server's.
            self.pooled = True
            connection.terminate()
            connection, identity = await self._connect(options)
        named = urlsplit(self._dsn).username
        wanted = unquote(named) if named else identity.role
        if identity.role == wanted and not identity.read_only:
            return connection
        connection.terminate()
        if identity.read_only:
            raise asyncpg.ReadOnlySQLTransactionError(READ_ONLY)
        raise WrongRoleError(f"a pooler signed in as {identity.role} in place of {wanted}")

    async def _connect(self, options: dict[str, Any]) -> tuple[Session, _Identity]:
        has_several_hosts = "," in urlsplit(self._dsn).netloc
        given: dict[str, Any] = {
            "connection_class": Session,
            "timeout": PROMPT,
            "command_timeout": self._limit,
            "statement_cache_size": 0 if self.pooled else _PREPARED,
            "target_session_attrs": SessionAttribute("read-write" if has_several_hosts else "any"),
        }
        output = bytearray()

        async def append(data: bytes) -> None:
            output.extend(data)

        try:
            connection: Session = await asyncpg.connect(self._dsn, **given | options)
            try:  # COPY is one message and its answer, which no pooler runs in two sessions
                await connection.copy_from_query(_IDENTIFY, output=append, timeout=PROMPT)
            except BaseException:
                connection.terminate()
                raise
        except TimeoutError:
            raise TimeoutError(f"no answer within {PROMPT:g} seconds") from None
        pid, role, read_only = output.decode().split()
        return connection, _Identity(int(pid), bytes.fromhex(role).decode(), read_only == "on")


@asynccontextmanager
async def borrowed(pool: "Pool") -> "AsyncIterator[Connection]":
    """Lend a free connection of `pool`, and release it whatever happens.

    :raises TimeoutError: none was free within `ACQUIRE_TIMEOUT` seconds.
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
    """Close `connection` at once; with `others`, replace the other connections of `pool` too."""
    with suppress(asyncpg.InterfaceError):  # asyncpg has closed it already
        connection.terminate()
    if others:
        await pool.expire_connections()
