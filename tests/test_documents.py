"""The documents name files that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("ARCHITECTURE", "CONTRIBUTING", "README", "SECURITY")),
    *(ROOT / "docs").rglob("*.md"),
]
#: A path of ours; a name in capitals stands for any, as `NAME` does in the recipes.
FILE = re.compile(r"`((?:rules|sync|mail|server|tests|docs|fixtures)/[\w./*-]*\.\w+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_file_that_a_document_names_is_there(document: Path) -> None:
    named = {re.sub(r"\bNAME\b", "*", path) for path in FILE.findall(document.read_text())}
    assert [path for path in sorted(named) if not any(ROOT.glob(path))] == []
