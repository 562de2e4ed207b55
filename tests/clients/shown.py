"""The code that docs/ shows, laid out beside the libraries that it uses."""

import re
import shutil
from pathlib import Path
from typing import Final

from tests.support.npm import install

HERE: Final = Path(__file__).parent
DOCS: Final = HERE.parent.parent / "docs"

#: A named block of a document: a line that starts with `name.mjs`, some words, then the code.
BLOCK: Final = re.compile(r"^`(\w+\.mjs)`.*?^```js\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def lay_out(folder: Path, document: str, *programs: str) -> None:
    """Put the code of docs/`document` and our `programs` where they find the libraries."""
    (folder / "node_modules").symlink_to(install(HERE))
    shown = ((DOCS / name).read_text() for name in (document, "protocol.md"))
    blocks = {name: code for text in shown for name, code in BLOCK.findall(text)}
    assert {"batches.mjs", "listening.mjs"} <= blocks.keys()
    assert "client.mjs" in blocks or document == "protocol.md", f"{document} shows no client"
    for name, code in blocks.items():
        (folder / name).write_text(code)
    for name in programs:
        shutil.copy(HERE / name, folder / name)
