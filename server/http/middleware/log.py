"""Logs each request by its route, never by its path, which may hold a token."""

import time
from typing import Final

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.live.sse import EVENT_STREAM

LOG: Final = structlog.stdlib.get_logger("retour.http")


def log_requests(app: ASGIApp) -> ASGIApp:
    """`app`, with method, route template, status and milliseconds logged after each answer.

    A stream is logged as a request when it begins and again when it ends, for its duration is not a
    response time.
    """

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status, streams = 0, False

        def log(event: str) -> None:
            LOG.info(
                event,
                method=scope.get("method"),
                route=scope.get("path_template", "-"),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )

        async def sending(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
                kind = next((v for name, v in headers if name.lower() == b"content-type"), b"")
                streams = kind.startswith(EVENT_STREAM.encode())
                if streams:
                    log("request")
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            log("stream_ended" if streams else "request")

    return logged
