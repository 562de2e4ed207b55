"""Hazard 25, what a backup holds half done: mails in a worker's hands, and words of operators."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sync.database import DB
from tests.faults.scene import Visit, Yard, opened_yard
from tests.faults.test_restore_faults import held, retour
from tests.faults.test_worker_faults import CLAIMED, SENT, Line
from tests.support.clusters import Cluster
from tests.support.postgres_proxy import Place, PostgresProxy
from tests.support.smtp_sink import Sink

pytestmark = [pytest.mark.anyio, pytest.mark.long]


@pytest.fixture
async def line(
    cluster: Cluster, sink: Sink, tmp_path: Path, broker: dict[str, Any]
) -> AsyncIterator[Line]:
    """Workers on a database that can be set back."""
    await DB.open(cluster.database.worker)
    with PostgresProxy(cluster.database.owner) as proxy:
        async with opened_yard(cluster.database, sink, tmp_path, **broker) as yard:
            yield Line(yard, proxy)
    await DB.close()


def stop_all(scene: Yard) -> None:
    """Kill -9 of every process."""
    for process in scene.fleet.processes:
        process.kill()


async def go_on_and_come_back(cluster: Cluster, scene: Yard, visit: Visit) -> int:
    """Back up, let what waits be sent, restore, say so; the copies that went until then."""
    backup = await cluster.saved()
    scene.fleet.worker(), scene.fleet.clock()
    await held(cluster, 0)
    stop_all(scene)
    await cluster.restore(backup)
    copies = len(scene.sink.to(visit.address))
    await retour(scene, "restored")
    scene.fleet.worker(), scene.fleet.clock()
    return copies


@pytest.mark.parametrize("place", [CLAIMED, SENT], ids=["claimed", "content"])
async def test_25_a_mail_that_the_backup_shows_in_a_worker_s_hands_waits_for_a_word(
    cluster: Cluster, line: Line, place: Place
) -> None:
    scene = line.yard
    visit = await line.kill_at(line.proxy.trap(place))
    stop_all(scene)
    copies = await go_on_and_come_back(cluster, scene, visit)
    assert copies == (1 if place is CLAIMED else 2)
    await held(cluster, 1)
    assert len(scene.sink.to(visit.address)) == copies
    await retour(scene, "held", "--send")
    await held(cluster, 0)
    assert len(scene.sink.to(visit.address)) == copies + 1


async def test_25_a_word_that_was_given_before_the_backup_is_no_word_after_it(
    cluster: Cluster, line: Line
) -> None:
    scene, visit = line.yard, await line.yard.visit()
    line.worker.kill()
    await scene.finish(line.api.origin, [visit])
    await retour(scene, "restored")
    line.another_worker()
    await held(cluster, 1)
    stop_all(scene)
    await retour(scene, "held", "--send")
    assert await go_on_and_come_back(cluster, scene, visit) == 1
    await held(cluster, 1)
    assert len(scene.sink.to(visit.address)) == 1
