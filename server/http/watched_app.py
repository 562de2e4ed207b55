"""One request of a connection and its response, as the application runs it and the client reads it.

The connection is closed after a response whose request was not received whole, or for which there
was no room; uvicorn would keep it open. It is aborted where its client does not read the response.
"""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from server.http.connection import Connection

Send: TypeAlias = Callable[[Any], Awaitable[None]]

_EVENTS: Final = b"text/event-stream"
#: What is kept of a request's scope after its response.
_LINE: Final = ("type", "client", "method", "path", "query_string", "http_version")
#: Bytes a second below which a client only occupies a connection.
SLOWEST: Final = 1024


class WatchedApp:
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
        is_last = connection.reads_no_more and cycle is connection.cycle
        closes = is_end and (self._closes or is_last)
        if closes:
            cycle.keep_alive = True  # or uvicorn would close it, and the client lose the response
            connection.pipeline.clear()  # requests that cannot be answered any more
        await self._forward(message)
        if connection.write_deadline is not None and not connection.transport.is_closing():
            connection.write_deadline.wrote(len(message.get("body", b"")))
        if closes:
            connection.linger_and_close()


class WriteDeadline:
    """Watches whether the client of one connection reads what was written to it."""

    #: Seconds in which the client must have read at least `SLOWEST` bytes a second.
    deadline: ClassVar[float] = 20.0

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        give_up: Callable[[], None],
    ) -> None:
        self._transport, self._loop, self._give_up = transport, loop, give_up
        self._written = 0
        self._read = 0
        self._timer: asyncio.TimerHandle | None = None

    def wrote(self, count: int) -> None:
        """Count bytes that were written; start to watch where the kernel does not take them all."""
        self._written += count
        if self._timer is None and self._transport.get_write_buffer_size():
            self._watch()

    def stop(self) -> None:
        """Stop watching: the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        self._read = self._written - self._pending()
        self._timer = self._loop.call_later(self.deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        if self._written - self._pending() - self._read < SLOWEST * self.deadline:
            self._give_up()
        else:
            self._watch()

    def _pending(self) -> int:
        """Bytes that the client has not acknowledged: ours, and the kernel's where it tells."""
        in_kernel = 0
        with suppress(OSError, ValueError):  # the socket may be closed already
            file: int = self._transport.get_extra_info("socket").fileno()
            answer = fcntl.ioctl(file, termios.TIOCOUTQ, bytes(4))
            in_kernel = int.from_bytes(answer, sys.byteorder)
        return in_kernel + self._transport.get_write_buffer_size()
