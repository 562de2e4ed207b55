"""Compress answers by zstd or gzip where the client takes them."""

import asyncio
import zlib
from typing import Any, Final

import zstandard
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.http.quality import listed, read_preferences

#: Bytes below which an answer goes as it is: it would fit one packet anyway.
SMALLEST: Final = 1 << 10
#: Bytes above which a thread does it, so that the event loop goes on meanwhile.
ASIDE: Final = 1 << 16
#: The fastest: an answer should not become slower than it is to read.
LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS
#: Pages are not among them: where a stranger's words and a secret are compressed together, the
#: length tells of the secret.
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
    """`app`, with whole answers of `SMALLEST` bytes and more compressed.

    Streams pass as they are, and so does what its handler has compressed.
    """

    async def compressing(scope: Scope, receive: Receive, send: Send) -> None:
        start: Any = None

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_for_us(message):
                start = message  # its headers depend on the body
                return
            if start is not None and message["type"] == "http.response.body":
                first, start = start, None
                headers = MutableScopeHeaders(first)
                if "accept-encoding" not in headers.get("vary", "").lower():
                    headers.extend_header_value("vary", "Accept-Encoding")
                encoding = _encoding(scope, message)
                if encoding:
                    message["body"] = await _compress_aside(message["body"], encoding)
                    headers["content-encoding"] = encoding
                    headers["content-length"] = str(len(message["body"]))
                await send(first)
            await send(message)

        await app(scope, receive, sending)

    return compressing


def _is_for_us(start: Any) -> bool:
    headers = MutableScopeHeaders(start)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in _KINDS and "content-encoding" not in headers


def _encoding(scope: Scope, body: Any) -> str:
    """How to compress `body`; empty for not at all."""
    if body["more_body"] or len(body["body"]) < SMALLEST:
        return ""
    return accepted(listed(Headers.from_scope(scope), "accept-encoding"))


def accepted(header: str) -> str:
    """The encoding of ours that an Accept-Encoding likes best, zstd among equals; or empty."""
    wishes = {one.name: one.weight for one in read_preferences(header)}
    others = wishes.get("*", 0.0)
    zstd, gzip = wishes.get("zstd", others), wishes.get("gzip", others)
    if not zstd and not gzip:
        return ""
    return "zstd" if zstd >= gzip else "gzip"


async def _compress_aside(body: bytes, encoding: str) -> bytes:
    if len(body) < ASIDE:
        return compress(body, encoding)
    return await asyncio.to_thread(compress, body, encoding)


def compress(body: bytes, encoding: str) -> bytes:
    """`body` in `encoding`, zstd or gzip; made to be fast rather than small."""
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=LEVEL).compress(body)
    packing = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return packing.compress(body) + packing.flush()
