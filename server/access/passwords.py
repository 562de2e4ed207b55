"""Passwords: argon2id, off the event loop, and as slow for nobody as for somebody."""

import asyncio
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

#: What argon2-cffi thinks right today (RFC 9106); tests that are not about it take a cheap one.
hasher = PasswordHasher()
#: Each check takes 64 MiB and as many threads as it has lanes: of many at once most wait, and
#: other work that is done in threads does not wait for them.
_CHECKERS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")


@cache
def _nobodys(by: PasswordHasher) -> str:
    """Costs as much to check as a real one made `by` the same."""
    return by.hash(secrets.token_hex())


def hash_password(password: str) -> str:
    """What is stored of a password; takes about as long as checking one."""
    return hasher.hash(password)


async def hash_password_aside(password: str) -> str:
    """`hash_password` without holding the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_CHECKERS, hash_password, password)


def _check(stored: Sequence[str | None], password: str) -> list[bool]:
    nobodys = _nobodys(hasher)  # made by the first check of a process, whoever it is for
    return [_fits(one or nobodys, password) and one is not None for one in stored]


def _fits(stored: str, password: str) -> bool:
    try:
        return hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


async def check_passwords(stored: Sequence[str | None], password: str) -> list[bool]:
    """Tell for each hash whether `password` fits, all of them checked whatever comes out.

    None, for an unknown user, costs the same time and is False.
    """
    return await asyncio.get_running_loop().run_in_executor(_CHECKERS, _check, stored, password)
