"""Hazard 27: PostgreSQL is there and says nothing; it is not waited for, and taken up again."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.faults.scene import DONE, Yard, eventually, verdicts
from tests.support.clusters import Cluster
from tests.support.patience import soon
from tests.support.processes import Api
from tests.support.silent_network import Cable

pytestmark = [pytest.mark.anyio, pytest.mark.long]

#: Seconds in which a request ends, whatever the database does.
LONGEST = 32.0
#: Requests at once: more than the pool has connections.
CROWD = 24


class Answer(NamedTuple):
    """What came, and after how many seconds."""

    status: int
    headers: httpx.Headers
    seconds: float


@pytest.fixture
def cable(cluster: Cluster) -> Iterator[Cable]:
    """The network between the processes and their database."""
    with Cable(cluster.database.owner) as made:
        yield made


@pytest.fixture(params=["its processes are stopped", "its network is cut"])
def outage(request: pytest.FixtureRequest, cluster: Cluster, cable: Cable) -> Iterator[Any]:
    """How the database falls silent, and how it comes back."""
    stopped = request.param == "its processes are stopped"
    yield (cluster.freeze, cluster.thaw) if stopped else (cable.silence, cable.heal)
    cluster.thaw()


async def timed(asking: Any) -> Answer:
    begun = time.monotonic()
    answer = await asking
    return Answer(answer.status_code, answer.headers, time.monotonic() - begun)


def calling(api: Api) -> httpx.AsyncClient:
    """Many connections: making a client for each request would take longer than they do."""
    return httpx.AsyncClient(base_url=api.origin, timeout=LONGEST + 10)


class Watch:
    """Asks /health again and again; `slowest`: seconds of its slowest answer."""

    def __init__(self, origin: str) -> None:
        self.origin, self.slowest = origin, 0.0

    async def __aenter__(self) -> "Watch":
        self.task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _ask(self) -> None:
        async with httpx.AsyncClient(base_url=self.origin, timeout=LONGEST) as client:
            while True:
                answer = await timed(client.get("/health"))
                assert answer.status == 200
                self.slowest = max(self.slowest, answer.seconds)
                await asyncio.sleep(0.1)


async def test_27_a_database_that_says_nothing_is_not_waited_for(
    scene: Yard, cable: Cable, outage: tuple[Callable[[], None], Callable[[], None]]
) -> None:
    fall_silent, come_back = outage
    through: dict[str, Any] = {"database_url": cable.through(scene.database.owner)}
    api = scene.fleet.api(**through)
    worker, clock = scene.fleet.worker(**through), scene.fleet.clock(**through)
    before = await scene.visits(1)
    await scene.finish(api.origin, before)
    await scene.mailed(before)
    await scene.rung()
    visits = await scene.visits(CROWD)
    items = [scene.world.item(visit.task, DONE) for visit in visits]
    bodies = [{"device_now": item.moment, "transitions": [item]} for item in items]

    async with Watch(api.origin) as watch, calling(api) as client:
        fall_silent()
        ready = timed(client.get("/ready"))
        pushes = [timed(scene.send_on(client, body)) for body in bodies]
        answers = await asyncio.gather(ready, *pushes)
        await eventually(told(clock, "sweep failed"), "the clock says so")
        come_back()
    assert answers[0].seconds < soon(3)
    for answer in answers:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.seconds < LONGEST
    assert watch.slowest < soon()

    async with calling(api) as client:
        await eventually(accepts(scene, client, bodies), "all is accepted", 10)
        assert (await client.get("/ready")).status_code == 200
    await scene.mailed(visits)
    assert [len(scene.sink.to(visit.address)) for visit in visits] == [1] * CROWD
    assert all(process.runs for process in (api, worker, clock))


def told(process: Any, what: str) -> Any:
    async def said() -> bool:
        return what in process.log()

    return said


def accepts(scene: Yard, client: httpx.AsyncClient, bodies: list[Any]) -> Any:
    """Whether all is taken: what is not may only be told to come again."""

    async def accepted() -> bool:
        answers = await asyncio.gather(*(scene.send_on(client, body) for body in bodies))
        assert {answer.status_code for answer in answers} <= {200, 503}
        taken = [answer for answer in answers if answer.status_code == 200]
        assert [verdicts(answer) for answer in taken] == [["accepted"]] * len(taken)
        return len(taken) == len(bodies)

    return accepted
