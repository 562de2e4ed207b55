"""`python -m tests.modules`: types and lint of the technician app's JavaScript.

TypeScript checks the types in the modules' JSDoc, ESLint its recommended rules; both run under Node
with the packages of tests/technician. Prints what they find and exits 1 if they find anything.
Where Node or npm is missing nothing is checked, which is said, and fails only if RETOUR_TEST_ALL is
set.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.npm import InstallError, installed, missing_programs

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "tests" / "technician"
APP: Final = ROOT / "server" / "technician" / "app"


def checks(modules: Path) -> Iterator[tuple[str, ...]]:
    """The commands to run, with the packages in `modules`."""
    compiler = str(modules / "typescript" / "bin" / "tsc")
    for project in ("tsconfig.json", "tsconfig.worker.json"):
        yield "node", compiler, "--project", str(FOLDER / project)
    linter = str(modules / "eslint" / "bin" / "eslint.js")
    yield "node", linter, "--config", str(FOLDER / "eslint.config.mjs"), str(APP)


def main() -> int:
    """Run all checks; the exit code."""
    must_run = bool(os.environ.get("RETOUR_TEST_ALL"))
    if missing := missing_programs():
        sys.stderr.write(f"{' and '.join(missing)} missing: the app's modules are not checked\n")
        return int(must_run)
    try:
        modules = installed(FOLDER)
    except InstallError as error:
        sys.stderr.write(f"npm cannot install: the app's modules are not checked: {error}\n")
        return int(must_run)
    codes = [subprocess.run(check, cwd=ROOT, check=False).returncode for check in checks(modules)]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
