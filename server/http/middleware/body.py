"""Reads request bodies whole: under a limit of size, within a deadline, decompressed."""

import asyncio
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import zstandard
from litestar.datastructures import Headers
from litestar.types import (
    ASGIApp,
    HTTPRequestEvent,
    Receive,
    ReceiveMessage,
    Scope,
    Send,
)

from server.http.form_data import check_form_type, is_brief_form
from server.http.middleware.heads import PROBES
from server.http.problems import (
    BadEncodingError,
    ClientGoneError,
    CrowdedError,
    SlowBodyError,
    TooLargeError,
    WrongEncodingError,
)

#: Bytes of a body, as sent and as decompressed.
LIMIT: Final = 1 << 20
#: Bytes of a form: to read a million fields would block the event loop.
FORM_LIMIT: Final = 1 << 16
#: Paths whose bodies are messages of programs; other bodies are forms.
PROGRAMS: Final = ("/api/", *PROBES)
#: Paths whose bodies are not read, but for a brief form: a one-click unsubscribe (RFC 8058) is
#: complete without its body, whatever its type, character set and compression.
UNREAD: Final = "/u/"
#: Bytes of all bodies in a process's memory: as sent while they are received, then as decompressed
#: until they are answered. Bodies of a form's size are accepted regardless.
MOST_ARRIVING: Final = 1 << 26
#: Seconds for Retry-After when the memory for bodies is used up.
RETRY_AFTER: Final = 5
#: Seconds in which a body must be received.
DEADLINE: Final = 30.0
#: Bytes of memory that a zstd frame may ask for.
WINDOW: Final = 1 << 23
#: Values of Content-Encoding of a body that is not compressed.
_PLAIN: Final = frozenset({"", "identity"})


class Reservation:
    """The memory of one body, which is being received or is complete."""

    def __init__(self, memory: "BodyMemory") -> None:
        self.memory, self.size = memory, 0

    def resize(self, size: int) -> None:
        """:raises CrowdedError: larger than a form, and the process's memory is used up."""
        self.memory.size += size - self.size
        self.size = size
        if size > FORM_LIMIT and self.memory.size > MOST_ARRIVING:
            raise CrowdedError(retry_after=RETRY_AFTER)


class BodyMemory:
    """Bytes of all bodies that are in the process's memory."""

    size = 0

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Memory for one body, until it is answered or its request fails."""
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self.size -= reservation.size


def read_bodies(app: ASGIApp, *, deadline: float = DEADLINE) -> ASGIApp:
    """`app`, given each body in one piece, except most on the paths `UNREAD`.

    :raises TooLargeError: more than `LIMIT` bytes, announced, sent or decompressed.
    :raises CrowdedError: it is large, and the memory for bodies is used up.
    :raises SlowBodyError: not complete after `deadline` seconds.
    :raises WrongEncodingError: a Content-Encoding other than gzip or zstd.
    :raises BadEncodingError: a body that cannot be decompressed.
    :raises WrongFormError: a page was sent something other than an urlencoded form.
    """
    memory = BodyMemory()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers.from_scope(scope)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        is_unread = scope["path"].startswith(UNREAD)
        if not has_body or (is_unread and not is_brief_form(headers)):
            await app(scope, receive, send)
            return
        for_page = not scope["path"].startswith(PROGRAMS)
        if for_page and not is_unread:
            check_form_type(headers.get("content-type", ""))
        limit = FORM_LIMIT if for_page else LIMIT
        with memory.reserve() as reservation:
            try:
                body = await _read_body(headers, receive, reservation, limit, deadline)
            except SlowBodyError:
                if not is_unread:
                    raise
                body = b""  # who asked to leave leaves
            reservation.resize(len(body))
            whole: HTTPRequestEvent = {"type": "http.request", "body": body, "more_body": False}
            await app(scope, replay(whole, receive), send)

    return reading


def replay(message: ReceiveMessage, receive: Receive) -> Receive:
    """`receive`, which gives `message` before any other."""
    pending = [message]

    async def replaying() -> ReceiveMessage:
        return pending.pop() if pending else await receive()

    return replaying


async def client_left(receive: Receive) -> None:
    """Wait until the client has left, whatever else it sends."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(
    headers: Headers, receive: Receive, reservation: Reservation, limit: int, deadline: float
) -> bytes:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError
    try:
        async with asyncio.timeout(deadline):
            parts, more = bytearray(), True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGoneError
                parts += message["body"]
                if len(parts) > limit:
                    raise TooLargeError
                reservation.resize(len(parts))
                more = message["more_body"]
    except TimeoutError:
        raise SlowBodyError from None
    encoding = headers.get("content-encoding", "").strip().lower()
    return bytes(parts) if encoding in _PLAIN else inflate(bytes(parts), encoding, limit)


def inflate(raw: bytes, encoding: str, limit: int = LIMIT) -> bytes:
    """`raw` decompressed, without ever making more than `limit` bytes and one of it.

    :raises TooLargeError: more than `limit` bytes.
    :raises WrongEncodingError: an encoding other than gzip or zstd.
    :raises BadEncodingError: it cannot be decompressed.
    """
    try:
        match encoding:
            case "gzip" | "x-gzip":
                inflater = zlib.decompressobj(wbits=31)
                plain = inflater.decompress(raw, limit + 1)
                is_whole = inflater.eof and not inflater.unused_data
            case "zstd":
                frames = zstandard.ZstdDecompressor(max_window_size=WINDOW)
                with frames.stream_reader(io.BytesIO(raw), read_across_frames=True) as reader:
                    plain, is_whole = reader.read(limit + 1), True
            case _:
                raise WrongEncodingError
    except (zlib.error, zstandard.ZstdError):
        raise BadEncodingError from None
    if len(plain) > limit:
        raise TooLargeError
    if not is_whole:
        raise BadEncodingError
    return plain
