"""Makes the cluster of a data folder: PostgreSQL's data directory, its place and its password."""

import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final

from mail.wording import _
from server.postgres import binaries
from server.postgres.binaries import EmbeddedError
from server.postgres.leftovers import end_leftovers
from server.postgres.programs import Programs
from server.runtime.files import write_private

OWNER: Final = "retour_owner"


def prepare_cluster(folder: Path, programs: Programs) -> Path:
    """The cluster of a data folder: made where it is missing, and without processes in it.

    :raises EmbeddedError: initdb failed, the cluster was moved away, or a process does not end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    home = _home(folder, programs)
    cluster = home / "cluster"
    end_leftovers(cluster)
    if cluster.exists():
        return cluster
    # Renamed once it is complete: `PG_VERSION` does not tell that.
    partial, password_file = home / "partial", home / "password"
    shutil.rmtree(partial, ignore_errors=True)
    write_private(password_file, password_of(folder).encode())
    programs.give(password_file)
    try:
        programs.run(
            "initdb", "-D", str(partial), "-U", OWNER, f"--pwfile={password_file}",
            "--auth=scram-sha-256", "-E", "UTF8", "--locale-provider=builtin",
            "--locale=C.UTF-8", "--data-checksums", "--no-instructions",
        )  # fmt: skip
    finally:
        password_file.unlink()
    partial.rename(cluster)
    return cluster


def password_of(folder: Path) -> str:
    """The owner's password, made at the first start."""
    file = folder / "postgres.password"
    if not file.exists():
        write_private(file, secrets.token_urlsafe(24).encode())
    return file.read_text()


def _home(folder: Path, programs: Programs) -> Path:
    """The folder of the cluster: in the data folder, or in `binaries.SHARED`.

    The latter where the unprivileged user cannot enter the data folder, which then holds a link to
    it. The target's name is unique: a data folder that is moved keeps its database, and a new one
    in its place gets its own.

    :raises EmbeddedError: the link's target is gone; no new database may take its place.
    """
    home = folder / "postgres"
    if home.is_symlink() and not home.exists():
        raise EmbeddedError(
            _("%(link)s leads to %(target)s, which is gone: copy it back"),
            link=home,
            target=home.readlink(),
        )
    if programs.user is not None and not home.exists():
        can_enter = all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))
        if not can_enter:
            home.symlink_to(tempfile.mkdtemp(prefix="cluster-", dir=binaries.SHARED))
    home.mkdir(exist_ok=True)
    programs.give(home)
    home.resolve().chmod(0o700)
    return home.resolve()
