"""`python -m tests.technician.lighthouse URL`: three runs of Lighthouse, each score and its median.

Performance is measured here and asserted nowhere, for it is a timing of this machine.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from tests.browser import CHROMIUM, FLAGS
from tests.npm import install

HERE: Final = Path(__file__).parent
CATEGORIES: Final = ("accessibility", "best-practices", "performance")
RUNS: Final = 3


class _Category(msgspec.Struct):
    score: float


class _Report(msgspec.Struct):
    categories: dict[str, _Category]


def scores(url: str, folder: Path) -> dict[str, float]:
    """What Lighthouse gives the page at `url` on a phone, 0 to 1 by category."""
    program = install(HERE) / "lighthouse" / "cli" / "index.js"
    report = folder / "lighthouse.json"
    done = subprocess.run(
        [
            "node", program, url, "--quiet", "--output=json", f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags={' '.join(FLAGS)}",
        ],
        env=os.environ | {"CHROME_PATH": str(CHROMIUM)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = msgspec.json.decode(report.read_bytes(), type=_Report)
    return {name: category.score for name, category in found.categories.items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        runs = [scores(sys.argv[1], Path(folder)) for _ in range(RUNS)]
    for name in CATEGORIES:
        each = [run[name] for run in runs]
        sys.stdout.write(f"{name:15} {median(each):.2f}  of {each}\n")
