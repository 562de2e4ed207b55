"""Packages of npm for tests and checks, installed as the lock of a folder says."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

#: The programs that are needed to install and run packages.
PROGRAMS: Final = ("node", "npm")
#: A copy of the lock that was installed, in node_modules.
INSTALLED: Final = ".retour-lock.json"
#: No scripts of packages run, and nothing is fetched but packages.
INSTALL: Final = ("npm", "ci", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund")


class InstallError(Exception):
    """npm could not install; the message is the end of what it printed."""


def missing_programs() -> list[str]:
    """Which of PROGRAMS are not found."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def require_node() -> None:
    """Skip where Node or npm is missing, unless RETOUR_TEST_ALL forbids that."""
    missing = missing_programs()
    if not missing:
        return
    if os.environ.get("RETOUR_TEST_ALL"):
        pytest.fail(f"{' and '.join(missing)} missing")
    pytest.skip(f"{' and '.join(missing)} missing")


def install(folder: Path) -> Path:
    """The node_modules of `folder`; skips where npm cannot install, as `require_node` does."""
    try:
        return installed(folder)
    except InstallError as error:
        if os.environ.get("RETOUR_TEST_ALL"):
            raise
        pytest.skip(f"npm cannot install: {error}")


def installed(folder: Path) -> Path:
    """The node_modules of `folder` as its package-lock.json says, installed once for all processes.

    :raises InstallError: npm could not install.
    """
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    copy = modules / INSTALLED
    with _locked(folder):
        if copy.exists() and copy.read_bytes() == lock.read_bytes():
            return modules
        done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InstallError(done.stderr[-300:])
        shutil.copy(lock, copy)
    return modules


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "package.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
