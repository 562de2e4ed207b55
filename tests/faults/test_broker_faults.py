"""Hazard 8: the broker goes while devices push, comes back empty, and is emptied."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.scene import Visit, Yard, opened_yard
from tests.faults.test_redis_failover import Server, running
from tests.support.databases import TestDatabase
from tests.support.processes import free_port
from tests.support.smtp_sink import Sink

pytestmark = pytest.mark.anyio


async def finished(yard: Yard, origin: str, count: int = 5) -> list[Visit]:
    """Visits whose end was pushed, and acknowledged."""
    visits = await yard.visits(count)
    await yard.finish(origin, visits)
    return visits


async def asked_once(yard: Yard, visits: list[Visit]) -> None:
    """Each has one mail, and nothing is left to do."""
    await yard.mailed(visits)
    await yard.idle()
    assert [len(yard.sink.to(visit.address)) for visit in visits] == [1] * len(visits)


async def test_8_pushes_are_taken_without_a_broker_and_worked_off_afterwards(
    as_worker: TestDatabase, sink: Sink, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"broker_url": Server(port).url, "namespace": "test-gone"}
    async with opened_yard(as_worker, sink, tmp_path, **settings) as yard:
        with running(tmp_path, port):
            api = yard.fleet.api()
            processes = [api, yard.fleet.worker(), yard.fleet.clock()]
            await asked_once(yard, await finished(yard, api.origin))
        away = await finished(yard, api.origin)
        assert not any(sink.to(visit.address) for visit in away)
        with running(tmp_path, port) as server:
            await asked_once(yard, away)
            pushing = asyncio.create_task(finished(yard, api.origin, 20))
            for _ in range(20):
                await asyncio.to_thread(server.client.flushall)
            await asked_once(yard, await pushing)
            assert all(process.runs for process in processes)
