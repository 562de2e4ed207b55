"""Fixtures of the mail tests: an account, seen with a worker's rights."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from tests.mail.campaigns import time_of
from tests.mail.delivering import Post, posting
from tests.support.databases import TestDatabase
from tests.support.world import World


@pytest.fixture
async def world(as_worker: TestDatabase) -> World:
    """A small account."""
    return await World.create()


@pytest.fixture
async def start(world: World) -> datetime:
    """An hour ago."""
    return await time_of(world) - timedelta(hours=1)


@pytest.fixture
async def post(as_worker: TestDatabase, world: World) -> AsyncIterator[Post]:
    """Deliveries in the account."""
    async with posting(as_worker, world) as made:
        yield made
