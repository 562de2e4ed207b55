"""Cursors: a place in a technician's feed that only we can have written."""

import base64
import binascii
import hashlib
import hmac
import struct
from typing import Final, NamedTuple

from sync.errors import CursorError
from sync.wire import DeviceScope

_PURPOSE: Final = b"retour feed cursor"
_PLACE: Final = struct.Struct(">QQ")
_SCOPE: Final = struct.Struct(">Q16s")
_MAC_BYTES: Final = 16
_BYTES: Final = _PLACE.size + _MAC_BYTES


class Place(NamedTuple):
    """After `position` of `epoch`; places compare in that order."""

    epoch: int
    position: int


def write_cursor(key: bytes, device: DeviceScope, place: Place) -> str:
    """`place` in base64url, bound to the account and the technician by a MAC."""
    payload = _PLACE.pack(*place)
    scope = _SCOPE.pack(device.account, device.technician.bytes)
    mac = hmac.digest(key, _PURPOSE + scope + payload, hashlib.sha256)[:_MAC_BYTES]
    return base64.urlsafe_b64encode(payload + mac).rstrip(b"=").decode()


def read_cursor(key: bytes, device: DeviceScope, text: str) -> Place:
    """The place that `text` names.

    :raises CursorError: it was not written for this account and technician with this key.
    """
    try:
        body = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise CursorError("not a cursor") from None
    if len(body) != _BYTES:
        raise CursorError("not a cursor")
    place = Place(*_PLACE.unpack_from(body))
    if not hmac.compare_digest(text, write_cursor(key, device, place)):
        raise CursorError("not a cursor of this technician")
    return place
