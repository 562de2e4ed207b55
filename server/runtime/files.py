"""Files that must not be half written, nor read by others."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockedError(RuntimeError):
    """Another process holds the lock."""


def private(file: str, flags: int) -> int:
    """An opener for `open`: what it makes is for the owner's eyes only."""
    return os.open(file, flags, 0o600)


def write_private(file: Path, content: bytes) -> None:
    """Write whole or not at all, for the owner's eyes only."""
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with open(partial, "xb", opener=private) as out:
        out.write(content)
    partial.replace(file)


@contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold `file` alone among processes; the lock goes with the process, however it ends.

    :raises LockedError: without `wait`, where another process holds it.
    """
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(str(file)) from None
        yield
