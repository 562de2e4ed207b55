"""The answer to bytes that are not an HTTP request."""

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from server.http.problems import PROBLEMS


def refusal(code: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a whole answer: `headers`, and the problem `code` (RFC 9457).

    In English: no Accept-Language could be read.
    """
    status, title = PROBLEMS[code].status, PROBLEMS[code].title
    problem = {"type": f"urn:retour:problem:{code}", "title": title, "status": status}
    body = msgspec.json.encode({**problem, "detail": title})
    lines = [
        *headers,
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n" + body
