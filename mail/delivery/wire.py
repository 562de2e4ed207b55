"""Lines over TCP or TLS, each wait with a deadline."""

import asyncio
import ssl
from typing import Final, cast

#: Bytes of replies that may wait unread. RFC 5321 allows 512 a line; nobody needs a hundred.
_MOST_UNREAD: Final = 1 << 16


class Wire(asyncio.Protocol):
    """One connection. Every failure to read or write is an OSError (TimeoutError is one)."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._lost: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
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
        """Called by the loop."""
        self._unread += data
        if len(self._unread) > _MOST_UNREAD:
            self._lost = ConnectionAbortedError("the server's reply has no end")
            self.close()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        if self._lost is None:
            self._lost = exc or ConnectionResetError("the server closed the connection")
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        """Called by the loop when the server reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._writable.set()

    async def line(self, deadline: float) -> bytes:
        """The next line without its end."""
        while (end := self._unread.find(b"\n")) < 0:
            if self._lost is not None:
                raise ConnectionError(str(self._lost))
            self._reader = asyncio.get_running_loop().create_future()
            async with asyncio.timeout_at(deadline):
                await self._reader
        found = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return found.rstrip(b"\r")

    def write(self, octets: bytes, deadline: float) -> None:
        """Queue `octets`; small commands need no wait.

        After `deadline` nothing leaves any more: a process that was stopped for long may have
        lost its lease meanwhile.
        """
        if asyncio.get_running_loop().time() >= deadline:
            raise TimeoutError
        if self._lost is not None or self._transport is None:
            raise ConnectionError(str(self._lost))
        self._transport.write(octets)

    async def flush(self, deadline: float) -> None:
        """Wait until the server has read nearly all that was written."""
        if not self._writable.is_set():
            async with asyncio.timeout_at(deadline):
                await self._writable.wait()

    async def encrypt(self, tls: ssl.SSLContext, host: str, deadline: float) -> None:
        """Go on encrypted. What arrived before is refused: an attacker could have put it there."""
        if self._unread or self._transport is None:
            raise ConnectionAbortedError("the server spoke before the encryption")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(deadline):
            self._transport = await loop.start_tls(self._transport, self, tls, server_hostname=host)

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
