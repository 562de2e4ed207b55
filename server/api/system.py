"""Whether this process lives, and whether it can serve."""

from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from server.api.operation import operation
from server.auth import anyone
from sync.database import now

AnyRequest: TypeAlias = Request[Any, Any, Any]


class Health(Struct, frozen=True):
    """`status` is always "ok"; whoever cannot say so does not answer, or not with 200."""

    status: str = "ok"


@operation("GET", "/health", access=anyone)
async def health(request: AnyRequest) -> Health:
    """Tell that the process lives. Asks nothing of the database."""
    return Health()


@operation("GET", "/ready", access=anyone, fails=("unavailable",))
async def ready(request: AnyRequest) -> Health:
    """Tell that the process can serve: the database answers."""
    await now()
    return Health()


ROUTES: Final[list[ControllerRouterHandler]] = [health, ready]
