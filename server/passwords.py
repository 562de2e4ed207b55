"""Passwords: argon2id, off the event loop, and as slow for nobody as for somebody."""

import asyncio
import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

_HASHER: Final = PasswordHasher()


@cache
def _nobodys() -> str:
    """Costs as much to check as a real one."""
    return _HASHER.hash(secrets.token_hex())


def hash_password(password: str) -> str:
    """What is stored of a password; takes about as long as checking one."""
    return _HASHER.hash(password)


async def hash_password_aside(password: str) -> str:
    """`hash_password` without holding the event loop."""
    return await asyncio.to_thread(hash_password, password)


def _check(stored: str | None, password: str) -> bool:
    nobodys = _nobodys()  # made by the first check of a process, whoever it is for
    try:
        _HASHER.verify(stored or nobodys, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return stored is not None


async def check_password(stored: str | None, password: str) -> bool:
    """Tell whether `password` fits; None, for an unknown user, costs the same time and is False."""
    return await asyncio.to_thread(_check, stored, password)
