"""Fixtures of the protocol's tests: offices on one API, and separate API processes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.protocol.desk import Desk, open_desk
from tests.server.conftest import api, north, shared, south
from tests.support.api_process import Served
from tests.support.databases import SECRET, TestDatabase
from tests.support.owner import Owner, owning
from tests.support.processes import Fleet

__all__ = ["api", "desk", "fleet", "north", "other_desk", "shared", "south", "watching"]


@pytest.fixture
def fleet(shared: TestDatabase, tmp_path: Path) -> Iterator[Fleet]:
    """API processes over the database of the module. Nobody hears them ring: no mail is sent."""
    settings = {"database_url": shared.owner, "secret": SECRET, "testing": "true"}
    with Fleet(tmp_path, broker_url="redis://127.0.0.1:1", **settings) as processes:
        yield processes


@pytest.fixture
def desk(shared: TestDatabase, api: Served) -> Desk:
    """The office of an account of its own."""
    return open_desk(shared, api.client)


@pytest.fixture
def other_desk(shared: TestDatabase, api: Served) -> Desk:
    """The office of another account."""
    return open_desk(shared, api.client)


@pytest.fixture
async def watching(shared: TestDatabase) -> AsyncIterator[Owner]:
    """The owner's view of the database."""
    async with owning(shared.owner) as view:
        yield view
