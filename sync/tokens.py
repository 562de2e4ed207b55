"""Opaque tokens: an account locator and 32 random bytes, of which only a SHA-256 is stored.

One format serves device credentials, sessions, API tokens and the links in mails; each kind has
a table of its own, so a token of one kind opens nothing of another.
"""

import base64
import binascii
import hashlib
import re
import secrets
from typing import Final

import msgspec

from sync.ids import LOCATOR_LENGTH, account_of, locator

RANDOM_BYTES: Final = 32
_TEXT_LENGTH: Final = 43  # 32 bytes in base64url without padding
#: What is no letter of a token, and letters of one.
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]+")
LENGTH: Final = LOCATOR_LENGTH + _TEXT_LENGTH


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


def found_in(text: str) -> str:
    """The token in a link that somebody's mail program or notes app has added signs to.

    What no token has is left out, wherever it stands (`<TOKEN>.`, a line break inside), and what
    follows the last letter of one. A text without a token stays without one.
    """
    return _FOREIGN.sub("", text)[:LENGTH]


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
    if account is None or not write(account, secret).endswith(body):
        return None  # the last letter may say more than 32 bytes need: such a token is none of ours
    return TokenRef(account, digest(secret))
