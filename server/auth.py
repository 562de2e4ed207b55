"""Who comes in: browser sessions, API tokens and devices.

A route says who may use it with one of the guards below; the guard puts a `Principal` (or the
device's `DeviceScope`) where `request.user` reads it. Routes of pages: `guards=[console]`, and a
browser that is not signed in is sent to /login; their handlers take a `ConsoleRequest`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers.base import BaseRouteHandler

from server.errors import ForbiddenError, NotSignedInError
from server.sessions import READERS, sign_in, sign_out, token_of
from sync import tokens
from sync.database import tx
from sync.enrolment import authenticate
from sync.wire import DeviceScope

__all__ = [
    "ConsoleRequest",
    "DeviceRequest",
    "Principal",
    "anyone",
    "console",
    "device",
    "planner",
    "plans",
    "reads",
    "sign_in",
    "sign_out",
    "signed_in",
    "visitor",
    "writes",
]

Connection: TypeAlias = ASGIConnection[Any, Any, Any, State]
Guard: TypeAlias = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

#: What a credential starts with says which table knows it, to us and to secret scanners.
DEVICE_PREFIX: Final = "rtd_"
API_PREFIX: Final = "rta_"

ADMINISTRATOR: Final = "administrator"
DISPATCHERS: Final = frozenset({ADMINISTRATOR, "dispatcher"})


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a user in a browser, or a program with an API token (`user` is None).

    `zone`: the account's time zone (IANA). `language`: of the user, else of the account (fr_CA).
    """

    account: int
    role: str
    name: str
    language: str
    zone: str
    user: UUID | None = None

    @property
    def plans(self) -> bool:
        """Whether the role may plan the work."""
        return self.role in DISPATCHERS


ConsoleRequest: TypeAlias = Request[Principal, Any, State]
DeviceRequest: TypeAlias = Request[DeviceScope, Any, State]

_BROWSER: Final = """
SELECT u.account, u.role, u.name, u.language, a.zone, u.id AS "user"
FROM session s JOIN app_user u ON u.account = s.account AND u.id = s.app_user
JOIN account a ON a.account = s.account
WHERE s.account = $1 AND s.token_hash = $2 AND s.expires_at > $3 AND u.active
"""
_PROGRAM: Final = """
SELECT t.account, t.name, a.language, a.zone
FROM api_token t JOIN account a ON a.account = t.account
WHERE t.account = $1 AND t.token_hash = $2 AND t.revoked_at IS NULL
"""


async def signed_in(connection: Connection) -> Principal | None:
    """Who this browser is signed in as; None too where its session is over."""
    ref = tokens.read(token_of(connection) or "")
    if ref is None:
        return None
    async with tx(ref.account) as opened:
        row = await opened.fetchrow(_BROWSER, ref.account, ref.hash, opened.now)
    return None if row is None else Principal(**row)


async def _program(credential: str) -> Principal | None:
    ref = tokens.read(credential.removeprefix(API_PREFIX))
    if ref is None:
        return None
    async with tx(ref.account) as opened:
        row = await opened.fetchrow(_PROGRAM, ref.account, ref.hash)
    return None if row is None else Principal(**row, role=ADMINISTRATOR)


def _bearer(connection: Connection) -> str | None:
    scheme, _, credential = connection.headers.get("authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else None


async def _caller(connection: Connection) -> Principal | None:
    """An Authorization header decides alone: what it names is not mixed with a session."""
    credential = _bearer(connection)
    if credential is None:
        return await signed_in(connection)
    return await _program(credential) if credential.startswith(API_PREFIX) else None


def _allowing(roles: frozenset[str]) -> Guard:
    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        connection.scope["user"] = _permitted(await _caller(connection), roles)

    return guard


def _permitted(principal: Principal | None, roles: frozenset[str]) -> Principal:
    """:raises NotSignedInError, ForbiddenError: nobody, or a role that may not."""
    if principal is None:
        raise NotSignedInError
    if principal.role not in roles:
        raise ForbiddenError
    return principal


#: Programs, and signed-in users who see tasks.
reads: Final = _allowing(READERS)
#: Programs, dispatchers and administrators: whoever plans the work.
plans: Final = _allowing(DISPATCHERS)
#: Programs and administrators.
writes: Final = _allowing(frozenset({ADMINISTRATOR}))


async def console(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard of pages: a signed-in dispatcher, manager or administrator.

    :raises NotSignedInError: answered to a browser with a redirect to /login.
    :raises ForbiddenError: a technician.
    """
    connection.scope["user"] = _permitted(await signed_in(connection), READERS)


async def planner(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard of pages where work is planned: a signed-in dispatcher or administrator.

    :raises NotSignedInError: answered to a browser with a redirect to /login.
    :raises ForbiddenError: a manager or a technician.
    """
    connection.scope["user"] = _permitted(await signed_in(connection), DISPATCHERS)


async def visitor(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard of pages that are open; `request.user` is who is signed in, or None."""
    connection.scope["user"] = await signed_in(connection)


async def device(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard of the protocol: an enrolled device that is not revoked.

    :raises NotSignedInError: anything else.
    """
    credential = _bearer(connection) or ""
    scope = None
    if credential.startswith(DEVICE_PREFIX):
        scope = await authenticate(credential.removeprefix(DEVICE_PREFIX))
    if scope is None:
        raise NotSignedInError
    connection.scope["user"] = scope


async def anyone(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard that says out loud that a route is open; `request.user` is None."""
    connection.scope["user"] = None
