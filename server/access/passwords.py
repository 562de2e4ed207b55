"""Passwords: hashed by argon2id off the event loop; unknown users take as long as known ones."""

import asyncio
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

#: The parameters that argon2-cffi recommends (RFC 9106); most tests replace it by a cheap one.
hasher = PasswordHasher()
#: A check takes 64 MiB and a thread for each lane. In a pool of their own, many checks at once
#: queue here, and other work in threads does not wait for them.
_CHECKERS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")


@cache
def _dummy_hash(of: PasswordHasher) -> str:
    """A hash that takes as long to check as a real one of the same hasher."""
    return of.hash(secrets.token_hex())


def hash_password(password: str) -> str:
    """The hash to store of a password; takes about as long as a check."""
    return hasher.hash(password)


async def hash_password_aside(password: str) -> str:
    """`hash_password` in a thread, so that the event loop is not blocked."""
    return await asyncio.get_running_loop().run_in_executor(_CHECKERS, hash_password, password)


def _check(stored: Sequence[str | None], password: str) -> list[bool]:
    dummy = _dummy_hash(hasher)  # made by the first check of a process, whoever it is for
    fits = []
    for password_hash in stored:
        try:
            hasher.verify(password_hash or dummy, password)
        except (VerifyMismatchError, InvalidHashError):
            fits.append(False)
        else:
            fits.append(password_hash is not None)
    return fits


async def check_passwords(stored: Sequence[str | None], password: str) -> list[bool]:
    """Tell for each hash whether `password` matches it; all are checked, whatever the results.

    None, for an unknown user, takes the same time and gives False.
    """
    return await asyncio.get_running_loop().run_in_executor(_CHECKERS, _check, stored, password)
