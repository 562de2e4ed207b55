"""Replies of a mail server over TCP or TLS, each wait with a deadline."""

import asyncio
import ssl
from collections import deque
from typing import Final, cast

from mail.delivery.replies import Reply

#: Bytes of a line that may wait unread, lines of a reply, and replies that nobody has asked for
#: yet. RFC 5321 allows 512 a line; a reply has one, the one to EHLO some twenty.
_LONGEST_LINE: Final = 1 << 16
_MOST_LINES: Final = 200
_MOST_REPLIES: Final = 100


class Wire(asyncio.Protocol):
    """One connection. Every failure to read or write is an OSError (TimeoutError is one)."""

    def __init__(self) -> None:
        self._unread = b""
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._lost: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(
        cls, host: str, port: int, tls: ssl.SSLContext | None, deadline: float
    ) -> "Wire":
        """Connect by `deadline` (the loop's time); with `tls`, encrypted from the start."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            _, wire = await loop.create_connection(
                cls, host, port, ssl=tls, server_hostname=host if tls else None
            )
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop: take what is a whole reply by now."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for octets in lines:
            line = octets.rstrip(b"\r").decode("utf-8", "replace")
            code = line[:3]
            if not (code.isascii() and code.isdigit()):
                self._fail("the server does not speak SMTP")
                return
            self._lines.append(line[4:])
            if line[3:4] != "-":
                self._replies.append(Reply(int(code), self._lines))
                self._lines = []
            if len(self._lines) >= _MOST_LINES or len(self._replies) > _MOST_REPLIES:
                self._fail("the server's replies have no end")
                return
        if len(self._unread) > _LONGEST_LINE:
            self._fail("the server's replies have no end")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        if self._lost is None:
            self._lost = exc or ConnectionResetError("the server closed the connection")
        self._wake()

    async def reply(self, deadline: float) -> Reply:
        """The next reply."""
        while not self._replies:
            if self._lost is not None:
                raise ConnectionError(str(self._lost))
            self._reader = asyncio.get_running_loop().create_future()
            async with asyncio.timeout_at(deadline):
                await self._reader
        return self._replies.popleft()

    def write(self, octets: bytes, deadline: float) -> None:
        """Queue `octets`; the reply to them is what is waited for.

        After `deadline` nothing leaves any more: a process that was stopped for long may have
        lost its lease meanwhile.
        """
        if asyncio.get_running_loop().time() >= deadline:
            raise TimeoutError
        if self._lost is not None or self._transport is None:
            raise ConnectionError(str(self._lost))
        self._transport.write(octets)

    async def encrypt(self, tls: ssl.SSLContext, host: str, deadline: float) -> None:
        """Go on encrypted. What arrived before is refused: an attacker could have put it there."""
        if self._unread or self._lines or self._replies or self._transport is None:
            raise ConnectionAbortedError("the server spoke before the encryption")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            self._transport = await loop.start_tls(self._transport, self, tls, server_hostname=host)

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, why: str) -> None:
        self._lost = ConnectionAbortedError(why)
        self.close()
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
