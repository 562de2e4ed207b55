"""Guards of routes: the kind of credential that is read, and the action that it must permit.

A guard sets `request.user` to a `Principal`, or to the device's `DeviceScope`. A page of the
console has `guards=[console(Action.TASK_READ)]` and takes a `ConsoleRequest`; a browser that is not
signed in is redirected to /login.
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
    """The kind of credential by which a route identifies its caller.

    `OPEN`: none; `VISITOR`: a session, if there is one; `CONSOLE`: a session; `API`: a token or a
    session; `DEVICE`: a device's credential.
    """

    OPEN = "open"
    VISITOR = "visitor"
    CONSOLE = "console"
    API = "api"
    DEVICE = "device"


#: The roles that each kind of credential can establish.
ADMITTED_BY: Final[Mapping[CredentialKind, frozenset[Who]]] = {
    CredentialKind.OPEN: frozenset({Who.ANYBODY}),
    CredentialKind.VISITOR: frozenset({Who.ANYBODY}),
    CredentialKind.CONSOLE: _PEOPLE,
    CredentialKind.API: _PEOPLE | {Who.PROGRAM},
    CredentialKind.DEVICE: frozenset({Who.DEVICE}),
}


class UnguardedRouteError(RuntimeError):
    """A route without exactly one guard, or with a guard that admits nobody."""


class Guard(Struct, frozen=True):
    """The guard of a route. `credential`: which is read. `action`: what it must permit."""

    credential: CredentialKind
    action: Action

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Set `request.user` to the caller, who may do the action.

        :raises NotSignedInError: no valid credential; a browser that reads a page goes to /login.
        :raises ForbiddenError: the caller's role may not.
        """
        identified: Principal | DeviceScope | None
        match self.credential:
            case CredentialKind.OPEN:
                identified = None
            case CredentialKind.VISITOR | CredentialKind.CONSOLE:
                identified = await signed_in(connection)
            case CredentialKind.API:
                identified = await caller(connection)
            case CredentialKind.DEVICE:
                identified = await enrolled(connection)
            case _:
                assert_never(self.credential)
        connection.scope["user"] = identified  # before: the page about a refusal names its reader
        permitted(identified, self.action)


def anyone(action: Action) -> Guard:
    """The guard of a route that needs no credential; `request.user` is None."""
    return Guard(CredentialKind.OPEN, action)


def visitor(action: Action) -> Guard:
    """The guard of an open page; `request.user` is the user who is signed in, or None."""
    return Guard(CredentialKind.VISITOR, action)


def console(action: Action) -> Guard:
    """The guard of a console page, for signed-in users."""
    return Guard(CredentialKind.CONSOLE, action)


def api(action: Action) -> Guard:
    """The guard of an API route, for programs with a token and signed-in users."""
    return Guard(CredentialKind.API, action)


def device(action: Action) -> Guard:
    """The guard of a sync route, for enrolled devices that are not revoked."""
    return Guard(CredentialKind.DEVICE, action)


def check_guards(routes: Iterable[BaseRoute]) -> None:
    """Check at the start of a process that every route has a guard that admits somebody.

    :raises UnguardedRouteError: a route has none, or one that admits nobody.
    """
    for route in routes:
        if not isinstance(route, HTTPRoute):
            raise UnguardedRouteError(f"{route.path}: who may use it?")
        for handler in route.route_handlers:
            if handler.http_methods == {"OPTIONS"}:  # made by the framework: lists the methods
                continue
            guard = guard_of(handler)
            if not those_who_may(guard.action) & ADMITTED_BY[guard.credential]:
                raise UnguardedRouteError(
                    f"{route.path}: {guard.credential} admits no {guard.action}"
                )


def guard_of(handler: HTTPRouteHandler) -> Guard:
    """The one guard of a handler.

    :raises UnguardedRouteError: it has none, or several.
    """
    guards = [guard for guard in handler.guards or () if isinstance(guard, Guard)]
    if len(guards) != 1:
        raise UnguardedRouteError(f"{', '.join(sorted(handler.paths))}: who may use it?")
    return guards[0]
