"""Opaque tokens: an account's locator and 32 random bytes, of which only the SHA-256 is stored.

Device credentials, sessions, API tokens and links in mails have one format, but a table each, so a
token of one kind is not valid as another.
"""

import base64
import binascii
import hashlib
import re
import secrets
from typing import Final

import msgspec

from sync.ids import LOCATOR_LENGTH, account_of, locator, new_account_number

RANDOM_BYTES: Final = 32
_TEXT_LENGTH: Final = 43  # 32 bytes in base64url without padding
#: Characters that no token contains.
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]+")
#: Characters of a token.
LENGTH: Final = LOCATOR_LENGTH + _TEXT_LENGTH


class TokenRef(msgspec.Struct, frozen=True):
    """The account of a received token, and the hash by which it is looked up."""

    account: int
    hash: bytes


def mint() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(RANDOM_BYTES)


def write(account: int, secret: bytes) -> str:
    """Return the token as text that is safe in URLs and headers: 8 + 43 characters."""
    return locator(account) + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def found_in(text: str) -> str:
    """Return the token in a link to which mail programs or people have added characters.

    Foreign characters are removed wherever they are (`<TOKEN>.`, a line break inside), and so is
    all that follows a token. A text without a token gives no valid one.
    """
    return _FOREIGN.sub("", text)[:LENGTH]


def digest(secret: bytes) -> bytes:
    """Return the hash of a token that is stored."""
    return hashlib.sha256(secret).digest()


def read(text: str) -> TokenRef | None:
    """Return the account and hash of the token `text`; None if it is no token."""
    body = text[LOCATOR_LENGTH:]
    if len(body) != _TEXT_LENGTH:
        return None
    account = account_of(text[:LOCATOR_LENGTH])
    try:
        secret = base64.b64decode(body + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if account is None or not write(account, secret).endswith(body):
        return None  # the last character has bits that 32 bytes do not need; `write` sets them to 0
    return TokenRef(account, digest(secret))


def referred(token: str) -> TokenRef:
    """Return what `token` refers to: if malformed, to nothing, at the same cost."""
    return read(token) or TokenRef(new_account_number(), b"")
