"""The guards of routes: which credential is looked at, and for which action.

A guard puts a `Principal` (or the device's `DeviceScope`) where `request.user` reads it. Routes of
pages: `guards=[console(Action.TASK_READ)]`, and a browser that is not signed in is sent to /login;
their handlers take a `ConsoleRequest`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, assert_never

from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import BaseRoute, HTTPRoute
from msgspec import Struct

from server.access.principals import Connection, Principal, caller, enrolled, permitted, signed_in
from server.access.rights import Action, Who, those_who_may
from sync.messages import DeviceScope

_PEOPLE: Final = frozenset({Who.ADMINISTRATOR, Who.MANAGER, Who.DISPATCHER, Who.TECHNICIAN})


class CredentialKind(StrEnum):
    """What is looked at to know who asks.

    `OPEN`: nothing; `VISITOR`: a session, if there is one; `CONSOLE`: a session; `API`: a token or
    a session; `DEVICE`: a device's credential.
    """

    OPEN = "open"
    VISITOR = "visitor"
    CONSOLE = "console"
    API = "api"
    DEVICE = "device"


#: As whom one can come in by each.
ADMITTED_BY: Final[Mapping[CredentialKind, frozenset[Who]]] = {
    CredentialKind.OPEN: frozenset({Who.ANYBODY}),
    CredentialKind.VISITOR: frozenset({Who.ANYBODY}),
    CredentialKind.CONSOLE: _PEOPLE,
    CredentialKind.API: _PEOPLE | {Who.PROGRAM},
    CredentialKind.DEVICE: frozenset({Who.DEVICE}),
}


class UnguardedRouteError(RuntimeError):
    """A route that does not say who may use it, or that nobody could use."""


class Guard(Struct, frozen=True):
    """The guard of a route: by which door, for which action."""

    door: CredentialKind
    action: Action

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Let in who may.

        :raises NotSignedInError: nobody is known; a browser that reads a page goes to /login.
        :raises ForbiddenError: whoever it is may not.
        """
        connection.scope["user"] = permitted(await self._asker(connection), self.action)

    async def _asker(self, connection: Connection) -> Principal | DeviceScope | None:
        match self.door:
            case CredentialKind.OPEN:
                return None
            case CredentialKind.VISITOR | CredentialKind.CONSOLE:
                return await signed_in(connection)
            case CredentialKind.API:
                return await caller(connection)
            case CredentialKind.DEVICE:
                return await enrolled(connection)
        assert_never(self.door)


def anyone(action: Action) -> Guard:
    """The guard that says out loud that a route is open; `request.user` is None."""
    return Guard(CredentialKind.OPEN, action)


def visitor(action: Action) -> Guard:
    """The guard of pages that are open; `request.user` is who is signed in, or None."""
    return Guard(CredentialKind.VISITOR, action)


def console(action: Action) -> Guard:
    """The guard of pages: who is signed in."""
    return Guard(CredentialKind.CONSOLE, action)


def api(action: Action) -> Guard:
    """The guard of the API: programs, and who is signed in."""
    return Guard(CredentialKind.API, action)


def device(action: Action) -> Guard:
    """The guard of the protocol: an enrolled device that is not revoked."""
    return Guard(CredentialKind.DEVICE, action)


def check_guards(routes: Iterable[BaseRoute]) -> None:
    """Refuse to start with a route that was forgotten.

    :raises UnguardedRouteError: it has no entrance, or one that lets nobody in.
    """
    for route in routes:
        if not isinstance(route, HTTPRoute):
            raise UnguardedRouteError(f"{route.path}: who may use it?")
        for handler in route.route_handlers:
            if handler.http_methods == {"OPTIONS"}:  # the framework's own: it tells the methods
                continue
            found = guard_of(handler)
            if not those_who_may(found.action) & ADMITTED_BY[found.door]:
                raise UnguardedRouteError(f"{route.path}: nobody who comes so may {found.action}")


def guard_of(handler: HTTPRouteHandler) -> Guard:
    """The one guard that says who may.

    :raises UnguardedRouteError: there is none, or more.
    """
    match [guard for guard in handler.guards or () if isinstance(guard, Guard)]:
        case [one]:
            return one
        case _:
            raise UnguardedRouteError(f"{', '.join(sorted(handler.paths))}: who may use it?")
