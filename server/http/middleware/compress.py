"""Compresses answers by zstd or gzip where the client accepts it."""

import asyncio
import zlib
from typing import Any, Final

import zstandard
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.http.quality import listed, read_preferences

#: Bytes below which an answer is not compressed: it fits into one packet.
SMALLEST: Final = 1 << 10
#: Bytes from which an answer is compressed in a thread, so that the event loop is not blocked.
ASIDE: Final = 1 << 16
#: The fastest level: answers are compressed while their clients wait.
LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS
#: Media types that are compressed. Not pages: where a stranger's text and a secret are compressed
#: together, the length reveals the secret (BREACH).
_KINDS: Final = frozenset(
    {
        "application/json",
        "application/msgpack",
        "application/problem+json",
        "image/svg+xml",
        "text/css",
        "text/javascript",
    }
)


def compress_answers(app: ASGIApp) -> ASGIApp:
    """`app`, whose answers of `SMALLEST` bytes and more are compressed.

    Streams are not, nor answers that a handler has compressed.
    """

    async def compressing(scope: Scope, receive: Receive, send: Send) -> None:
        start: Any = None

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders(message)
                kind = headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind in _KINDS and "content-encoding" not in headers:
                    start = message  # sent with the body, on which its headers depend
                    return
            if start is not None and message["type"] == "http.response.body":
                first, start = start, None
                await _compress_answer(scope, first, message)
                await send(first)
            await send(message)

        await app(scope, receive, sending)

    return compressing


async def _compress_answer(scope: Scope, start: Any, answer: Any) -> None:
    """Compress the body of `answer`, if it is whole and large, and adapt the headers of `start`."""
    headers = MutableScopeHeaders(start)
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.extend_header_value("vary", "Accept-Encoding")
    body = answer["body"]
    if answer["more_body"] or len(body) < SMALLEST:
        return
    encoding = accepted(listed(Headers.from_scope(scope), "accept-encoding"))
    if not encoding:
        return
    if len(body) < ASIDE:
        answer["body"] = compress(body, encoding)
    else:
        answer["body"] = await asyncio.to_thread(compress, body, encoding)
    headers["content-encoding"] = encoding
    headers["content-length"] = str(len(answer["body"]))


def accepted(header: str) -> str:
    """The encoding that an Accept-Encoding prefers, zstd among equals; empty for none of ours."""
    weights = {item.name: item.weight for item in read_preferences(header)}
    others = weights.get("*", 0.0)
    zstd, gzip = weights.get("zstd", others), weights.get("gzip", others)
    if not zstd and not gzip:
        return ""
    return "zstd" if zstd >= gzip else "gzip"


def compress(body: bytes, encoding: str) -> bytes:
    """`body` in `encoding`, zstd or gzip, at the fastest level."""
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=LEVEL).compress(body)
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()
