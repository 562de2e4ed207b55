"""Opaque tokens: an account locator and 32 random bytes, of which only a SHA-256 is stored.

One format serves device credentials, sessions, API tokens and the links in mails; each kind has
a table of its own, so a token of one kind opens nothing of another.
"""

import base64
import binascii
import hashlib
import secrets
from typing import Final

import msgspec

from sync.ids import LOCATOR_LENGTH, account_of, locator

RANDOM_BYTES: Final = 32
_TEXT_LENGTH: Final = 43  # 32 bytes in base64url without padding


class TokenRef(msgspec.Struct, frozen=True):
    """What a token that arrived says: its account, and the hash to look for there."""

    account: int
    hash: bytes


def mint() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(RANDOM_BYTES)


def write(account: int, secret: bytes) -> str:
    """The token as text, safe in URLs and headers: 8 + 43 characters."""
    return locator(account) + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def digest(secret: bytes) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(secret).digest()


def read(text: str) -> TokenRef | None:
    """What `text` refers to, or None where it is no token at all."""
    body = text[LOCATOR_LENGTH:]
    if len(body) != _TEXT_LENGTH:
        return None
    account = account_of(text[:LOCATOR_LENGTH])
    try:
        secret = base64.b64decode(body + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return None if account is None else TokenRef(account, digest(secret))
