"""Hazard 25: the database comes back from a backup and does not know what happened since."""

import asyncio
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.faults.scene import DONE, Visit, Yard, eventually
from tests.support.clusters import Cluster
from tests.support.owner import owning
from tests.support.processes import Api, environment

pytestmark = [pytest.mark.anyio, pytest.mark.long]


class Phone:
    """What a device does over HTTP."""

    def __init__(self, scene: Yard) -> None:
        self.scene = scene
        self.cursor: str | None = None

    async def pull(self, api: Api) -> httpx.Response:
        """Pull on from where it is; a page holds everything here."""
        query = "" if self.cursor is None else f"?cursor={self.cursor}"
        answer = await self.scene.read(api.origin, f"/api/v1/sync/pull{query}", "application/json")
        if answer.status_code == 200:
            self.cursor = answer.json()["cursor"]
        return answer


def states(answer: httpx.Response, visits: list[Visit]) -> list[str]:
    """The states in which a pull shows the tasks of `visits`."""
    tasks = {one["id"]: one["state"] for one in answer.json()["changes"] if one["kind"] == "task"}
    return [tasks[str(visit.task)] for visit in visits]


async def retour(scene: Yard, *command: str) -> str:
    """What the command says."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "server.cli", *command],
        env=environment(scene.fleet.settings) | {"LC_ALL": "en_CA.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def held(cluster: Cluster, count: int) -> None:
    """Wait until so many mails are held and nothing else is in the queues."""

    async def so_many() -> bool:
        async with owning(cluster.database.owner) as owner:
            [found] = await owner.rows(
                "SELECT (SELECT count(*) FROM task_change),"
                " (SELECT count(*) FROM outbox WHERE phase <> 'held'),"
                " (SELECT count(*) FROM outbox WHERE phase = 'held')"
            )
        return found == (0, 0, count)

    await eventually(so_many, f"{count} mails are held")


class Disaster:
    """Before the backup one visit was asked about and one was only pushed; more came after."""

    def __init__(self, cluster: Cluster, scene: Yard) -> None:
        self.cluster, self.scene = cluster, scene
        self.phone = Phone(scene)
        self.asked: Visit
        self.pushed: Visit
        self.later: Visit

    async def happen(self) -> None:
        """Everything up to the restored database; no process runs afterwards."""
        scene = self.scene
        self.asked, self.pushed, self.later = await scene.visits(3)
        api, worker, clock = scene.fleet.api(), scene.fleet.worker(), scene.fleet.clock()
        await scene.finish(api.origin, [self.asked])
        await scene.mailed([self.asked])
        await scene.idle()
        assert (worker.end(), clock.end()) == (0, 0)
        await scene.finish(api.origin, [self.pushed])
        api.kill()
        backup = await self.cluster.saved()

        api, worker, clock = scene.fleet.api(), scene.fleet.worker(), scene.fleet.clock()
        await scene.finish(api.origin, [self.later])
        await scene.mailed([self.pushed, self.later])
        assert states(await self.phone.pull(api), self.visits) == [DONE] * 3
        for process in (api, worker, clock):
            process.kill()
        await self.cluster.restore(backup)

    @property
    def visits(self) -> list[Visit]:
        """All three."""
        return [self.asked, self.pushed, self.later]

    def copies(self, *more: Visit) -> list[int]:
        """How many mails each visit led to."""
        return [len(self.scene.sink.to(visit.address)) for visit in [*self.visits, *more]]


async def test_25_after_a_restore_devices_start_again_and_no_mail_goes_without_a_word(
    cluster: Cluster, scene: Yard
) -> None:
    disaster = Disaster(cluster, scene)
    await disaster.happen()
    offline = await scene.visit()

    assert "1 accounts" in await retour(scene, "restored")

    api = scene.fleet.api()
    scene.fleet.worker(), scene.fleet.clock()
    phone = disaster.phone
    told = await phone.pull(api)
    assert (told.status_code, told.json()["type"].rpartition(":")[2]) == (410, "resync")
    phone.cursor = None
    assert states(await phone.pull(api), disaster.visits) == [DONE, DONE, "100"]

    late = scene.world.item(offline.task, DONE)
    again = scene.world.item(disaster.later.task, DONE)
    reply = await scene.push(api.origin, [late, again])
    assert [one["verdict"] for one in reply.json()["results"]] == ["accepted"] * 2

    await held(cluster, 3)
    assert disaster.copies(offline) == [1, 1, 1, 0]
    assert "3" in await retour(scene, "held")

    fresh = await scene.visit()
    item = scene.world.item(fresh.task, DONE, (await now_of(cluster)))
    await scene.push(api.origin, [item])
    await scene.mailed([fresh])
    assert disaster.copies(offline) == [1, 1, 1, 0]

    assert "3" in await retour(scene, "held", "--send")
    await held(cluster, 0)
    assert disaster.copies(offline, fresh) == [1, 2, 2, 1, 1]


async def test_25_a_cursor_from_the_future_alone_proves_a_restore(
    cluster: Cluster, scene: Yard
) -> None:
    disaster = Disaster(cluster, scene)
    await disaster.happen()

    api = scene.fleet.api()
    assert (await disaster.phone.pull(api)).status_code == 410
    scene.fleet.worker(), scene.fleet.clock()

    await held(cluster, 1)
    assert disaster.copies() == [1, 1, 1]
    assert "1" in await retour(scene, "held", "--drop")
    await held(cluster, 0)
    assert disaster.copies() == [1, 1, 1]
    async with owning(cluster.database.owner) as owner:
        status = "SELECT status FROM invitation WHERE task = $1"
        assert await owner.value(status, disaster.pushed.task) == "uncertain"


async def now_of(cluster: Cluster) -> Any:
    """The database's time."""
    async with owning(cluster.database.owner) as owner:
        return await owner.value("SELECT retour_now()")
