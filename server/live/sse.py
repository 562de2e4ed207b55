"""Server-sent events: an answer that continues until its client leaves.

return Events(live.account(number), always(event("changed")))
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final

from litestar import HttpMethod, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from server.http.middleware.body import client_left
from server.live.poller import Listener
from sync.connections import FAULTS

EVENT_STREAM: Final = "text/event-stream"
#: Seconds of silence after which a comment is sent, so that a lost connection is noticed.
SILENCE: Final = 15.0
_COMMENT: Final = b":\n\n"
#: Without buffering by proxies, which would delay events.
_HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}

Listening = AbstractAsyncContextManager[Listener]
Write = Callable[[], Awaitable[bytes]]


def event(name: str, content: bytes = b"{}") -> bytes:
    """One event as it is sent; `content` has no line breaks."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), content)


def always(content: bytes) -> Write:
    """A `write` of `Events` that sends the same event at each tick."""

    async def write() -> bytes:
        return content

    return write


class Events(Response[bytes]):
    """Sends the result of `write` at each tick of `listening`; nothing where it is empty.

    Ends with the listener, when the client leaves, or when `write` meets an outage of the database:
    the client connects again.
    """

    def __init__(self, listening: Listening, write: Write, *, silence: float = SILENCE) -> None:
        super().__init__(b"", status_code=200, media_type=EVENT_STREAM, headers=_HEADERS)
        self.listening, self.write, self.silence = listening, write, silence

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """The streaming answer."""
        return _Streaming(self)


class _Streaming(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, events: Events) -> None:
        super().__init__(headers=events.headers, media_type=EVENT_STREAM, status_code=200)
        self.events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; of a HEAD request only the headers."""
        self.is_head_response = scope.get("method") == HttpMethod.HEAD
        await super().__call__(scope, receive, send)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send events until the listener ends or the client leaves."""
        async with self.events.listening as listener:
            sending = asyncio.create_task(self._send_events(listener, send))
            leaving = asyncio.create_task(client_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sending.cancel()
                leaving.cancel()
                await asyncio.wait({sending, leaving})
        if not sending.cancelled():
            sending.result()  # raises an error that is not an outage
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_events(self, listener: Listener, send: Send) -> None:
        with suppress(StopAsyncIteration, *FAULTS):
            while True:
                if content := await self._next(listener):
                    await send({"type": "http.response.body", "body": content, "more_body": True})

    async def _next(self, listener: Listener) -> bytes:
        """The next event to send, or a comment after a long silence.

        :raises StopAsyncIteration: the listener has ended.
        """
        try:
            async with asyncio.timeout(self.events.silence):
                await anext(listener)
        except TimeoutError:
            return _COMMENT
        return await self.events.write()
