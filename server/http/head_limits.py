"""How large a request's head is, with whatever else is around its body."""

from typing import Final

#: Bytes of a request line and its headers, trailers included; and of what may frame a body beyond
#: the body's own length.
LARGEST_HEAD: Final = 1 << 14


class HeadTooLongError(Exception):
    """The head of a request, or what follows its body, is over the limit."""


class HeadSize:
    """The bytes of one request after another, those of their bodies left out.

    :raises HeadTooLongError: from `told`, `untold` and `framed`, over `LARGEST_HEAD`.
    """

    def __init__(self) -> None:
        self._told = 0  # bytes of a head that the parser told
        self._untold = 0  # bytes since it told of a beginning
        self._framing = 0  # bytes around a body, less those of the body

    def begin(self) -> None:
        """A head begins."""
        self._told = self._untold = 0

    def begin_body(self) -> None:
        """The head was whole: its body begins."""
        self._framing = 0

    def end(self) -> None:
        """The request was whole: what comes next is a head again."""
        self._untold = 0

    def told(self, size: int) -> None:
        """The parser told of so much of a head."""
        self._told += size
        _limit(self._told)

    def untold(self, size: int) -> None:
        """So much came that may be of a head."""
        self._untold += size
        _limit(self._untold)

    def framed(self, size: int) -> None:
        """So much came that may be of a body, and may be around it."""
        self._framing += size
        _limit(self._framing)

    def body(self, size: int) -> None:
        """So much was of a body: what frames it may be as long as it is, and a little more."""
        self._framing -= 2 * size


def _limit(size: int) -> None:
    if size > LARGEST_HEAD:
        raise HeadTooLongError


def framed_by(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The header line that frames a request's body; empty where it has none."""
    named = dict(headers)
    if b"transfer-encoding" in named:
        return b"transfer-encoding: " + named[b"transfer-encoding"] + b"\r\n"
    length = named.get(b"content-length", b"0")
    return b"content-length: " + length + b"\r\n" if length.strip(b"0 ") else b""
