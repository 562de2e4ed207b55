"""A connection that does not wait for ever for a request to begin.

uvicorn limits neither the size of a request's head nor the time it takes: a client could keep one
header line growing, at a cost that grows with the square of its length.
"""

import asyncio
from typing import ClassVar, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

#: Bytes of a request line and its headers, give or take what arrives at once.
LARGEST_HEAD: Final = 1 << 16


class Connection(HttpToolsProtocol):
    """uvicorn's, with a limit and a deadline for the head of each request."""

    #: Seconds in which a head must have arrived, from its first byte (at first: from connecting).
    deadline: ClassVar[float] = 10.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_head = True
        self._begun = False
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`; refuse a head that grows too large."""
        was_in_head, self._begun = self._in_head, False
        if was_in_head and self._timer is None:
            self._start_timer()
        super().data_received(data)
        if was_in_head and self._in_head and not self._begun:
            self._size += len(data)
            if self._size > LARGEST_HEAD and not self.transport.is_closing():
                self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        self._begun, self._size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there; its body has a deadline of its own."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is a head again."""
        self._in_head = True
        super().on_message_complete()

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.deadline, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Without a word: a browser that connected in advance asks nothing yet."""
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
