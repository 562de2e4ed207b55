"""Two validators of one rule: the app takes for an address exactly what the server takes."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.rules.judged import cases
from tests.support.npm import require_node

HERE: Final = Path(__file__).parent
ENGINE: Final = HERE.parents[1] / "server" / "technician" / "app" / "engine"


def test_the_app_judges_addresses_as_the_server_does(tmp_path: Path) -> None:
    require_node()
    for name in ("address.js", "domain.js"):
        shutil.copy(ENGINE / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(
        ["node", str(HERE / "addresses.mjs"), str(tmp_path), json.dumps(list(cases()))],
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert dict(zip(cases(), (normal for normal, _ in found), strict=True)) == cases()
    for typed, (normal, usable) in zip(cases(), found, strict=True):
        assert usable == (None if normal is None else typed.strip(" \t\u00a0"))
