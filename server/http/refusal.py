"""The answer to what is no request."""

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from server.http.problems import PROBLEMS


def refusal(code: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A problem of `code` (RFC 9457) with `headers`, as it is sent.

    In English: which language is read was not understood.
    """
    status, title = PROBLEMS[code].status, PROBLEMS[code].title
    said = {"type": f"urn:retour:problem:{code}", "title": title, "status": status}
    body = msgspec.json.encode({**said, "detail": title})
    lines = [
        *headers,
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % one for one in lines) + b"\r\n" + body
