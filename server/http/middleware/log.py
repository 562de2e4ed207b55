"""One line for each request, by route and never by path: paths carry tokens."""

import time
from collections.abc import Iterable
from typing import Final

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.live.sse import EVENT_STREAM

LOG: Final = structlog.stdlib.get_logger("retour.http")


def log_requests(app: ASGIApp) -> ASGIApp:
    """`app`, with method, route template, status and milliseconds logged after each answer.

    A stream is logged as a request once it begins, and again when it ends: its length is not the
    time that somebody waited.
    """

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status, streams = 0, False

        def tell(event: str) -> None:
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
                status, streams = message["status"], _is_stream(message["headers"])
                if streams:
                    tell("request")
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            tell("stream_ended" if streams else "request")

    return logged


def _is_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    return kind.startswith(EVENT_STREAM.encode())
