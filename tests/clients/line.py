"""The line between phones and Retour: good, cut again and again, or not there at all."""

import asyncio
from itertools import cycle
from typing import Final
from urllib.parse import urlsplit

from tests.support.listening import Listening

#: Bytes that a connection carries up and down before it is cut, connection by connection: in the
#: middle of a request, before the first byte of a reply (done, but not known), within a reply.
CUTS: Final = ((9_000, 10**6), (10**6, 0), (60_000, 10**6), (10**6, 2_000), (300_000, 300_000))


class Line(Listening):
    """Passes bytes on; while `bad`, new connections are cut as `CUTS` says. `cuts`: how many."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.upstream = urlsplit(origin)
        self.bad = False
        self.cuts = 0
        self._lengths = cycle(CUTS)
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def origin(self) -> str:
        """Retour's address through this line."""
        return f"http://127.0.0.1:{self.port}"

    def lead_to(self, origin: str) -> None:
        """From now on to a Retour that listens elsewhere."""
        self.upstream = urlsplit(origin)

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    def go_away(self) -> None:
        """No network: nothing connects, and what was connected is not any more."""
        self.refuse()
        self.run(self._cut_all())

    def come_back(self, *, bad: bool) -> None:
        """The network is there again."""
        self.bad = bad
        self.listen()

    def heal(self) -> None:
        """No more cuts, not of old connections either."""
        self.bad = False
        self.run(self._cut_all())

    async def _cut_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up, down = next(self._lengths) if self.bad else (None, None)
        host, port = self.upstream.hostname, self.upstream.port
        up_reader, up_writer = await asyncio.open_connection(host, port)
        ends = {writer, up_writer}
        self._open |= ends
        ways = [
            asyncio.ensure_future(self._carry(reader, up_writer, up)),
            asyncio.ensure_future(self._carry(up_reader, writer, down)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
    ) -> None:
        """Until one side ends, or `left` bytes have passed and the next one came."""
        try:
            while chunk := await reader.read(65536):
                if left is not None:
                    chunk, left = chunk[:left], left - len(chunk)
                writer.write(chunk)
                await writer.drain()
                if left is not None and left < 0:
                    self.cuts += 1
                    return
        except OSError:
            pass  # the other side is gone
