"""Fresh databases for tests: one cluster a run, one migrated template, a clone for each test."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec

from server.postgres import Embedded
from server.provisioning.provision import provision
from server.settings import Settings, load
from sync.tables.schema import API_ROLE, WORKER_ROLE
from tests.support.coroutines import apart
from tests.support.state_guard import guard

#: A test loses nothing it needs when the machine loses power; its passwords protect nothing.
QUICK: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "scram_iterations": "1",
}
SECRET: Final = "a secret of the tests"


class TestDatabase(msgspec.Struct, frozen=True):
    """The addresses of one database: its owner's and the running roles'."""

    __test__ = False

    owner: str
    api: str
    worker: str

    def settings(self, **overrides: object) -> Settings:
        """Settings of a process that uses this database and may be told another time."""
        return load({}, database_url=self.owner, secret=SECRET, testing=True, **overrides)


@contextmanager
def cluster() -> Iterator[str]:
    """The owner's address of a PostgreSQL: RETOUR_DATABASE_URL's, or an embedded one."""
    given = os.environ.get("RETOUR_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="retour-tests-") as folder:
        Path(folder).chmod(0o755)
        embedded = Embedded(Path(folder), QUICK)
        try:
            yield embedded.start().dsn
        finally:
            embedded.stop()


def renamed(dsn: str, database: str) -> str:
    """`dsn` with another database in it."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


async def _command(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _name(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


async def drop(dsn: str) -> None:
    """Drop the database at `dsn`, the owner's address, with the logins of its own."""
    roles = (API_ROLE, WORKER_ROLE)
    await _command(
        renamed(dsn, "postgres"),
        f'DROP DATABASE "{_name(dsn)}" WITH (FORCE)',
        *(f'DROP ROLE IF EXISTS "{_name(dsn)}_{role}_login"' for role in roles),
    )


@contextmanager
def migrated(dsn: str) -> Iterator[TestDatabase]:
    """A migrated database to clone, with the logins that its clones share.

    In it an invitation changes its state by an edge, or not at all.
    """
    owner = renamed(dsn, f"template_{secrets.token_hex(6)}")
    apart(_command(dsn, f'CREATE DATABASE "{_name(owner)}"'))
    settings = load({}, database_url=owner, secret=SECRET, testing=True)
    try:
        made = TestDatabase(owner, *apart(provision(settings)))
        apart(guard(owner))
        yield made
    finally:
        apart(drop(owner))


@contextmanager
def clone(template: TestDatabase) -> Iterator[TestDatabase]:
    """A database of one test, dropped when the test is over."""
    name = f"test_{secrets.token_hex(6)}"
    addresses = (template.owner, template.api, template.worker)
    logins = ", ".join(f'"{urlsplit(address).username}"' for address in addresses[1:])
    apart(
        _command(
            renamed(template.owner, "postgres"),
            f'CREATE DATABASE "{name}" TEMPLATE "{_name(template.owner)}" STRATEGY file_copy',
            f'REVOKE CONNECT, TEMPORARY ON DATABASE "{name}" FROM PUBLIC',
            f'GRANT CONNECT ON DATABASE "{name}" TO {logins}',
        )
    )
    made = TestDatabase(*(renamed(address, name) for address in addresses))
    try:
        yield made
    finally:
        # A process that a test started may have made logins of this database's own.
        apart(drop(made.owner))


def replace_database(name: str, origin: str, dsn: str) -> None:
    """Make the database `name` a copy of `origin`. Nobody may be connected to either.

    `dsn`: of their owner.
    """
    drop_database(name, dsn)
    copy = f'CREATE DATABASE "{name}" TEMPLATE "{origin}"'
    apart(_command(renamed(dsn, "postgres"), copy))


def drop_database(name: str, dsn: str) -> None:
    """Drop the database `name`, if there is one."""
    apart(_command(renamed(dsn, "postgres"), f'DROP DATABASE IF EXISTS "{name}"'))
