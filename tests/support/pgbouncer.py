"""A real PgBouncer between processes and PostgreSQL."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from tests.support.brokers import missing
from tests.support.processes import answers, free_port, until

#: Debian puts it where only root's PATH leads.
_PROGRAM: Final = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"

#: Two sessions for each role and database: what one leaves behind, another meets.
_SETTINGS: Final = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = 2
auth_type = scram-sha-256
auth_file = {folder}/users.txt
{more}
"""
#: As docs/operating.md has it: logins are the server's, and it tells how they are verified.
ASKING: Final = "auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1"


class Pooler:
    """`dsn`: the owner's address, by way of it."""

    def __init__(self, owner: str, port: int) -> None:
        parts = urlsplit(owner)
        netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
        self.dsn = urlunsplit(parts._replace(netloc=netloc))


@contextmanager
def pooler(owner: str, *, asks: bool = True, signs_in_as: str = "") -> Iterator[Pooler]:
    """One in transaction mode in front of the server at `owner`, an owner's address.

    `asks`: it knows all logins of the server, else the owner only. `signs_in_as`: who it is to the
    server, whoever signs in to it; with the owner's password.
    """
    if not Path(_PROGRAM).exists():
        missing("PgBouncer is not installed")
    parts, port = urlsplit(owner), free_port()
    server = f"host={parts.hostname} port={parts.port}"
    if signs_in_as:
        server += f" user={signs_in_as} password={parts.password}"
    more = f"auth_user = {parts.username}\n{ASKING}" if asks else ""
    with tempfile.TemporaryDirectory(prefix="retour-pooler-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        (folder / "users.txt").write_text(f'"{parts.username}" "{parts.password}"\n')
        settings = _SETTINGS.format(server=server, port=port, folder=folder, more=more)
        (folder / "settings.ini").write_text(settings)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [_PROGRAM, folder / "settings.ini"], stdout=log, stderr=log, **_identity()
            )
        try:
            until(lambda: answers(port) or process.poll() is not None, "PgBouncer answers")
            assert process.poll() is None, (folder / "log").read_text()
            yield Pooler(owner, port)
        finally:
            process.terminate()
            process.wait(30)


def _identity() -> dict[str, Any]:
    """It refuses to run as root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
