"""One line for each request, by route and never by path: paths carry tokens."""

import time
from typing import Final

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

LOG: Final = structlog.stdlib.get_logger("retour.http")


def log_requests(app: ASGIApp) -> ASGIApp:
    """`app`, with method, route template, status and milliseconds logged after each answer."""

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            LOG.info(
                "request",
                method=scope.get("method"),
                route=scope.get("path_template", "-"),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )

    return logged
