"""Fixtures that every folder shares: a database, and the worker's or the API's way into it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from sync.database import DB
from tests.databases import TestDatabase, clone, cluster, migrated


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def template() -> Iterator[TestDatabase]:
    """A migrated database to clone."""
    with cluster() as dsn, migrated(dsn) as made:
        yield made


@pytest.fixture
def database(template: TestDatabase) -> Iterator[TestDatabase]:
    """A fresh, migrated database."""
    with clone(template) as made:
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
