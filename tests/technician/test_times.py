"""Dates and times as they are written in Quebec, and how long campaigns wait."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.support.npm import require_node

HERE: Final = Path(__file__).parent
VIEWS: Final = HERE.parents[1] / "server" / "technician" / "app" / "views"
ZONE: Final = "America/Toronto"
SAID: Final = {
    datetime(2026, 12, 1, 13, tzinfo=UTC): [
        "mardi 1er décembre à 8\N{NO-BREAK SPACE}h",
        "1er déc., 8\N{NO-BREAK SPACE}h",
        "8\N{NO-BREAK SPACE}h",
        "Mardi 1er décembre",
    ],
    datetime(2026, 9, 2, 18, 59, tzinfo=UTC): [
        "mercredi 2 septembre à 14\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}59",
        "2 sept., 14\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}59",
        "14\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}59",
        "Mercredi 2 septembre",
    ],
}
SPANS: Final = {
    "00:00:00": "",
    "00:12:00": "12\N{NO-BREAK SPACE}hours",
    "01:00:30": "1\N{NO-BREAK SPACE}day 30\N{NO-BREAK SPACE}minutes",
}


def test_the_first_of_a_month_and_full_hours_are_written_as_the_console_writes_them(
    tmp_path: Path,
) -> None:
    require_node()
    for name in ("texts.js", "times.js"):
        shutil.copy(VIEWS / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    moments = [moment.timestamp() * 1000 for moment in SAID]
    order = json.dumps({"moments": moments, "zone": ZONE, "spans": list(SPANS)})
    done = subprocess.run(
        ["node", str(HERE / "times.mjs"), str(tmp_path), order], capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [list(SAID.values()), list(SPANS.values())]
