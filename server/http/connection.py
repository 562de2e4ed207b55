"""A client's connection with limits: on heads, on the time to send, and on the time to read.

uvicorn limits neither the size of a request's head nor the time in which it arrives. It keeps a
connection open whose request was answered before it was received whole, and it does not read a body
that comes with a request to upgrade.
"""

import asyncio
from typing import ClassVar, Final

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from server.http.connection_slots import ConnectionSlots
from server.http.refusal import refusal
from server.http.watched_app import WatchedApp, WriteDeadline

#: Bytes of a request line and its headers, trailers included; and of a chunked body's framing
#: beyond the length of the body itself.
LARGEST_HEAD: Final = 1 << 14
#: Bytes of a head, and of a body, that are parsed at a time: few enough that they hold only few
#: small requests, for a pipelined request takes more memory than its bytes.
_HEAD_PIECE: Final = 1 << 10
_BODY_PIECE: Final = 1 << 14


class HeadTooLongError(Exception):
    """The head of a request, or its trailers, are over the limit."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection with limits and deadlines, a slot of `places`, and no upgrades."""

    #: Seconds in which a head must arrive: from its first byte, or at first from connecting.
    deadline: ClassVar[float] = 10.0
    #: Seconds in which the client of a connection that is being closed may still send.
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
        # The parser reports a header only once it is whole: bytes of a head are counted both ways.
        self._head_received = self._head_parsed = 0
        self._framing = 0  # bytes around a body: received, less the body itself
        self._body_of_upgrade = b""  # the header that delimits a body that was not parsed
        self._resuming = False
        self._unparsed = memoryview(b"")
        self.reads_no_more = False
        self._timer: asyncio.TimerHandle | None = None
        self.write_deadline: WriteDeadline | None = None
        self._running: RequestResponseCycle | None = None

    # The transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a slot, and wait for the first request."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self.write_deadline = WriteDeadline(transport, self.loop, self.abort)
        self.places.enter(self)
        self._timer = self.loop.call_later(self.deadline, self._close_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers, tell requests that their client is gone, and break reference cycles.

        uvicorn tells the newest request only, which may wait behind another. The collector of
        cycles runs seldom (`server.runtime.processes.tune_gc`).
        """
        self._stop_timer()
        if self.write_deadline is not None:
            self.write_deadline.stop()
            self.write_deadline = None
        self._unset_keepalive_if_required()
        self.places.leave(self)
        self._unparsed = memoryview(b"")
        for cycle in (self._running, self.cycle):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
                cycle.on_response = lambda: None
        self.pipeline.clear()
        self._running = None
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once, whatever is unsent."""
        self.transport.abort()

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        super().pause_writing()
        self.places.stall(self)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self.places.resume(self)

    def data_received(self, data: bytes) -> None:
        """Parse `data`, as long as no request waits behind another."""
        if self._is_over():
            return
        waiting = self._unparsed
        self._unparsed = memoryview(bytes(waiting) + data) if waiting else memoryview(data)
        self._parse_unparsed()

    def _parse_unparsed(self) -> None:
        self._unset_keepalive_if_required()
        while self._unparsed and not self.pipeline and not self._is_over():
            if self._in_head and self._timer is None:
                self._timer = self.loop.call_later(self.deadline, self._close_idle)
            size = _HEAD_PIECE if self._in_head else _BODY_PIECE
            piece, self._unparsed = self._unparsed[:size], self._unparsed[size:]
            self._parse(piece)
        if self._unparsed and self.pipeline:
            self.flow.pause_reading()

    def _is_over(self) -> bool:
        return self.reads_no_more or self.transport.is_closing()

    # Requests

    def _parse(self, piece: memoryview) -> None:
        was_in_head = self._in_head
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(piece[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            is_long = isinstance(error.__context__, HeadTooLongError)
            self._refuse("long_head" if is_long else "bad_request")
            return
        if was_in_head and self._in_head:
            self._head_received += len(piece)
        elif not was_in_head and not self._in_head:
            self._framing += len(piece)
        if self._head_received > LARGEST_HEAD or self._framing > LARGEST_HEAD:
            self._refuse("long_head")

    def on_message_begin(self) -> None:
        """A head begins."""
        if not self._resuming:
            self._head_received = self._head_parsed = 0
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        if not self._resuming:
            self._count_parsed(len(url))
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer is counted and ignored (RFC 9110, 6.5.1)."""
        if not self._resuming:
            self._count_parsed(len(name) + len(value) + 4)
            if self._in_head:
                super().on_header(name, value)

    def _count_parsed(self, size: int) -> None:
        self._head_parsed += size
        if self._head_parsed > LARGEST_HEAD:
            raise HeadTooLongError

    def on_headers_complete(self) -> None:
        """The head is complete; the middleware has a deadline for the body."""
        if self._resuming:
            self._resuming = False
            return
        self._in_head = False
        self._framing = 0
        self._stop_timer()
        super().on_headers_complete()
        if self.parser.should_upgrade():
            named = dict(self.headers)
            if b"transfer-encoding" in named:  # whatever its value: it frames, or is refused
                framing = b"transfer-encoding: %b\r\n" % named[b"transfer-encoding"]
                self._body_of_upgrade = framing
            elif (length := named.get(b"content-length", b"")).strip(b"0 "):
                self._body_of_upgrade = b"content-length: %b\r\n" % length

    def on_body(self, body: bytes) -> None:
        """A part of a body: its framing may be as long as the body, and `LARGEST_HEAD`."""
        self._framing -= 2 * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete; the next bytes are of another head."""
        if self._body_of_upgrade:
            return
        self._in_head = True
        self._head_received = 0
        self.places.stop_waiting(self)
        super().on_message_complete()

    def _should_upgrade(self) -> bool:
        return False  # a request to upgrade may be ignored (RFC 9110, 7.8)

    def _ignore_upgrade(self, rest: memoryview) -> None:
        """Read on with a new parser: the old one takes `rest` for another protocol."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        framing, self._body_of_upgrade = self._body_of_upgrade, b""
        if framing:
            self._resuming = True
            try:
                self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
            except httptools.HttpParserError:  # an encoding that does not end in chunked
                self._refuse("bad_request")
                return
        if rest:
            self._parse(rest)

    # Responses

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, WatchedApp(self, cycle, app))

    def on_response_complete(self) -> None:
        """Start the next request that was received, or wait for one."""
        super().on_response_complete()
        if not self.pipeline and self.cycle.response_complete:
            self.places.wait(self)
        if self._unparsed:
            self.loop.call_soon(self._parse_unparsed)

    def _refuse(self, code: str) -> None:
        """Answer bytes that are not a request, after the responses to the requests before them."""
        self._unparsed = memoryview(b"")
        cycle = self.cycle
        is_open = cycle is not None and not cycle.response_complete
        if self.pipeline or (is_open and not cycle.more_body):
            self.reads_no_more = True  # after those responses
            return
        if is_open:
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(refusal(code, self.server_state.default_headers))
        self.linger_and_close()

    # Closing

    def linger_and_close(self) -> None:
        """Send no more, and discard what the client sends for a moment.

        A connection that is closed while data arrives is reset, and the client may lose the
        response (RFC 9112, 9.6).
        """
        self.reads_no_more, self._unparsed = True, memoryview(b"")
        self._unset_keepalive_if_required()
        self._stop_timer()
        if not self.transport.is_closing():
            self.places.wait(self)
            self.flow.resume_reading()
            self.transport.write_eof()
            self._timer = self.loop.call_later(self.linger, self._end_linger)

    def _end_linger(self) -> None:
        self._timer = None
        if self.transport.get_write_buffer_size():
            self.transport.close()  # once the client has read it; `WriteDeadline` sets a deadline
        else:
            self.transport.abort()

    def _close_idle(self) -> None:
        """Close without an answer: a browser that connected in advance has sent no request."""
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
