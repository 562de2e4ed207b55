"""A network between processes and PostgreSQL that goes silent, or leads elsewhere from now on."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from tests.support.listening import Listening


class Way:
    """One connection through the cable; a silent one loses all bytes and stays open."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what is read until one side ends; of a silent one nobody learns that."""
        while data := await reader.read(65536):
            if not self.silent:
                writer.write(data)
                await writer.drain()


class Cable(Listening):
    """Passes bytes on to the server of `dsn`, until it is told otherwise."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.upstream = urlsplit(dsn)
        self.silent = False
        self.ways: set[Way] = set()

    def through(self, dsn: str) -> str:
        """`dsn` by way of this cable."""
        parts = urlsplit(dsn)
        credentials = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{self.port}"))

    def silence(self) -> None:
        """Lose every byte from now on, of those who connect now as well."""
        self.silent = True
        for way in list(self.ways):
            way.silent = True

    def heal(self) -> None:
        """Whoever connects from now on is answered; what was cut stays silent."""
        self.silent = False

    def lead_to(self, dsn: str) -> None:
        """Connect who comes from now on to another server; who is connected stays where it is."""
        self.upstream = urlsplit(dsn)

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = Way(silent=self.silent)
        self.ways.add(way)
        up_reader, up_writer = await asyncio.open_connection(
            self.upstream.hostname, self.upstream.port
        )
        both = [
            asyncio.ensure_future(way.carry(reader, up_writer)),
            asyncio.ensure_future(way.carry(up_reader, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the cable goes, and both ends with it
        finally:
            self.ways.discard(way)
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            writer.close()
            up_writer.close()
