"""Kinto, another server for offline sync, on the cluster that we are measured on.

It lives in an environment of its own in the user's cache, made when it is missing. Of gunicorn
(synchronous and threaded), waitress and uWSGI, each with two processes, the first had the best
median of seven rounds on a busy machine; their ranges overlap. Rights come from the settings, so
that they cost no query, and the log is kept quiet.
"""

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from tests.bench.http import Connection
from tests.support.databases import renamed
from tests.support.processes import answers, free_port, until

REQUIREMENTS: Final = Path(__file__).with_name("kinto.txt")
#: Its most requests in a batch, by default and as it recommends.
BATCH: Final = 25
DATABASE: Final = "kinto"
BUCKET: Final = "/buckets/bench"

SETTINGS: Final = """
[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.postgresql
kinto.storage_url = {dsn}
kinto.permission_backend = kinto.core.permission.postgresql
kinto.permission_url = {dsn}
kinto.cache_backend = kinto.core.cache.memory
kinto.userid_hmac_secret = bench
kinto.batch_max_requests = {batch}
kinto.explicit_permissions = false
kinto.bucket_create_principals = system.Authenticated
kinto.bucket_write_principals = system.Authenticated
kinto.bucket_read_principals = system.Authenticated
kinto.collection_create_principals = system.Authenticated
kinto.collection_write_principals = system.Authenticated
kinto.collection_read_principals = system.Authenticated
kinto.record_create_principals = system.Authenticated
kinto.record_write_principals = system.Authenticated
kinto.record_read_principals = system.Authenticated
multiauth.policies = basicauth

[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = ERROR
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""
APPLICATION: Final = """
from pyramid.paster import get_app, setup_logging
setup_logging({settings!r})
application = get_app({settings!r})
"""

#: The trigger keeps a time that is told and differs from the last one.
FILL: Final = """
INSERT INTO objects (id, parent_id, resource_name, last_modified, data, deleted)
SELECT gen_random_uuid()::text, $1, 'record', from_epoch($3 + place), content::jsonb, false
FROM unnest($2::text[]) WITH ORDINALITY AS r(content, place)
"""
#: Milliseconds since 1970 of the first record that is laid: years ago.
FIRST: Final = 1_600_000_000_000


class KintoMissingError(RuntimeError):
    """It is not installed and cannot be."""


class Kinto(NamedTuple):
    """A server that runs: its port, and its database's address."""

    port: int
    dsn: str


def head(method: str, path: str) -> str:
    """Request line and headers; any user is let in, as basic authentication is the cheapest."""
    user = base64.b64encode(b"bench:bench").decode()
    return (
        f"{method} /v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {user}\r\n"
        "Content-Type: application/json\r\n"
    )


async def ask(kinto: Kinto, request: str, body: bytes = b"") -> bytes:
    """One request on a connection of its own, which this kind of server closes anyway."""
    connection = await Connection.open(kinto.port)
    try:
        return await connection.request(request, body)
    finally:
        await connection.close()


def collection(name: str) -> str:
    """The path of a collection's records."""
    return f"{BUCKET}/collections/{name}/records"


async def add_collections(kinto: Kinto, names: list[str]) -> None:
    """Make the bucket and its collections."""
    await ask(kinto, head("PUT", BUCKET), b"{}")
    for name in names:
        await ask(kinto, head("PUT", f"{BUCKET}/collections/{name}"), b"{}")


async def fill(kinto: Kinto, name: str, records: list[bytes]) -> None:
    """Lay `records`, JSON objects, in a collection, one each millisecond from `FIRST` on."""
    connection = await asyncpg.connect(kinto.dsn)
    try:
        texts = [record.decode() for record in records]
        await connection.execute(FILL, f"{BUCKET}/collections/{name}", texts, FIRST)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def installed() -> Path:
    """The programs of Kinto's environment, which is made where it is missing.

    :raises KintoMissingError: no package registry answers.
    """
    wanted = f"{sys.version}{REQUIREMENTS.read_text()}".encode()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "retour" / f"kinto-{hashlib.sha256(wanted).hexdigest()[:12]}"
    programs, mark = home / "bin", home / "complete"
    if not mark.exists():
        sys.stderr.write(f"installing Kinto in {home}\n")
        pip: list[str | Path] = [
            programs / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "-qq",  # a machine's own settings may bring a warning for each index; errors are kept
        ]
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
            subprocess.run([*pip, "install", "--requirement", REQUIREMENTS], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise KintoMissingError("Kinto could not be installed") from error
        mark.touch()
    return programs


async def add_database(owner: Any) -> None:
    """Kinto's database on the cluster of `owner`; it wants UTC."""
    await owner.execute(f"CREATE DATABASE {DATABASE}")
    await owner.execute(f"ALTER DATABASE {DATABASE} SET timezone TO 'UTC'")


@contextmanager
def serving(programs: Path, owner_dsn: str, folder: Path) -> Iterator[Kinto]:
    """Two processes of Kinto on the database that `add_database` made."""
    dsn = renamed(owner_dsn, DATABASE)
    settings, port = folder / "kinto.ini", free_port()
    plain = urlsplit(dsn)._replace(scheme="postgresql", query="").geturl()
    settings.write_text(SETTINGS.format(dsn=plain.replace("%", "%%"), batch=BATCH))
    (folder / "kinto_application.py").write_text(APPLICATION.format(settings=str(settings)))
    log = (folder / "kinto.log").open("wb")
    subprocess.run(
        [programs / "kinto", "migrate", "--ini", settings], check=True, stdout=log, stderr=log
    )
    command: list[str | Path] = [
        programs / "gunicorn",
        *("--workers", "2", "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        *("--chdir", str(folder)),
        "kinto_application:application",
    ]
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: answers(port), "Kinto answers")
            yield Kinto(port, dsn)
        finally:
            process.terminate()
