"""Fixtures that every folder shares: a database, and the worker's or the API's way into it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from sync.database import DB
from tests.databases import TestDatabase, clone, cluster, make_template


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[tuple[str, str]]:
    """The cluster's address and the name of the migrated template."""
    with cluster() as dsn:
        yield dsn, make_template(dsn)


@pytest.fixture
def database(postgres: tuple[str, str]) -> Iterator[TestDatabase]:
    """A fresh, migrated database."""
    with clone(*postgres) as made:
        yield made


@pytest.fixture
async def as_api(database: TestDatabase) -> AsyncIterator[TestDatabase]:
    """The test's event loop connected with the API's rights."""
    await DB.open(database.api)
    yield database
    await DB.close()


@pytest.fixture
async def as_worker(database: TestDatabase) -> AsyncIterator[TestDatabase]:
    """The test's event loop connected with a worker's rights."""
    await DB.open(database.worker)
    yield database
    await DB.close()
