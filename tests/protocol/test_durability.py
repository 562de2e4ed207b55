"""Nothing is acknowledged that is not durable: PostgreSQL dies, and every answer still holds."""

import asyncio
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from server.postgres import Embedded
from server.provisioning.provision import provision
from server.settings import load
from tests.protocol.client import Device
from tests.protocol.desk import Desk, open_desk
from tests.support.api_process import served
from tests.support.databases import SECRET, TestDatabase
from tests.support.processes import until

#: Answers that a device has heard before PostgreSQL dies.
ANSWERS = 12


@pytest.fixture
def own() -> Iterator[Embedded]:
    """A PostgreSQL of its own, with the settings of `retour up`."""
    with tempfile.TemporaryDirectory(prefix="retour-durable-") as place:
        Path(place).chmod(0o755)
        embedded = Embedded(Path(place) / "data")
        yield embedded
        embedded.stop()


def started(own: Embedded) -> TestDatabase:
    """Its database, migrated."""
    dsn = own.start().dsn
    settings = load({}, database_url=dsn, secret=SECRET, testing=True)
    return TestDatabase(dsn, *asyncio.run(provision(settings)))


def asked(dsn: str, sql: str) -> list[tuple[object, ...]]:
    """The rows of `sql`."""

    async def work() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(work())


def push_until_it_dies(device: Device, task: str, heard: threading.Semaphore) -> None:
    """Push one transition after another until there is no answer any more."""
    while True:
        device.record(task, "600")
        try:
            device.push()
        except httpx.HTTPError:
            return
        heard.release()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=["killed", "immediate"])
def test_every_acknowledged_transition_is_there_after_postgresql_died(
    own: Embedded, number: signal.Signals
) -> None:
    database = started(own)
    for dsn in (database.owner, database.api):
        assert asked(dsn, "SHOW fsync") == asked(dsn, "SHOW synchronous_commit") == [("on",)]
    with served(database) as api:
        desk = open_desk(database, api.client)
        devices = [desk.device() for _ in range(2)]
        die_while_they_push(own, number, desk, devices)
    assert sum(len(device.verdicts) for device in devices) >= ANSWERS
    again = started(own)
    rows = asked(again.owner, "SELECT id, verdict FROM transition")
    stored = {str(key): verdict for key, verdict in rows}
    for device in devices:
        for key in device.verdicts:
            assert stored.get(key) == "accepted"
    with served(again) as api:
        for device in devices:
            device.client = api.client
            assert len(device.queue) == 1, "what was not answered is still queued"
            assert device.push() == ["accepted"]


def die_while_they_push(
    own: Embedded, number: signal.Signals, desk: Desk, devices: list[Device]
) -> None:
    """Let PostgreSQL die right after one of many answers."""
    heard = threading.Semaphore(0)
    threads = [
        threading.Thread(target=push_until_it_dies, args=(device, desk.task(), heard))
        for device in devices
    ]
    for thread in threads:
        thread.start()
    for _ in range(ANSWERS):
        assert heard.acquire(timeout=60)
    assert own.process is not None
    os.kill(own.process.pid, number)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    until(lambda: not own.alive(), "PostgreSQL is dead")
