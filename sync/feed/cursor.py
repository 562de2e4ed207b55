"""Cursors: positions in a technician's feed, under a MAC so that only the server can write one."""

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
_FORMAT: Final = struct.Struct(">QQQH")
#: Epoch and position alone, as written before protocols were numbered.
_OLD_FORMAT: Final = struct.Struct(">QQ")
_SCOPE: Final = struct.Struct(">Q16s")
_MAC_BYTES: Final = 16


@dataclass(frozen=True, order=True)
class Cursor:
    """All up to `position` of `epoch` was read; cursors compare by these two.

    `floor`: the position up to which tombstones had been pruned when reading began: those are not
    missing. `protocol`: the version of the protocol in which the changes were read.
    """

    epoch: int
    position: int
    floor: int = field(default=0, compare=False)
    protocol: int = field(default=1, compare=False)


def write_cursor(key: bytes, device: DeviceScope, cursor: Cursor) -> str:
    """Return `cursor` in base64url, bound to the account and the technician by a MAC."""
    payload = _FORMAT.pack(cursor.epoch, cursor.position, cursor.floor, cursor.protocol)
    return base64.urlsafe_b64encode(payload + _mac(key, device, payload)).rstrip(b"=").decode()


def read_cursor(key: bytes, device: DeviceScope, text: str) -> Cursor:
    """Return the cursor in `text`.

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
        raise CursorError("not a cursor as `write_cursor` writes it")
    format_ = _OLD_FORMAT if len(payload) == _OLD_FORMAT.size else _FORMAT
    return Cursor(*format_.unpack(payload))


def _mac(key: bytes, device: DeviceScope, payload: bytes) -> bytes:
    scope = _SCOPE.pack(device.account, device.technician.bytes)
    return hmac.digest(key, _PURPOSE + scope + payload, hashlib.sha256)[:_MAC_BYTES]
