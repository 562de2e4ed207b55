"""Trusted browsers: those in which a user signed in before, known by a signed cookie.

Their attempts have a bucket of their own (OWASP's device cookies). An attacker who guesses at a
user's password from many addresses fills the bucket of strangers, and the user can still sign in.
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
    """The cookie by which a browser is trusted for `person`, from `now` on for the time `LIFE`.

    `stored`: the hash of the user's password; after a change the browser is not trusted any more.
    """
    end = int((now + LIFE).timestamp()).to_bytes(_END_BYTES, "big")
    body = secrets.token_bytes(_NAME_BYTES) + end
    return base64.urlsafe_b64encode(body + _seal(secret, person, stored, body)).decode()


def recognise(
    secret: str, shown: str, people: Mapping[Person, str], now: datetime
) -> tuple[Person, str] | None:
    """The one of `people` for whom the browser is trusted, and the browser's name; None for none.

    `people`: users and the hashes of their passwords. `shown`: the cookie. It is valid for one user
    only: others, in other accounts, may have the same address.
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
    signed = b"known browser:" + body + account.to_bytes(8, "big") + user.bytes + stored.encode()
    return hmac.digest(secret.encode(), signed, hashlib.sha256)
