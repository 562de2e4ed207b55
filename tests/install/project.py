"""A small project that installs as ours does: our Makefile, a lock with an extra, an index of it.

`asks` needs `gives[more]`; that extra needs `beyond`. The index also holds `gives` 2.0, released
after the lock was made: a pip that resolves anything for itself meets it and finds no hash.
"""

import base64
import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Final

from msgspec import Struct

MAKEFILE: Final = Path(__file__).parent.parent.parent / "Makefile"

#: What builds the small project: it needs no package of its own.
BACKEND: Final = """
from pathlib import Path
from zipfile import ZipFile


def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "small-1.0-py3-none-any.whl"
    with ZipFile(Path(folder) / name, "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr("small-1.0.dist-info/" + path, text)
        wheel.writestr("small.pth", str(Path.cwd()))
    return name


FILES = {
    "METADATA": "Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\nRequires-Dist: asks\\n",
    "WHEEL": "Wheel-Version: 1.0\\nGenerator: small\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "RECORD": "",
}
"""
PYPROJECT: Final = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "small"
version = "1.0"
dependencies = ["asks"]
"""


class Release(Struct, frozen=True):
    """A release of a package without code. `metadata`: further lines of its METADATA."""

    name: str
    version: str
    metadata: str = ""

    def write(self, index: Path) -> str:
        """Put it into `index`; the line of a lock that names it with its hash."""
        folder = index / self.name
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / f"{self.name}-{self.version}-py3-none-any.whl"
        self._build(wheel)
        (folder / "index.html").write_text(
            "".join(f'<a href="{file.name}">{file.name}</a>' for file in folder.glob("*.whl"))
        )
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        return f"{self.name}=={self.version} --hash=sha256:{digest}\n"

    def _build(self, wheel: Path) -> None:
        info = f"{self.name}-{self.version}.dist-info"
        head = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        files = {
            f"{self.name}.py": "",
            f"{info}/METADATA": head + self.metadata,
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(_recorded(path, text) for path, text in files.items())
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in {**files, f"{info}/RECORD": record}.items():
                archive.writestr(path, text)


def _recorded(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(text.encode())}\n"


def make_project(folder: Path, index: Path) -> None:
    """Write the project into `folder`, and what it needs into `index`."""
    needs_more = "Requires-Dist: gives[more]>=1\n"
    offers_more = "Provides-Extra: more\nRequires-Dist: beyond; extra == 'more'\n"
    releases = (
        Release("asks", "1.0", needs_more),
        Release("beyond", "1.0"),
        Release("gives", "1.0", offers_more),
    )
    folder.mkdir()
    shutil.copy(MAKEFILE, folder)
    (folder / "requirements.lock").write_text("".join(one.write(index) for one in releases))
    Release("gives", "2.0", offers_more).write(index)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
