"""One rule for texts in several languages: the app chooses what the server chooses."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from mail.i18n import text_in
from tests.support.npm import require_node

HERE: Final = Path(__file__).parent
VIEWS: Final = HERE.parents[1] / "server" / "technician" / "app" / "views"

#: Texts by language, who reads, and what they read.
CASES: Final[list[tuple[dict[str, str], str, str | None]]] = [
    ({"fr": "oui", "en": "yes"}, "fr_CA", "oui"),
    ({"fr": "oui", "en": "yes"}, "en-CA", "yes"),
    ({"fr_CA": "oui", "en_CA": "yes"}, "en", "yes"),
    ({"fr-CA": "oui", "en-CA": "yes"}, "fr_CA", "oui"),
    ({"FR": "oui"}, "fr_CA", "oui"),
    ({"fr_FR": "France", "fr": "partout", "fr_CA": "ici"}, "fr_CA", "ici"),
    ({"fr_FR": "France", "fr": "partout"}, "fr_CA", "partout"),
    ({"fr_FR": "France", "fr_BE": "Belgique"}, "fr_CA", "Belgique"),
    ({"fr_CA": "", "fr": "partout"}, "fr_CA", "partout"),
    ({"fil": "oo"}, "fi", None),
    ({"es": "sí"}, "fr_CA", None),
    ({}, "fr_CA", None),
]


@pytest.mark.parametrize(("texts", "wanted", "read"), CASES)
def test_a_text_is_read_in_the_nearest_of_its_language(
    texts: dict[str, str], wanted: str, read: str | None
) -> None:
    for one in (texts, dict(reversed(texts.items()))):
        assert text_in(one, wanted, otherwise="name") == (read or "name")


def test_who_reads_two_languages_reads_the_first_that_there_is() -> None:
    assert text_in({"en": "yes"}, None, "fr_CA", "en_CA") == "yes"
    assert text_in({"fr": "oui", "en": "yes"}, "en_CA", "fr_CA") == "yes"


def test_the_app_chooses_as_the_server_does(tmp_path: Path) -> None:
    require_node()
    shutil.copy(VIEWS / "texts.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    order = json.dumps([(texts, wanted) for texts, wanted, _ in CASES])
    done = subprocess.run(
        ["node", str(HERE / "languages.mjs"), str(tmp_path), order],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == [read for _, _, read in CASES]
