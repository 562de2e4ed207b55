"""Limits the size of a request's head, and of everything else that surrounds its body."""

from typing import Final

#: Bytes of a request line and its headers, trailers included; and of a chunked body's framing
#: beyond the length of the body itself.
LARGEST_HEAD: Final = 1 << 14


class HeadTooLongError(Exception):
    """The head of a request, its trailers or the framing of its body are over the limit."""


class HeadSize:
    """Counts the bytes of the requests of a connection, without those of their bodies.

    The parser reports a header only once it is whole, so bytes are counted both as they are
    received and as they are parsed.

    :raises HeadTooLongError: from `parsed`, `received` and `received_body`, over `LARGEST_HEAD`.
    """

    def __init__(self) -> None:
        self._parsed = 0  # bytes of the head that the parser has reported
        self._received = 0  # bytes since the head began
        self._framing = 0  # bytes around the body: received, less the body itself

    def begin(self) -> None:
        """Start with a new head."""
        self._parsed = self._received = 0

    def begin_body(self) -> None:
        """Start with a body: its head was complete."""
        self._framing = 0

    def end(self) -> None:
        """Start to wait for the next head: the request was complete."""
        self._received = 0

    def parsed(self, size: int) -> None:
        """Count bytes of a head that the parser reported."""
        self._parsed += size
        _check(self._parsed)

    def received(self, size: int) -> None:
        """Count bytes that were received while a head was incomplete."""
        self._received += size
        _check(self._received)

    def received_body(self, size: int) -> None:
        """Count bytes that were received after the head, of the body or of its framing."""
        self._framing += size
        _check(self._framing)

    def parsed_body(self, size: int) -> None:
        """Count bytes of a body: its framing may be as long as the body, and `LARGEST_HEAD`."""
        self._framing -= 2 * size


def _check(size: int) -> None:
    if size > LARGEST_HEAD:
        raise HeadTooLongError


def framed_by(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The header line that gives the length of a request's body; empty where it has no body."""
    named = dict(headers)
    if b"transfer-encoding" in named:
        return b"transfer-encoding: " + named[b"transfer-encoding"] + b"\r\n"
    length = named.get(b"content-length", b"0")
    return b"content-length: " + length + b"\r\n" if length.strip(b"0 ") else b""
