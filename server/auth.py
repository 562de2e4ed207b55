"""Who comes in: browser sessions, API tokens and devices.

A handler says who may use it with one of the guards below; the guard puts a `Principal` (or the
device's scope) where `request.user` reads it. Routes of pages: `guards=[console]`, and a browser
that is not signed in is sent to /login. Handlers annotate their request as `ConsoleRequest`.
"""

from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers.base import BaseRouteHandler

Connection: TypeAlias = ASGIConnection[Any, Any, Any, State]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a user in a browser, or a program with an API token (`user` is None).

    `zone`: the account's time zone (IANA). `language`: of the user, else of the account.
    """

    account: int
    role: str
    name: str
    language: str
    zone: str
    user: UUID | None = None


ConsoleRequest: TypeAlias = Request[Principal, Any, State]


async def console(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard of pages: a signed-in dispatcher, manager or administrator.

    :raises NotSignedInError: answered with a redirect to /login.
    :raises ForbiddenError: a technician.
    """
    raise NotImplementedError


async def sign_in(
    request: Request[Any, Any, State], email: str, password: str, response: Response[Any]
) -> Principal:
    """Check the password, start a session and set its cookie on `response`.

    The token is always new; one that the browser brought along is ended.

    :raises LoginRefusedError: unknown address, wrong password or inactive user, told apart by nothing.
    :raises TooManyError: too many attempts for this address or from this network address.
    """
    raise NotImplementedError


async def sign_out(request: Request[Any, Any, State], response: Response[Any]) -> None:
    """End the session and take its cookie away; nothing happens where there is none."""
    raise NotImplementedError


async def signed_in(request: Request[Any, Any, State]) -> Principal | None:
    """Who this browser is signed in as, for pages that are open to everyone."""
    raise NotImplementedError
