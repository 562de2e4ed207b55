"""Read request bodies whole, under a limit, within a deadline, inflated."""

import asyncio
import io
import zlib
from typing import Final

import zstandard
from litestar.datastructures import Headers
from litestar.types import ASGIApp, HTTPRequestEvent, Message, Receive, Scope, Send

from server.errors import (
    BadEncodingError,
    ClientGoneError,
    SlowBodyError,
    TooLargeError,
    WrongEncodingError,
)

#: Bytes of a body, as sent and as inflated.
LIMIT: Final = 1 << 20
#: Bytes of a form: a million fields in a mebibyte would hold the event loop.
FORM_LIMIT: Final = 1 << 16
#: Seconds in which a body must have arrived.
DEADLINE: Final = 30.0
#: Bytes of memory that a zstd frame may ask for.
WINDOW: Final = 1 << 23


def read_bodies(app: ASGIApp, *, deadline: float = DEADLINE) -> ASGIApp:
    """`app`, given each body in one piece.

    :raises TooLargeError: more than `LIMIT` bytes, announced, sent or inflated.
    :raises SlowBodyError: not there after `deadline` seconds.
    :raises WrongEncodingError: a Content-Encoding other than gzip or zstd.
    :raises BadEncodingError: a stream that does not inflate.
    """

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers.from_scope(scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await app(scope, receive, send)
            return
        body = await _read(headers, receive, deadline)
        await app(scope, _replay(body, receive), send)

    return reading


async def _read(headers: Headers, receive: Receive, deadline: float) -> bytes:
    is_form = headers.get("content-type", "").lower().startswith("application/x-www-form")
    limit = FORM_LIMIT if is_form else LIMIT
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError
    try:
        async with asyncio.timeout(deadline):
            raw = await _collect(receive, limit)
    except TimeoutError:
        raise SlowBodyError from None
    return inflate(raw, headers.get("content-encoding", "identity").strip().lower(), limit)


async def _collect(receive: Receive, limit: int) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        parts += message["body"]
        if len(parts) > limit:
            raise TooLargeError
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
