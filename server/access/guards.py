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


class Door(StrEnum):
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
PASSED_BY: Final[Mapping[Door, frozenset[Who]]] = {
    Door.OPEN: frozenset({Who.ANYBODY}),
    Door.VISITOR: frozenset({Who.ANYBODY}),
    Door.CONSOLE: _PEOPLE,
    Door.API: _PEOPLE | {Who.PROGRAM},
    Door.DEVICE: frozenset({Who.DEVICE}),
}


class NoEntranceError(RuntimeError):
    """A route that does not say who may use it, or that nobody could use."""


class Entrance(Struct, frozen=True):
    """The guard of a route: by which door, for which action."""

    door: Door
    action: Action

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Let in who may.

        :raises NotSignedInError: nobody is known; a browser that reads a page goes to /login.
        :raises ForbiddenError: whoever it is may not.
        """
        connection.scope["user"] = permitted(await self._asker(connection), self.action)

    async def _asker(self, connection: Connection) -> Principal | DeviceScope | None:
        match self.door:
            case Door.OPEN:
                return None
            case Door.VISITOR | Door.CONSOLE:
                return await signed_in(connection)
            case Door.API:
                return await caller(connection)
            case Door.DEVICE:
                return await enrolled(connection)
        assert_never(self.door)


def anyone(action: Action) -> Entrance:
    """The guard that says out loud that a route is open; `request.user` is None."""
    return Entrance(Door.OPEN, action)


def visitor(action: Action) -> Entrance:
    """The guard of pages that are open; `request.user` is who is signed in, or None."""
    return Entrance(Door.VISITOR, action)


def console(action: Action) -> Entrance:
    """The guard of pages: who is signed in."""
    return Entrance(Door.CONSOLE, action)


def api(action: Action) -> Entrance:
    """The guard of the API: programs, and who is signed in."""
    return Entrance(Door.API, action)


def device(action: Action) -> Entrance:
    """The guard of the protocol: an enrolled device that is not revoked."""
    return Entrance(Door.DEVICE, action)


def check_entrances(routes: Iterable[BaseRoute]) -> None:
    """Refuse to start with a route that was forgotten.

    :raises NoEntranceError: it has no entrance, or one that lets nobody in.
    """
    for route in routes:
        if not isinstance(route, HTTPRoute):
            raise NoEntranceError(f"{route.path}: who may use it?")
        for handler in route.route_handlers:
            if handler.http_methods == {"OPTIONS"}:  # the framework's own: it tells the methods
                continue
            found = entrance_of(handler)
            if not those_who_may(found.action) & PASSED_BY[found.door]:
                raise NoEntranceError(f"{route.path}: nobody who comes so may {found.action}")


def entrance_of(handler: HTTPRouteHandler) -> Entrance:
    """The one guard that says who may.

    :raises NoEntranceError: there is none, or more.
    """
    match [guard for guard in handler.guards or () if isinstance(guard, Entrance)]:
        case [one]:
            return one
        case _:
            raise NoEntranceError(f"{', '.join(sorted(handler.paths))}: who may use it?")
