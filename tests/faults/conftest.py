"""What the fault tests share: a mail server, the owner's eyes, and a yard with its processes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sync.database import DB
from tests.faults.scene import Yard, opened_yard
from tests.support.brokers import shared_broker
from tests.support.clusters import Cluster, own_cluster
from tests.support.databases import TestDatabase
from tests.support.owner import Owner, owning
from tests.support.smtp_sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An SMTP server that listens."""
    with Sink() as listening:
        yield listening


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[Owner]:
    """The owner of the test's database."""
    async with owning(database.owner) as opened:
        yield opened


@pytest.fixture
def broker() -> Iterator[dict[str, Any]]:
    """Settings of the broker that the processes of a test share."""
    with shared_broker("Redis") as settings:
        yield settings


@pytest.fixture
async def yard(
    as_worker: TestDatabase, sink: Sink, tmp_path: Path, broker: dict[str, Any]
) -> AsyncIterator[Yard]:
    """An account with a campaign and a device; none of its processes is started yet."""
    async with opened_yard(as_worker, sink, tmp_path, **broker) as opened:
        yield opened


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that the test may kill and set back."""
    with own_cluster() as made:
        yield made


@pytest.fixture
async def scene(
    cluster: Cluster, sink: Sink, tmp_path: Path, broker: dict[str, Any]
) -> AsyncIterator[Yard]:
    """A yard in it."""
    await DB.open(cluster.database.worker)
    async with opened_yard(cluster.database, sink, tmp_path, **broker) as opened:
        yield opened
    await DB.close()
