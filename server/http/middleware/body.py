"""Read request bodies whole, under a limit, within a deadline, inflated."""

import asyncio
import io
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import zstandard
from litestar.datastructures import Headers
from litestar.types import ASGIApp, HTTPRequestEvent, Message, Receive, Scope, Send

from server.http.form_data import check_form_type
from server.http.middleware.hosts import PROBES
from server.http.problems import (
    BadEncodingError,
    ClientGoneError,
    CrowdedError,
    SlowBodyError,
    TooLargeError,
    WrongEncodingError,
)

#: Bytes of a body, as sent and as inflated.
LIMIT: Final = 1 << 20
#: Bytes of a form: a million fields in a mebibyte would hold the event loop.
FORM_LIMIT: Final = 1 << 16
#: Where bodies are messages of programs; elsewhere they are forms.
PROGRAMS: Final = ("/api/", *PROBES)
#: Where bodies are left where they are: a POST to the link of a mail says all by itself (RFC 8058),
#: in whatever shape and character set, compressed or cut off.
UNREAD: Final = "/u/"
#: Bytes of all bodies that a process holds, as sent until they are whole and then as inflated
#: until they are answered; those of a form's size are taken anyway.
MOST_ARRIVING: Final = 1 << 26
#: Seconds after which to send again what was too much.
RETRY_AFTER: Final = 5
#: Seconds in which a body must have arrived.
DEADLINE: Final = 30.0
#: Bytes of memory that a zstd frame may ask for.
WINDOW: Final = 1 << 23


class Arrival:
    """A body that is arriving or is here, among `others`."""

    def __init__(self, others: "Arriving") -> None:
        self.others, self.size = others, 0

    def holds(self, size: int) -> None:
        """:raises CrowdedError: larger than a form, when there is no more room for that."""
        self.others.size += size - self.size
        self.size = size
        if size > FORM_LIMIT and self.others.size > MOST_ARRIVING:
            raise CrowdedError(retry_after=RETRY_AFTER)


class Arriving:
    """All bodies that this process holds, and their size."""

    size = 0

    @contextmanager
    def one(self) -> Iterator[Arrival]:
        """One more, until it is answered or given up."""
        arrival = Arrival(self)
        try:
            yield arrival
        finally:
            self.size -= arrival.size


def read_bodies(app: ASGIApp, *, deadline: float = DEADLINE) -> ASGIApp:
    """`app`, given each body in one piece, except where mail programs post (`UNREAD`).

    :raises TooLargeError: more than `LIMIT` bytes, announced, sent or inflated.
    :raises CrowdedError: it is large, and so are too many others that are not answered yet.
    :raises SlowBodyError: not there after `deadline` seconds.
    :raises WrongEncodingError: a Content-Encoding other than gzip or zstd.
    :raises BadEncodingError: a stream that does not inflate.
    :raises WrongFormError: a page was sent something other than an urlencoded form.
    """
    arriving = Arriving()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers.from_scope(scope)
        if not _has_body(headers) or scope["path"].startswith(UNREAD):
            await app(scope, receive, send)
            return
        for_page = not scope["path"].startswith(PROGRAMS)
        if for_page:
            check_form_type(headers.get("content-type", ""))
        limit = FORM_LIMIT if for_page else LIMIT
        with arriving.one() as one:
            body = await _read(headers, partial(_collect, receive, one, limit), deadline, limit)
            one.holds(len(body))
            await app(scope, _replay(body, receive), send)

    return reading


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _read(
    headers: Headers, collect: Callable[[], Awaitable[bytes]], deadline: float, limit: int
) -> bytes:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError
    try:
        async with asyncio.timeout(deadline):
            raw = await collect()
    except TimeoutError:
        raise SlowBodyError from None
    return inflate(raw, headers.get("content-encoding", "identity").strip().lower(), limit)


async def _collect(receive: Receive, one: "Arrival", limit: int) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        parts += message["body"]
        if len(parts) > limit:
            raise TooLargeError
        one.holds(len(parts))
        if not message["more_body"]:
            return bytes(parts)


def inflate(raw: bytes, encoding: str, limit: int = LIMIT) -> bytes:
    """`raw` without its Content-Encoding, never holding more than `limit` bytes and one."""
    match encoding:
        case "identity" | "":
            return raw
        case "gzip" | "x-gzip":
            plain = _gunzip(raw, limit)
        case "zstd":
            plain = _unzstd(raw, limit)
        case _:
            raise WrongEncodingError
    if len(plain) > limit:
        raise TooLargeError
    return plain


def _gunzip(raw: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(raw, limit + 1)
    except zlib.error:
        raise BadEncodingError from None
    if len(plain) <= limit and (not inflater.eof or inflater.unused_data):
        raise BadEncodingError
    return plain


def _unzstd(raw: bytes, limit: int) -> bytes:
    inflater = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    try:
        with inflater.stream_reader(io.BytesIO(raw), read_across_frames=True) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError:
        raise BadEncodingError from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give `body` once, then whatever comes after it (the client going away)."""
    waiting: list[HTTPRequestEvent] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return waiting.pop() if waiting else await receive()  # type: ignore[return-value]

    return replaying  # type: ignore[return-value]
