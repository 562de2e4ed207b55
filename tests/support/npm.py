"""Packages of npm for tests: installed as the lock of a folder says, once for all processes."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

#: A copy of the lock that was installed, in node_modules.
INSTALLED: Final = ".retour-lock.json"
#: No scripts of packages run, and nothing is fetched but packages.
INSTALL: Final = ("npm", "ci", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund")


def require_node() -> None:
    """Skip where Node or npm is missing, unless RETOUR_TEST_ALL forbids that."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if not missing:
        return
    if os.environ.get("RETOUR_TEST_ALL"):
        pytest.fail(f"{' and '.join(missing)} missing")
    pytest.skip(f"{' and '.join(missing)} missing")


def install(folder: Path) -> Path:
    """The node_modules that `folder`'s package-lock.json wants."""
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    installed = modules / INSTALLED
    with _alone(folder):
        if installed.exists() and installed.read_bytes() == lock.read_bytes():
            return modules
        done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode and not os.environ.get("RETOUR_TEST_ALL"):
            pytest.skip(f"npm cannot install: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr
        shutil.copy(lock, installed)
    return modules


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
