"""Opaque cursors of lists: a position in MessagePack and base64url."""

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

import msgspec

from sync.errors import CursorError

T = TypeVar("T")


def read_cursor(text: str, read: Callable[[bytes], T]) -> T:
    """The position that a cursor holds; `read` decodes it from MessagePack.

    :raises CursorError: it is not valid.
    """
    try:
        return read(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise CursorError("not a place in this list") from None


def write_cursor(place: msgspec.Struct) -> str:
    """The cursor of a position, for `read_cursor`."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).rstrip(b"=").decode()
