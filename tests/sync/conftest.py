"""What the tests of `sync` share: a small account and the owner's view."""

from collections.abc import AsyncIterator

import pytest

from tests.support.databases import TestDatabase
from tests.support.owner import Owner, owning
from tests.support.world import World


@pytest.fixture
async def world(as_api: TestDatabase) -> World:
    """One account, reached with the API's rights."""
    return await World.create()


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[Owner]:
    """The owner's view of the same database."""
    async with owning(database.owner) as view:
        yield view
