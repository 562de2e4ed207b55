"""Send requests away that come when too many are being answered."""

from typing import Final

from litestar.types import ASGIApp, Receive, Scope, Send

from server.http.middleware.hosts import PROBES
from server.http.problems import CrowdedError

#: Seconds after which there may be room again.
RETRY_AFTER: Final = 5


def check_room(app: ASGIApp) -> ASGIApp:
    """Let a request through where its connection found a place; probes always.

    :raises CrowdedError: otherwise.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("state", {}).get("crowded") and scope["path"] not in PROBES:
            raise CrowdedError(retry_after=RETRY_AFTER)
        await app(scope, receive, send)

    return checked
