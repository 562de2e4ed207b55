"""One rule in two languages: for the app a task meets criteria exactly where `rules` says so."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.rules.test_criteria import CASES
from tests.support.npm import require_node

HERE: Final = Path(__file__).parent
ENGINE: Final = HERE.parents[1] / "server" / "technician" / "app" / "engine"
START: Final = datetime(2026, 3, 8, 5, tzinfo=UTC)
END: Final = datetime(2026, 4, 1, 4, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)


def ask(name: str, **period: datetime) -> dict[str, Any]:
    """A campaign on 600, as devices are told of it."""
    told = {field: moment.isoformat() for field, moment in period.items()}
    return {"campaign": name, "name": name, "states": ["600"], "may_untick": False, **told}


#: As a device gets it, and as an older server told of it.
ASKS: Final = [
    ask("always"),
    ask("from", starts_at=START),
    ask("until", ends_at=END),
    ask("between", starts_at=START, ends_at=END),
]
MOMENTS: Final = {
    START - SECOND: ["always", "until"],
    START: ["always", "from", "until", "between"],
    END - SECOND: ["always", "from", "until", "between"],
    END: ["always", "from"],
}


def test_the_app_judges_criteria_and_periods_as_the_server_does(tmp_path: Path) -> None:
    require_node()
    for name in ("asks.js", "address.js", "domain.js"):
        shutil.copy(ENGINE / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    order = {
        "cases": CASES,
        "asks": ASKS,
        "now": [moment.timestamp() * 1000 for moment in MOMENTS],
    }
    done = subprocess.run(
        ["node", str(HERE / "asks.mjs"), str(tmp_path), json.dumps(order)],
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)
    expected = {case["name"]: case["admits"] for case in CASES}
    assert dict(zip(expected, found["admitted"], strict=True)) == expected
    assert found["asked"] == list(MOMENTS.values())
