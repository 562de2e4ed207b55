"""One request of a connection and its response, as the application runs it.

The connection is closed after a response whose request was not received whole, or for which there
was no room; uvicorn would keep it open.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from server.http.connection import Connection

Send: TypeAlias = Callable[[Any], Awaitable[None]]

_EVENTS: Final = b"text/event-stream"
#: What is kept of a request's scope after its response.
_LINE: Final = ("type", "client", "method", "path", "query_string", "http_version")


class Exchange:
    """An ASGI application that runs `app` for the request of `cycle` and watches its response."""

    def __init__(
        self, connection: "Connection", cycle: RequestResponseCycle, app: ASGI3Application
    ) -> None:
        """Tell `app`, by `crowded` in the scope's state, whether there is room for the request."""
        headers = cycle.scope["headers"]
        self._connection, self._cycle, self._app = connection, cycle, app
        self._is_stream = any(name == b"accept" and _EVENTS in value for name, value in headers)
        self._closes = not connection.places.has_room(stream=self._is_stream)
        self._forward: Send
        cycle.scope["state"]["crowded"] = self._closes

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Run the application, and release the request's memory when it has ended."""
        connection, cycle = self._connection, self._cycle
        self._forward = send
        connection.places.streams += self._is_stream
        try:
            await self._app(scope, receive, self._send)
        finally:
            connection.places.streams -= self._is_stream
            if connection.transport.is_closing():
                cycle.disconnected = True
            whole, cycle.body = cycle.scope, bytearray()
            line: Any = {name: whole[name] for name in _LINE}
            cycle.scope = line
            if connection.scope is whole:
                connection.scope = line

    async def _send(self, message: Any) -> None:
        connection, cycle = self._connection, self._cycle
        if connection.transport.is_closing():
            cycle.disconnected = True  # nothing can be written any more
        if message["type"] == "http.response.start":
            self._closes = self._closes or cycle.more_body
            cycle.keep_alive = cycle.keep_alive and not self._closes
        is_end = message["type"] == "http.response.body" and not message.get("more_body")
        closes = is_end and (self._closes or connection.closes_after(cycle))
        if closes:
            cycle.keep_alive = True  # or uvicorn would close it, and the client lose the response
            connection.pipeline.clear()  # requests that cannot be answered any more
        await self._forward(message)
        connection.wrote(len(message.get("body", b"")))
        if closes:
            connection.linger_and_close()
