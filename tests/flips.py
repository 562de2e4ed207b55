"""`python -m tests.flips [POINT ...]`: whether tests hold the decided points of docs/features.md.

tests/flips.toml says where each point stands in the code, what would be wrong there, and a test of
its number. In a copy of the tree all these tests must be green, and each red once its point is
flipped. That takes a few minutes; `tests/test_flips.py` checks the table at every run.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, convert

ROOT: Final = Path(__file__).parent.parent
_COPIED: Final = ("rules", "sync", "mail", "server", "fixtures", "tests", "docs", "pyproject.toml")
#: What pytest returns where tests ran and some failed (`pytest.ExitCode`).
_GREEN, _RED = 0, 1


class Flip(Struct, frozen=True, forbid_unknown_fields=True):
    """`after` in place of `before`, which occurs once in `path`, is against the decided `point`."""

    point: int
    path: str
    before: str
    after: str
    test: str

    def applied(self, text: str) -> str:
        """Return the file's text with the flip.

        :raises ValueError: its place is not there once.
        """
        if text.count(self.before) != 1:
            raise ValueError(f"{self.point}: not once in {self.path}: {self.before!r}")
        return text.replace(self.before, self.after)


def flips() -> list[Flip]:
    """Return the table."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return convert(table["flip"], list[Flip])


def outcomes(folder: Path, chosen: Sequence[Flip]) -> Iterator[tuple[str, bool]]:
    """Yield what was tried in the copy in `folder`, and whether it came out as it should."""
    code = _tested(folder, {flip.test for flip in chosen})
    yield f"{len(chosen)} flips, before them", code == _GREEN
    for flip in chosen:
        path = folder / flip.path
        right = path.read_text("utf-8")
        path.write_text(flip.applied(right), "utf-8")
        try:
            yield f"{flip.point:2} {flip.test}", _tested(folder, {flip.test}) == _RED
        finally:
            path.write_text(right, "utf-8")


def _tested(folder: Path, tests: set[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *sorted(tests)]
    # Bytecode is found by time and size of its source, which a flip may leave as they were.
    environment = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True
    ).returncode


def main() -> int:
    """Print each flip with what became of it; return 1 if one was not noticed."""
    points = {int(argument) for argument in sys.argv[1:]}
    chosen = [flip for flip in flips() if not points or flip.point in points]
    good = True
    with tempfile.TemporaryDirectory(prefix="retour-flips-") as name:
        for part in _COPIED:
            source, target = ROOT / part, Path(name) / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "node_modules")
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
        for what, is_right in outcomes(Path(name), chosen):
            sys.stdout.write(f"{'as it should' if is_right else 'WRONG':12} {what}\n")
            sys.stdout.flush()
            good = good and is_right
    return not good


if __name__ == "__main__":
    sys.exit(main())
