"""Node, the libraries of other people's apps, and the code that docs/ shows."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
DOCS: Final = HERE.parent.parent / "docs"
LOCK: Final = HERE / "package-lock.json"
MODULES: Final = HERE / "node_modules"
#: A copy of the lock that was installed.
INSTALLED: Final = MODULES / ".retour-lock.json"
#: No scripts of packages run, and nothing is fetched but packages.
INSTALL: Final = ("npm", "ci", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund")

#: A named block of a document: a line that starts with `name.mjs`, some words, then the code.
BLOCK: Final = re.compile(r"^`(\w+\.mjs)`.*?^```js\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def require_node() -> None:
    """Skip where Node or npm is missing, unless RETOUR_TEST_ALL forbids that."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if not missing:
        return
    if os.environ.get("RETOUR_TEST_ALL"):
        pytest.fail(f"{' and '.join(missing)} missing")
    pytest.skip(f"{' and '.join(missing)} missing")


def install() -> None:
    """Install what package-lock.json says, once for all processes that test."""
    with _alone():
        if INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes():
            return
        done = subprocess.run(INSTALL, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode and not os.environ.get("RETOUR_TEST_ALL"):
            pytest.skip(f"npm cannot install: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr
        shutil.copy(LOCK, INSTALLED)


@contextmanager
def _alone() -> Iterator[None]:
    with (HERE / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def lay_out(folder: Path, document: str, *programs: str) -> None:
    """Put the code of docs/`document` and our `programs` where they find the libraries."""
    (folder / "node_modules").symlink_to(MODULES)
    shown = ((DOCS / name).read_text() for name in (document, "protocol.md"))
    blocks = {name: code for text in shown for name, code in BLOCK.findall(text)}
    assert {"client.mjs", "listening.mjs"} <= blocks.keys(), f"{document} shows no client"
    for name, code in blocks.items():
        (folder / name).write_text(code)
    for name in programs:
        shutil.copy(HERE / name, folder / name)
