"""Browsers that a person signed in with before.

Their attempts are counted apart (OWASP's device cookies): whoever guesses at a person's password
from everywhere fills what strangers share, and the person still gets in.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

#: A user's account and id.
Person: TypeAlias = tuple[int, UUID]

LIFE: Final = timedelta(days=365)
_NAME_BYTES: Final = 16
_END_BYTES: Final = 8
_BODY_BYTES: Final = _NAME_BYTES + _END_BYTES


def introduce(secret: str, person: Person, stored: str, now: datetime) -> str:
    """What a browser shows from `now` on for the time `LIFE` to be known for `person`.

    `stored`: the hash of the person's password; with another one the browser is a stranger again.
    """
    end = int((now + LIFE).timestamp()).to_bytes(_END_BYTES, "big")
    body = secrets.token_bytes(_NAME_BYTES) + end
    return base64.urlsafe_b64encode(body + _seal(secret, person, stored, body)).decode()


def recognise(
    secret: str, shown: str, people: Mapping[Person, str], now: datetime
) -> tuple[Person, str] | None:
    """Whom of `people` (with the hashes of their passwords) the browser is known for, and its name.

    For nobody else: others may have the same address, and owe each other nothing.
    """
    try:
        raw = base64.b64decode(shown, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, seal = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    for person, stored in people.items():
        if hmac.compare_digest(_seal(secret, person, stored, body), seal):
            end = datetime.fromtimestamp(int.from_bytes(body[_NAME_BYTES:], "big"), UTC)
            return (person, body[:_NAME_BYTES].hex()) if now < end else None
    return None


def _seal(secret: str, person: Person, stored: str, body: bytes) -> bytes:
    account, user = person
    said = b"known browser:" + body + account.to_bytes(8, "big") + user.bytes + stored.encode()
    return hmac.digest(secret.encode(), said, hashlib.sha256)
