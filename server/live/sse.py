"""Server-sent events: an answer that goes on for as long as somebody listens.

return Events(live.account(number), lambda: event("changed"))
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final

from litestar import HttpMethod, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from server.live.poller import Listener
from sync.connections import FAULTS

EVENT_STREAM: Final = "text/event-stream"
#: Seconds of silence after which a comment shows that the line still holds.
SILENCE: Final = 15.0
_COMMENT: Final = b":\n\n"
#: Proxies would keep events until a buffer is full.
_HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}

Listening = AbstractAsyncContextManager[Listener]
Tell = Callable[[], Awaitable[bytes]]


def event(name: str, content: bytes = b"{}") -> bytes:
    """One event as it is sent; `content` has no line breaks."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), content)


class Events(Response[bytes]):
    """Answers each tick of `listening` with what `tell` makes of it (nothing where it is empty).

    Ends with the listener, when the client goes away, or when `tell` meets an outage: the client
    comes again.
    """

    def __init__(self, listening: Listening, tell: Tell, *, silence: float = SILENCE) -> None:
        super().__init__(b"", status_code=200, media_type=EVENT_STREAM, headers=_HEADERS)
        self.listening, self.tell, self.silence = listening, tell, silence

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """The answer that goes on."""
        return _Streaming(self)


class _Streaming(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, events: Events) -> None:
        super().__init__(headers=events.headers, media_type=EVENT_STREAM, status_code=200)
        self.events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; HEAD is told how the stream begins, and that is all."""
        self.is_head_response = scope.get("method") == HttpMethod.HEAD
        await super().__call__(scope, receive, send)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Tell until one side has enough."""
        async with self.events.listening as listener:
            telling = asyncio.create_task(self._tell(listener, send))
            leaving = asyncio.create_task(_gone(receive))
            try:
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                telling.cancel()
                leaving.cancel()
                await asyncio.wait({telling, leaving})
        if not telling.cancelled():
            telling.result()  # raises what went wrong
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, listener: Listener, send: Send) -> None:
        with suppress(StopAsyncIteration, *FAULTS):
            while True:
                if content := await self._next(listener):
                    await send({"type": "http.response.body", "body": content, "more_body": True})

    async def _next(self, listener: Listener) -> bytes:
        """What to send next: news, or a comment after a long silence.

        :raises StopAsyncIteration: it is over.
        """
        try:
            async with asyncio.timeout(self.events.silence):
                await anext(listener)
        except TimeoutError:
            return _COMMENT
        return await self.events.tell()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
