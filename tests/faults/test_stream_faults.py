"""Hazard 12: streams that are open while PostgreSQL crashes tell what happens after it."""

import asyncio
from functools import partial

import pytest

from sync.messages import Item
from tests.faults.scene import DONE, Yard, eventually
from tests.faults.trials import TRIALS
from tests.protocol.streams import Stream
from tests.support.clusters import Cluster
from tests.support.processes import Api

pytestmark = pytest.mark.anyio


async def answered(scene: Yard, api: Api, item: Item) -> bool:
    """Whether a push is taken; 503 asks to come again."""
    reply = await scene.push(api.origin, [item])
    assert reply.status_code in {200, 503}, reply.text
    return reply.status_code == 200


async def is_away(scene: Yard, api: Api) -> bool:
    """Whether requests are answered 503."""
    answer = await scene.read(api.origin, "/api/v1/sync/pull", "application/json")
    return answer.status_code == 503


async def noticed(api: Api, outages: int) -> bool:
    """Whether who looks for news has met so many outages: a short one falls between two looks."""
    return api.log().count("live_interrupted") >= outages


async def test_12_a_stream_that_was_open_tells_what_happens_after_the_crash(
    cluster: Cluster, scene: Yard
) -> None:
    api = scene.fleet.api()
    visits = await scene.visits(min(TRIALS, 20))
    with Stream(api.origin, {"Authorization": f"Bearer {scene.credential}"}) as stream:
        assert (stream.status, stream.next()) == (200, "pull")
        for outages, visit in enumerate(visits, start=1):
            await asyncio.to_thread(cluster.crash)
            await eventually(partial(is_away, scene, api), "it says that it is away")
            await eventually(partial(noticed, api, outages), "the stream's side noticed")
            while stream.waiting():
                stream.next()  # of before the crash
            await cluster.start()
            item = scene.world.item(visit.task, DONE)
            await eventually(partial(answered, scene, api, item), "it answers again")
            assert await asyncio.to_thread(stream.next) == "pull"
        assert api.runs
