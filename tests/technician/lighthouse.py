"""`python -m tests.technician.lighthouse URL`: five runs of Lighthouse, each score and its median.

Ends with how many requests the first load is, the service worker's aside.

Performance is measured here and asserted nowhere, for it is a timing of this machine.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from tests.support.browser import FLAGS, SHELL
from tests.support.npm import install

HERE: Final = Path(__file__).parent
CATEGORIES: Final = ("accessibility", "best-practices", "performance")
RUNS: Final = 5


class _Category(msgspec.Struct):
    score: float


class _Details(msgspec.Struct):
    items: list[dict[str, Any]]


class _Requests(msgspec.Struct):
    details: _Details


class _Audits(msgspec.Struct):
    requests: _Requests = msgspec.field(name="network-requests")


class _Report(msgspec.Struct):
    categories: dict[str, _Category]
    audits: _Audits


class Judged(msgspec.Struct, frozen=True):
    """What Lighthouse gives a page, 0 to 1 by category, and how many requests it saw."""

    scores: dict[str, float]
    requests: int


def judge(url: str, folder: Path) -> Judged:
    """Load the page at `url` on a phone."""
    program = install(HERE) / "lighthouse" / "cli" / "index.js"
    report = folder / "lighthouse.json"
    done = subprocess.run(
        [
            "node", program, url, "--quiet", "--output=json", f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags={' '.join(FLAGS)}",
        ],
        env=os.environ | {"CHROME_PATH": str(SHELL)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = msgspec.json.decode(report.read_bytes(), type=_Report)
    given = {name: category.score for name, category in found.categories.items()}
    return Judged(given, len(found.audits.requests.details.items))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        runs = [judge(sys.argv[1], Path(folder)) for _ in range(RUNS)]
    for name in CATEGORIES:
        each = [run.scores[name] for run in runs]
        sys.stdout.write(f"{name:15} {median(each):.2f}  of {each}\n")
    sys.stdout.write(f"{'requests':15} {median(run.requests for run in runs)}\n")
