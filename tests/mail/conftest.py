"""Fixtures of the mail tests: an account, seen with a worker's rights."""

from datetime import datetime, timedelta

import pytest

from tests.databases import TestDatabase
from tests.mail.campaigns import time_of
from tests.world import World


@pytest.fixture
async def world(as_worker: TestDatabase) -> World:
    """A small account."""
    return await World.create()


@pytest.fixture
async def start(world: World) -> datetime:
    """An hour ago."""
    return await time_of(world) - timedelta(hours=1)
