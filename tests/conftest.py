"""Fixtures that every folder shares: a database, and the worker's or the API's way into it."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import disk_usage, rmtree
from typing import Final

import pytest
import structlog
from argon2 import PasswordHasher

from server.access import passwords
from server.postgres.binaries import SHARED
from sync.database import DB
from tests.support.databases import TestDatabase, clone, cluster, migrated
from tests.support.lock_order import Heard, watch

#: A disk in memory. A database takes 20 ms to clone there instead of 300, and a process that is
#: killed loses as much of its files there as on any disk: nothing.
MEMORY: Final = Path("/dev/shm")
#: Bytes that must be free there: databases, profiles of browsers, environments of installs.
ROOM: Final = 4 * 1024**3


def pytest_configure() -> None:
    """Have temporary files in memory, if there is room and nobody says otherwise; cheap hashes."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # it is found out anew
    passwords.hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


#: What the tests of a folder need or take, for `make fast`, which leaves them out.
FOLDERS: Final = {
    "faults": "faults",
    "technician": "browser",
    "clients": "slow",
    "journeys": "slow",
    "protocol": "slow",
    "install": "slow",
    "upgrade": "slow",
    "bench": "slow",
}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by its folder, and by what it is given."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    if folder in FOLDERS:
        item.add_marker(FOLDERS[folder])
    names = getattr(item, "fixturenames", ())
    if "browser" in names:
        item.add_marker("browser")
    if "broker" in names:
        item.add_marker("broker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each of the processes, which share the list evenly, begin with some that take long."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if not item.get_closest_marker("long")]
    share = len(items) // processes
    ordered: list[pytest.Item] = []
    for process in range(processes):
        own = long[process::processes]
        room = len(others) if process == processes - 1 else max(0, share - len(own))
        ordered += [*own, *others[:room]]
        del others[:room]
    items[:] = ordered


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def no_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients of tests speak plain HTTP: to each, reading all authorities would take 25 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE", raising=False)
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("authorities")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_databases_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Root's databases of folders that nobody else may enter stand elsewhere: they go, too."""
    yield
    for folder, names, _ in os.walk(tmp_path_factory.getbasetemp()):
        link = Path(folder) / "postgres"
        if "postgres" in names and link.is_symlink() and link.resolve().parent == SHARED:
            rmtree(link.resolve())


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Errors that are logged show no source and no values: rich, if it is installed, takes 3 s."""
    renderer = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture(scope="session", autouse=True)
def watched() -> Iterator[Heard]:
    """What the connections of this process do with locks."""
    with pytest.MonkeyPatch.context() as patch:
        yield watch(patch)


@pytest.fixture(autouse=True)
def locks(watched: Heard) -> Iterator[Heard]:
    """No transaction of a test locks against the order, and no two of them wait for each other."""
    watched.forget()
    yield watched
    assert (watched.breaks, watched.deadlocks) == ([], [])


@pytest.fixture
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords cost what they cost in earnest."""
    monkeypatch.setattr(passwords, "hasher", PasswordHasher())


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
