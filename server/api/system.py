"""Health, readiness and metrics of the process."""

import asyncio
from typing import Any, Final, TypeAlias

from litestar import Request, Response, route
from litestar.types import ControllerRouterHandler
from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

from server.access.guards import anyone
from server.access.rights import Action
from server.api.operation import operation
from server.web.methods import READING
from sync.database import now
from sync.feed.lag import lag

#: Seconds in which the database must answer for this process to be ready.
READY_WITHIN: Final = 2.0

AnyRequest: TypeAlias = Request[Any, Any, Any]


class Health(Struct, frozen=True):
    """`status`: always "ok"; a process that is not does not answer with 200."""

    status: str = "ok"


@operation("GET", "/health", access=anyone(Action.HEALTH_READ))
async def health(request: AnyRequest) -> Health:
    """Check that the process runs. Does not use the database."""
    return Health()


@operation("GET", "/ready", access=anyone(Action.HEALTH_READ), fails=("unavailable",))
async def ready(request: AnyRequest) -> Health:
    """Check that the process can serve requests: its database answers, and can be written to."""
    async with asyncio.timeout(READY_WITHIN):
        await now()
    return Health()


@route("/metrics", http_method=READING, guards=[anyone(Action.METRICS_READ)])
async def metrics(request: AnyRequest) -> Response[bytes]:
    """The metrics for Prometheus: in its text format, or in OpenMetrics where it asks for that."""
    registry = CollectorRegistry()
    behind = Gauge(
        "retour_feed_lag_seconds",
        "Age of the oldest open transaction of the API that devices wait for",
        registry=registry,
    )
    behind.set(await lag())
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"Content-Type": media_type})


ROUTES: Final[list[ControllerRouterHandler]] = [health, ready, metrics]
