"""Hazard 12: PostgreSQL is killed and comes back under processes that nobody restarts."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from sync.messages import Item
from tests.faults.scene import DONE, Yard, eventually, verdicts
from tests.faults.trials import TRIALS
from tests.support.clusters import Cluster
from tests.support.owner import owning

pytestmark = pytest.mark.anyio


async def facts(cluster: Cluster, ids: list[UUID]) -> int:
    """How many of `ids` are transitions."""
    async with owning(cluster.database.owner) as owner:
        found = await owner.value("SELECT count(*) FROM transition WHERE id = ANY($1)", ids)
    return int(found)


class Pusher:
    """A phone that pushes one visit after the other, each until it is answered 200."""

    def __init__(self, scene: Yard, origin: str, items: list[Item]) -> None:
        self.scene, self.origin, self.items = scene, origin, items
        self.acknowledged: list[UUID] = []
        self.refusals: list[httpx.Response] = []

    async def push_all(self) -> None:
        """Until everything is acknowledged."""
        for item in self.items:
            while item.id not in self.acknowledged:
                await self._push(item)

    async def _push(self, item: Item) -> None:
        body = {"device_now": item.moment, "transitions": [item]}
        answer = await self.scene.send(self.origin, body)
        if answer.status_code == 200:
            assert verdicts(answer) == ["accepted"]
            self.acknowledged.append(item.id)
        else:
            self.refusals.append(answer)


async def test_12_a_database_that_crashes_is_waited_for_and_forgets_nothing(
    cluster: Cluster, scene: Yard
) -> None:
    api = scene.fleet.api()
    processes = [api, scene.fleet.worker(), scene.fleet.clock()]
    before = await scene.visits(1)
    await scene.finish(api.origin, before)
    await scene.mailed(before)
    await scene.rung()
    for _ in range(max(2, TRIALS // 10)):
        visits = await scene.visits(10)
        items = [scene.world.item(visit.task, DONE) for visit in visits]
        pusher = Pusher(scene, api.origin, items)
        pushing = asyncio.create_task(pusher.push_all())
        await eventually(_some(pusher), "some are acknowledged")

        await asyncio.to_thread(cluster.crash)
        acknowledged = list(pusher.acknowledged)
        page = await scene.read(api.origin, "/s/0123456789", "text/html")
        program = await scene.read(api.origin, "/ready", "application/json")
        await cluster.start()

        assert await facts(cluster, acknowledged) == len(acknowledged)
        await pushing
        assert await facts(cluster, [item.id for item in items]) == len(items)
        for answer in [page, program, *pusher.refusals]:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
        assert page.headers["Content-Type"].startswith("text/html")
        assert program.headers["Content-Type"] == "application/problem+json"
        await scene.mailed(visits)
        assert [len(scene.sink.to(visit.address)) for visit in visits] == [1] * len(visits)
        assert all(process.runs for process in processes)


def _some(pusher: Pusher) -> Any:
    async def acknowledged() -> bool:
        return len(pusher.acknowledged) >= 3

    return acknowledged
