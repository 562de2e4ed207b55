"""Fresh databases for tests: one cluster a run, one migrated template, a clone for each test."""

import asyncio
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

from server.embedded import Embedded
from server.provision import provision
from server.settings import Settings, load

#: A test loses nothing it needs when the machine loses power.
QUICK: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
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


def make_template(dsn: str) -> str:
    """A migrated database to clone; its name."""
    name = f"template_{secrets.token_hex(6)}"
    asyncio.run(_command(dsn, f'CREATE DATABASE "{name}"'))
    _provision(renamed(dsn, name))
    return name


def _provision(dsn: str) -> TestDatabase:
    api, worker = asyncio.run(provision(load({}, database_url=dsn, secret=SECRET, testing=True)))
    return TestDatabase(dsn, api, worker)


@contextmanager
def clone(dsn: str, template: str) -> Iterator[TestDatabase]:
    """A database of one test, dropped with its logins when the test is over."""
    name = f"test_{secrets.token_hex(6)}"
    asyncio.run(_command(dsn, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    made = _provision(renamed(dsn, name))
    try:
        yield made
    finally:
        logins = [urlsplit(address).username for address in (made.api, made.worker)]
        asyncio.run(
            _command(
                dsn,
                f'DROP DATABASE "{name}" WITH (FORCE)',
                *(f'DROP ROLE "{login}"' for login in logins),
            )
        )
