"""Refuses requests beyond the limit of connections."""

from typing import Final

from litestar.types import ASGIApp, Receive, Scope, Send

from server.http.middleware.hosts import PROBES
from server.http.problems import CrowdedError

#: Seconds for Retry-After.
RETRY_AFTER: Final = 5


def check_room(app: ASGIApp) -> ASGIApp:
    """`app`, for probes and for requests for which `server.http.exchange` found room.

    :raises CrowdedError: any other request.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("state", {}).get("crowded") and scope["path"] not in PROBES:
            raise CrowdedError(retry_after=RETRY_AFTER)
        await app(scope, receive, send)

    return checked
