"""Private files, atomic writes and file locks."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockedError(RuntimeError):
    """Another process holds the lock."""


def private(file: str, flags: int) -> int:
    """An opener for `open`, which creates files that only their owner can read."""
    return os.open(file, flags, 0o600)


def write_private(file: Path, content: bytes) -> None:
    """Write a file atomically, readable by its owner only."""
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with open(partial, "xb", opener=private) as out:
        out.write(content)
    partial.replace(file)


@contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Lock `file` against other processes; the kernel releases it when the process ends.

    :raises LockedError: another process has the lock, and `wait` is false.
    """
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(str(file)) from None
        yield
