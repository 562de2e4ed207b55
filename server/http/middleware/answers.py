"""An answer's way out: errors answered, security headers added, bodies compressed, all logged."""

import asyncio
import time
import zlib
from contextlib import suppress
from typing import Any, Final

import structlog
import zstandard
from litestar import Request
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.access.principals import signed_in
from server.http.content_policy import CONTENT_POLICY
from server.http.negotiation import listed, preferred_encoding
from server.http.problem_details import answer_error
from server.http.problems import ClientGoneError
from server.live.sse import EVENT_STREAM
from sync.connections import FAULTS

LOG: Final = structlog.stdlib.get_logger("retour.http")

#: The policy is not `no-referrer`: browsers would then send `Origin: null` with our own forms.
COMMON: Final = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")
NO_STORE: Final = (b"cache-control", b"no-store")

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


def answer_errors(app: ASGIApp) -> ASGIApp:
    """`app`, whose errors are answered like those of a handler, unless a response has started."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, receive, sending)
        except ClientGoneError:
            return
        except Exception as error:
            if started:
                raise
            request = Request[Any, Any, Any](scope, receive, send)
            if isinstance(error, HTTPException):  # of the router, before a guard identified anybody
                with suppress(*FAULTS):
                    request.scope["user"] = await signed_in(request)
            answer = answer_error(request, error)
            await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
            # Tracebacks make reference cycles, which would keep the whole request in memory.
            cause: BaseException | None = error
            while cause is not None:
                cause.__traceback__ = None
                cause = cause.__cause__ or cause.__context__

    return answering


def finish_answers(app: ASGIApp, *, secure: bool) -> ASGIApp:
    """`app`, whose answers have each header above that they do not set themselves.

    Those of `SMALLEST` bytes and more are compressed, but for streams and what a handler has
    compressed. `secure`: the public address is https, so Strict-Transport-Security is added.
    """
    always = (*COMMON, NO_STORE, STRICT_TRANSPORT) if secure else (*COMMON, NO_STORE)

    async def finishing(scope: Scope, receive: Receive, send: Send) -> None:
        start: Any = None

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                given = list(message["headers"])
                own = {name.lower() for name, _ in given}
                missing = [(name, value) for name, value in always if name not in own]
                message["headers"] = [*given, *missing]
                headers = MutableScopeHeaders(message)
                kind = headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind in _KINDS and b"content-encoding" not in own:
                    start = message  # sent with the body, on which its headers depend
                    return
            if start is not None and message["type"] == "http.response.body":
                first, start = start, None
                await _compress_answer(scope, first, message)
                await send(first)
            await send(message)

        await app(scope, receive, sending)

    return finishing


async def _compress_answer(scope: Scope, start: Any, answer: Any) -> None:
    """Compress the body of `answer`, if it is whole and large, and adapt the headers of `start`."""
    headers = MutableScopeHeaders(start)
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.extend_header_value("vary", "Accept-Encoding")
    body = answer["body"]
    if answer["more_body"] or len(body) < SMALLEST:
        return
    encoding = preferred_encoding(listed(Headers.from_scope(scope), "accept-encoding"))
    if not encoding:
        return
    if len(body) < ASIDE:
        answer["body"] = compress(body, encoding)
    else:
        answer["body"] = await asyncio.to_thread(compress, body, encoding)
    headers["content-encoding"] = encoding
    headers["content-length"] = str(len(answer["body"]))


def compress(body: bytes, encoding: str) -> bytes:
    """`body` in `encoding`, zstd or gzip, at the fastest level."""
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=LEVEL).compress(body)
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()


def log_requests(app: ASGIApp) -> ASGIApp:
    """`app`, with method, route template, status and milliseconds logged after each answer.

    A stream is logged as a request when it begins and again when it ends, for its duration is not a
    response time.
    """

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status, streams = 0, False

        def log(event: str) -> None:
            LOG.info(
                event,
                method=scope.get("method"),
                route=scope.get("path_template", "-"),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )

        async def sending(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
                kind = next((v for name, v in headers if name.lower() == b"content-type"), b"")
                streams = kind.startswith(EVENT_STREAM.encode())
                if streams:
                    log("request")
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            log("stream_ended" if streams else "request")

    return logged
