"""Fixtures of the protocol's tests: two offices on one API, and separate API processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import SECRET, TestDatabase
from tests.faults.processes import Fleet
from tests.server.conftest import api, north, shared, south

__all__ = ["api", "fleet", "north", "shared", "south"]


@pytest.fixture
def fleet(shared: TestDatabase, tmp_path: Path) -> Iterator[Fleet]:
    """API processes over the database of the module. Nobody hears them ring: no mail is sent."""
    settings = {"database_url": shared.owner, "secret": SECRET, "testing": "true"}
    with Fleet(tmp_path, broker_url="redis://127.0.0.1:1", **settings) as processes:
        yield processes
