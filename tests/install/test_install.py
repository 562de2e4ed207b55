"""`make install` installs the lock as it stands, whatever pip Python brings."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.install.project import Release, make_project

#: What Debian 12, Python 3.11.7 and today's Python bring. None: the newest.
PIPS: Final = ("23.0.1", "23.2.1", None)
#: A Python whose virtual environments get the pip of the test.
PYTHON: Final = """#!/bin/sh
"{python}" "$@" || exit
[ "$1 $2" != "-m venv" ] || exec "$3/bin/python" -m pip install -qq --no-index --no-deps {wheel}
"""


def python_with_pip(folder: Path, version: str | None) -> Path:
    """The command of a Python that brings this pip; it is kept in `folder`."""
    wanted = f"pip=={version}" if version else "pip"
    command: list[str] = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", wanted]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and not os.environ.get("RETOUR_TEST_ALL"):
        pytest.skip(f"pip cannot be had: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    script = folder / "python"
    script.write_text(PYTHON.format(python=sys.executable, wheel=wheel))
    script.chmod(0o755)
    return script


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The small project, not installed."""
    make_project(tmp_path / "project", tmp_path / "index")
    return tmp_path / "project"


def install(project: Path, python: Path) -> subprocess.CompletedProcess[str]:
    """`make install` of the small project with nothing to fetch from but its index."""
    # Nothing of what this run's own pip or make were told.
    told = ("PIP_", "MAKE", "MFLAGS")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(told)}
    index = (project.parent / "index").as_uri()
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index, "PIP_NO_CACHE_DIR": "1"}
    return subprocess.run(
        ["make", "install", f"PYTHON={python}"],
        cwd=project,
        env={**ours, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def frozen(project: Path) -> set[str]:
    """What is installed, as name==version."""
    python = project / ".venv" / "bin" / "python"
    command: list[str | Path] = [python, "-m", "pip", "freeze", "--exclude-editable"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line for line in done.stdout.splitlines() if "==" in line}


@pytest.mark.parametrize("version", PIPS, ids=lambda version: version or "newest")
def test_the_lock_is_installed_as_it_stands(
    project: Path, tmp_path: Path, version: str | None
) -> None:
    done = install(project, python_with_pip(tmp_path, version))
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0].endswith("this takes a few minutes and prints nothing.")
    assert said[1:] == ["No broken requirements found."]
    assert frozen(project) >= {"asks==1.0", "beyond==1.0", "gives==1.0"}


def test_a_file_that_is_not_the_one_that_was_locked_is_refused(project: Path) -> None:
    Release("beyond", "1.0", "Summary: another file\n").write(project.parent / "index")
    done = install(project, Path(sys.executable))
    assert done.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr


def test_a_lock_that_names_too_little_is_refused(project: Path) -> None:
    lock = project / "requirements.lock"
    lines = lock.read_text().splitlines(keepends=True)
    lock.write_text("".join(line for line in lines if not line.startswith("gives")))
    done = install(project, Path(sys.executable))
    assert done.returncode != 0
    assert "asks 1.0 requires gives, which is not installed" in done.stdout
