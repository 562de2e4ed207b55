"""Cursors: a place in a technician's feed that only we can have written."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from typing import Final

from sync.errors import CursorError
from sync.messages import DeviceScope

_PURPOSE: Final = b"retour feed cursor"
_PLACE: Final = struct.Struct(">QQQH")
#: As written by protocol 1 before it had a number: epoch and position.
_OLD_PLACE: Final = struct.Struct(">QQ")
_SCOPE: Final = struct.Struct(">Q16s")
_MAC_BYTES: Final = 16


@dataclass(frozen=True, order=True)
class Place:
    """After `position` of `epoch`; places compare by these two.

    `floor`: tombstones up to there were forgotten before the reading began, so it misses none of
    them. `protocol`: in which the changes up to here were told.
    """

    epoch: int
    position: int
    floor: int = field(default=0, compare=False)
    protocol: int = field(default=1, compare=False)


def write_cursor(key: bytes, device: DeviceScope, place: Place) -> str:
    """`place` in base64url, bound to the account and the technician by a MAC."""
    payload = _PLACE.pack(place.epoch, place.position, place.floor, place.protocol)
    return base64.urlsafe_b64encode(payload + _mac(key, device, payload)).rstrip(b"=").decode()


def read_cursor(key: bytes, device: DeviceScope, text: str) -> Place:
    """The place that `text` names.

    :raises CursorError: it was not written for this account and technician with this key.
    """
    padded = text + "=" * (-len(text) % 4)
    try:
        body = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise CursorError("not a cursor") from None
    payload, mac = body[:-_MAC_BYTES], body[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, device, payload)):
        raise CursorError("not a cursor of this technician")
    if base64.urlsafe_b64encode(body).decode() != padded:
        raise CursorError("not a cursor as we write them")
    form = _OLD_PLACE if len(payload) == _OLD_PLACE.size else _PLACE
    return Place(*form.unpack(payload))


def _mac(key: bytes, device: DeviceScope, payload: bytes) -> bytes:
    scope = _SCOPE.pack(device.account, device.technician.bytes)
    return hmac.digest(key, _PURPOSE + scope + payload, hashlib.sha256)[:_MAC_BYTES]
