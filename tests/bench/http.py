"""An HTTP client of few lines: a big one would be measured along with the server."""

import asyncio
from typing import Self


class Connection:
    """One connection that is kept alive, and made anew where the server let go of it.

    It does after some seconds: while the other way of a pair is measured, none of ours is used.
    """

    def __init__(
        self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.port, self.reader, self.writer = port, reader, writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to the loopback address."""
        return cls(port, *await asyncio.open_connection("127.0.0.1", port))

    async def request(self, head: str, body: bytes = b"") -> bytes:
        """Send `head` (request line and headers, without a length) and return the body.

        :raises RuntimeError: for any status but 2xx and 3xx.
        """
        if self.reader.at_eof():
            self.writer.close()
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        self.writer.write(head.encode() + length + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = answer.partition(b"content-length:")
        content = await self.reader.readexactly(int(rest.partition(b"\r\n")[0]))
        if not answer.split(b" ", 2)[1].startswith((b"2", b"3")):
            raise RuntimeError(f"{answer.decode()}{content.decode(errors='replace')}")
        return content

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        await self.writer.wait_closed()


def head(method: str, path: str, credential: str, content_type: str = "application/json") -> str:
    """Request line and headers of a device's request."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {credential}\r\nAccept: {content_type}\r\n"
        f"Content-Type: {content_type}\r\n"
    )
