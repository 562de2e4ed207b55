"""A proxy between a process and PostgreSQL that reads along and acts at an exact statement."""

import asyncio
import re
import struct
from collections.abc import Callable, Coroutine
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from tests.support.listening import Held, Listening, Trap

_SSL_REQUEST: Final = 80877103


class Place(NamedTuple):
    """A statement on the wire.

    `statement`: matches its text. `after`: matches an earlier statement of its transaction.
    `answered`: the database has done it and the process does not know yet; else it has not
    reached the database.
    """

    statement: str
    after: str = ""
    answered: bool = False


class PostgresProxy(Listening):
    """Passes everything on; `trap(place)` gives the trap of a place."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.upstream = urlsplit(dsn)
        self.traps: dict[Place, Trap] = {}
        self.tags: list[tuple[str, str]] = []
        self.watched = ""
        self.talks: set[_Conversation] = set()

    @property
    def dsn(self) -> str:
        """The database's address through this proxy."""
        credentials = self.upstream.netloc.rpartition("@")[0]
        netloc = f"{credentials}@127.0.0.1:{self.port}"
        return urlunsplit(self.upstream._replace(netloc=netloc))

    def trap(self, place: Place) -> Trap:
        """The trap at `place`, unarmed at first."""
        return self.traps.setdefault(place, Trap())

    @property
    def transactions(self) -> int:
        """How many are open."""
        return sum(talk.in_transaction for talk in list(self.talks))

    def watch(self, statement: str) -> None:
        """Keep in `tags` what the database answers to statements that match from now on."""
        self.tags.clear()
        self.watched = statement

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(
                self.upstream.hostname, self.upstream.port
            )
        except OSError:
            writer.close()
            return
        talk = _Conversation(self)
        self.talks.add(talk)
        try:
            await _greet(reader, writer, up_reader, up_writer)
            await _either(
                _pass_on(reader, up_writer, talk.asked), _pass_on(up_reader, writer, talk.answered)
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side is gone, or the proxy closes: either way both connections end
        finally:
            self.talks.discard(talk)
            writer.close()
            up_writer.close()


async def _either(*ways: Coroutine[None, None, None]) -> None:
    """Until one of `ways` ends, and the others with it."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Conversation:
    """What one connection is in the middle of."""

    def __init__(self, proxy: PostgresProxy) -> None:
        self.proxy = proxy
        self.prepared: dict[bytes, str] = {}
        self.bound = ""
        self.current = ""
        self.transaction: list[str] = []
        self.in_transaction = False

    def asked(self, kind: bytes, body: bytes) -> None:
        """A message of the process."""
        match kind:
            case b"Q":
                self._runs(body.rstrip(b"\0").decode())
            case b"P":
                name, _, rest = body.partition(b"\0")
                self.prepared[name] = rest.partition(b"\0")[0].decode()
            case b"B":
                name = body.partition(b"\0")[2].partition(b"\0")[0]
                self.bound = self.prepared.get(name, "")
            case b"E":
                self._runs(self.bound)

    def _runs(self, sql: str) -> None:
        self.current = sql
        self._reached(answered=False)

    def answered(self, kind: bytes, body: bytes) -> None:
        """A message of the database."""
        if kind == b"Z":  # ready for the next statement, and whether inside a transaction
            self.in_transaction = body != b"I"
        if kind != b"C":
            return
        if self.proxy.watched and re.search(self.proxy.watched, self.current):
            self.proxy.tags.append((self.current, body.rstrip(b"\0").decode()))
        self._reached(answered=True)
        if self.current.startswith("BEGIN"):
            self.transaction.clear()
        self.transaction.append(self.current)

    def _reached(self, *, answered: bool) -> None:
        for place, trap in list(self.proxy.traps.items()):
            if place.answered is answered and self._is_at(place):
                trap.reached()

    def _is_at(self, place: Place) -> bool:
        if not re.search(place.statement, self.current, re.DOTALL):
            return False
        return not place.after or any(re.search(place.after, sql) for sql in self.transaction)


async def _greet(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    up_reader: asyncio.StreamReader,
    up_writer: asyncio.StreamWriter,
) -> None:
    """Pass on the first packet, which has no kind; a wish for TLS comes before it."""
    packet = await _headless(reader)
    if struct.unpack("!I", packet[4:8])[0] == _SSL_REQUEST:
        up_writer.write(packet)
        writer.write(await up_reader.readexactly(1))
        packet = await _headless(reader)
    up_writer.write(packet)


async def _headless(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(struct.unpack("!I", length)[0] - 4)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, see: Callable[[bytes, bytes], None]
) -> None:
    """Read message by message, look, then pass on: what `see` raises ends the connection."""
    while True:
        head = await reader.readexactly(5)
        body = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
        try:
            see(head[:1], body)
        except Held as held:
            # No thread waits for that, which would outlive a test that failed.
            while not held.until.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.005)
        writer.write(head + body)
        await writer.drain()


class HttpCutter(Listening):
    """Between devices and an API: keeps the last reply, which an armed `reply` may lose."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.upstream = urlsplit(origin)
        self.reply = Trap()
        self.last_reply = b""

    @property
    def origin(self) -> str:
        """The API's address through this line."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(
            self.upstream.hostname, self.upstream.port
        )
        try:
            await _either(_copy(reader, up_writer), self._replies(up_reader, writer))
        except asyncio.CancelledError:
            pass  # the line closes
        finally:
            writer.close()
            up_writer.close()

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            _, _, rest = head.lower().partition(b"content-length:")
            body = await reader.readexactly(int(rest.partition(b"\r\n")[0]))
            self.last_reply = body
            self.reply.reached()
            writer.write(head + body)
            await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
