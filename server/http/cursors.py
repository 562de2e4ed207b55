"""Cursors: a place in a list, in base64url, of which only we say what is in it."""

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

import msgspec

from sync.errors import CursorError

T = TypeVar("T")


def read_cursor(text: str, read: Callable[[bytes], T]) -> T:
    """The place that a cursor names; `read` decodes it from MessagePack.

    :raises CursorError: it is none of ours.
    """
    try:
        return read(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise CursorError("not a place in this list") from None


def write_cursor(place: msgspec.Struct) -> str:
    """What `read_cursor` reads."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).rstrip(b"=").decode()
