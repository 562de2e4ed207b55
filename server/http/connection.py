"""A connection that waits for nobody for ever: for a head, for a body, or for being read.

uvicorn limits neither the size of a request's head nor the time it takes, keeps a connection whose
request was answered before it was whole, and leaves a body aside that comes with an upgrade.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, TypeAlias

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from server.http.connection_slots import ConnectionSlots
from server.http.head_limits import HeadSize, HeadTooLongError, framed_by
from server.http.refusal import refusal
from server.http.write_deadline import Delivery

#: Bytes of a head, and of a body, that are parsed at a time: so few that not very many small
#: requests are among them, for those that wait for their turn cost more than their bytes.
_HEAD_PIECE: Final = 1 << 10
_BODY_PIECE: Final = 1 << 14
Send: TypeAlias = Callable[[Any], Awaitable[None]]

_EVENTS: Final = b"text/event-stream"
#: Of a request that was answered, what it asked for.
_LINE: Final = ("type", "client", "method", "path", "query_string", "http_version")


def _nothing() -> None:
    """What follows an answer where nobody is any more."""


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits and deadlines, one place among `places`, and no upgrades."""

    #: Seconds in which a head must have arrived, from its first byte (at first: from connecting).
    deadline: ClassVar[float] = 10.0
    #: Seconds in which a client that was refused may say the rest, so that it reads the answer.
    linger: ClassVar[float] = 2.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        places: ConnectionSlots,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.places, self.peer = places, ""
        self._in_head = True
        self._size = HeadSize()
        self._body_of_upgrade = b""  # the header that frames a body which the parser left out
        self._resuming = False
        self._later = memoryview(b"")
        self._parting = False
        self._timer: asyncio.TimerHandle | None = None
        self._delivery: Delivery | None = None
        self._answered: RequestResponseCycle | None = None

    # The transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, and start to wait for the first request."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self._delivery = Delivery(transport, self.loop, self.let_go)
        self.places.enter(self)
        self._start_timer(self.deadline, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more, and hold nothing: the collector seldom looks for cycles."""
        self._stop_timer()
        if self._delivery is not None:
            self._delivery.stop()
            self._delivery = None
        self._unset_keepalive_if_required()
        self.places.leave(self)
        self._later = memoryview(b"")
        self._answer_nobody()
        super().connection_lost(exc)

    def _answer_nobody(self) -> None:
        """Tell every request that its client is gone; uvicorn tells the newest, which waits."""
        for cycle in (self._answered, self.cycle):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
                cycle.on_response = _nothing
        self.pipeline.clear()
        self._answered = None

    def let_go(self) -> None:
        """End the connection at once, whatever is on its way."""
        self.transport.abort()

    def pause_writing(self) -> None:
        """The client does not take what it is sent."""
        super().pause_writing()
        self.places.stick(self)

    def resume_writing(self) -> None:
        """It goes on taking."""
        super().resume_writing()
        self.places.flow(self)

    def data_received(self, data: bytes) -> None:
        """Parse `data`, as far as its requests are not too many at once."""
        if self._is_over():
            return
        self._later = memoryview(bytes(self._later) + data) if self._later else memoryview(data)
        self._take()

    def _take(self) -> None:
        self._unset_keepalive_if_required()
        while self._later and not self.pipeline and not self._is_over():
            if self._in_head and self._timer is None:
                self._start_timer(self.deadline, self._give_up)
            size = _HEAD_PIECE if self._in_head else _BODY_PIECE
            piece, self._later = self._later[:size], self._later[size:]
            self._parse(piece)
        if self._later and self.pipeline:
            self.flow.pause_reading()

    def _is_over(self) -> bool:
        return self._parting or self.transport.is_closing()

    # What was received

    def _parse(self, piece: memoryview) -> None:
        was_in_head = self._in_head
        try:
            self.parser.feed_data(piece)
            self._count(was_in_head, len(piece))
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without(piece[upgrade.args[0] :])
        except HeadTooLongError:
            self._refuse("long_head")
        except httptools.HttpParserError as error:
            long = isinstance(error.__context__, HeadTooLongError)
            self._refuse("long_head" if long else "bad_request")

    def _count(self, was_in_head: bool, size: int) -> None:
        """:raises HeadTooLongError: for what the parser has not told of yet."""
        if was_in_head and self._in_head:
            self._size.untold(size)
        elif not was_in_head and not self._in_head:
            self._size.framed(size)

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        if not self._resuming:
            self._size.begin()
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Some of the request's target."""
        if not self._resuming:
            self._size.told(len(url))
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what follows a body is counted and left aside (RFC 9110, 6.5.1)."""
        if not self._resuming:
            self._size.told(len(name) + len(value) + 4)
            if self._in_head:
                super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; its body has a deadline of its own."""
        if self._resuming:
            self._resuming = False
            return
        self._in_head = False
        self._size.begin_body()
        self._stop_timer()
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self._body_of_upgrade = framed_by(self.headers)

    def on_body(self, body: bytes) -> None:
        """Some of a body; what frames it may be as long as it is, and a little more."""
        self._size.body(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; what comes next is a head again."""
        if self._body_of_upgrade:
            return
        self._in_head = True
        self._size.end()
        self.places.serve(self)
        super().on_message_complete()

    # Upgrades, which are invitations: none is taken (RFC 9110, 7.8)

    def _should_upgrade(self) -> bool:
        return False

    def _go_on_without(self, rest: memoryview) -> None:
        """Have another parser read on: this one takes `rest` for another protocol."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        frame, self._body_of_upgrade = self._body_of_upgrade, b""
        if frame:
            self._resuming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + frame + b"\r\n")
        if rest:
            self._parse(rest)

    # What is answered

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, self._answering(cycle, app))

    def _answering(self, cycle: RequestResponseCycle, app: ASGI3Application) -> Any:
        """`app`, told whether there is room; the connection ends where its request does not."""
        headers = cycle.scope["headers"]
        stream = any(name == b"accept" and _EVENTS in value for name, value in headers)
        crowded = not self.places.has_room(stream=stream)
        cycle.scope["state"]["crowded"] = crowded

        async def answering(scope: Any, receive: Any, send: Send) -> None:
            self.places.streams += stream
            try:
                await app(scope, receive, self._sending(cycle, send, ends=crowded))
            finally:
                self.places.streams -= stream
                self._forget(cycle)

        return answering

    def _forget(self, cycle: RequestResponseCycle) -> None:
        """Hold no body, nor what was read from it, while the connection rests."""
        if self.transport.is_closing():
            cycle.disconnected = True
        read, cycle.body = cycle.scope, bytearray()
        line: Any = {name: read[name] for name in _LINE}
        cycle.scope = line
        if self.scope is read:
            self.scope = line

    def _sending(self, cycle: RequestResponseCycle, send: Send, *, ends: bool) -> Send:
        """`send`, after which the connection `ends`, or else where the request is not whole."""

        async def sending(message: Any) -> None:
            nonlocal ends
            if self.transport.is_closing():
                cycle.disconnected = True  # nothing can be written any more
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if message["type"] == "http.response.start":
                ends = ends or cycle.more_body
                cycle.keep_alive = cycle.keep_alive and not ends
            over = last and (ends or (self._parting and cycle is self.cycle))
            if over:
                cycle.keep_alive = True  # what uvicorn would close, `_part` does
                self.pipeline.clear()  # nothing can be answered any more
            await send(message)
            self._gave(len(message.get("body", b"")))
            if over:
                self._part()

        return sending

    def _gave(self, count: int) -> None:
        if self._delivery is not None and not self.transport.is_closing():
            self._delivery.gave(count)

    def on_response_complete(self) -> None:
        """Go on with the next request that is here, or wait for one."""
        super().on_response_complete()
        if not self.pipeline and self.cycle.response_complete:
            self.places.wait(self)
        if self._later:
            self.loop.call_soon(self._take)

    def _refuse(self, code: str) -> None:
        """Answer what is no request, once those before it are answered."""
        self._later = memoryview(b"")
        cycle = self.cycle
        open_still = cycle is not None and not cycle.response_complete
        if self.pipeline or (open_still and not cycle.more_body):
            self._parting = True  # after the answers to the requests before
            return
        if open_still:
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(refusal(code, self.server_state.default_headers))
        self._part()

    # The end

    def _part(self) -> None:
        """Say no more, and hear the client out for a moment.

        A connection that is closed while something arrives is reset, which may cost the client
        our answer (RFC 9112, 9.6).
        """
        self._parting, self._later = True, memoryview(b"")
        self._unset_keepalive_if_required()
        self._stop_timer()
        if not self.transport.is_closing():
            self.places.wait(self)
            self.flow.resume_reading()
            self.transport.write_eof()
            self._start_timer(self.linger, self._hang_up)

    def _hang_up(self) -> None:
        self._timer = None
        if self.transport.get_write_buffer_size():
            self.transport.close()  # once that is read; `Delivery` sees to it
        else:
            self.transport.abort()

    def _start_timer(self, seconds: float, then: Callable[[], None]) -> None:
        self._timer = self.loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Without a word: a browser that connected in advance asks nothing yet."""
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
