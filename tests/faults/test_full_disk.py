"""Hazard 15: the disk is full, and then it is not."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sync.messages import Item, Push
from tests.faults.scene import DONE, Yard, verdicts
from tests.support.brokers import missing
from tests.support.clusters import Cluster

pytestmark = [pytest.mark.anyio, pytest.mark.long]

#: What pushes, planning and sending write first.
TABLES = ("transition", "task_change", "invitation", "outbox", "mail_event")
SIZE = 8 << 20


@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system of `SIZE`, which goes after the PostgreSQL that writes to it."""
    with tempfile.TemporaryDirectory(prefix="retour-disk-") as folder:
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "retour", folder]
        if subprocess.run(mounting, check=False, capture_output=True).returncode:
            missing("a file system cannot be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all that is left of `disk`."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


async def batch(yard: Yard, count: int) -> Push:
    """A push that ends `count` visits."""
    visits = await yard.visits(count)
    return Push(
        device_now=yard.world.item(visits[0].task, DONE).moment,
        transitions=[yard.world.item(visit.task, DONE, note="x" * 500) for visit in visits],
    )


async def test_15_a_full_disk_is_no_acknowledgement_and_once_there_is_room_all_is_worked_off(
    disk: Path, scene: Yard, cluster: Cluster
) -> None:
    place = disk / "data"
    place.mkdir()
    cluster.embedded.programs.give(place)
    await scene.owner.rows(f"CREATE TABLESPACE small LOCATION '{place}'")
    for table in TABLES:
        await scene.owner.rows(f"ALTER TABLE {table} SET TABLESPACE small")
    api = scene.fleet.api()
    scene.fleet.worker()
    scene.fleet.clock()
    filler = fill(disk)

    accepted: list[Item] = []
    refused: httpx.Response | None = None
    while refused is None:
        pushed = await batch(scene, 20)
        reply = await scene.send(api.origin, pushed)
        if reply.status_code == 200:
            assert verdicts(reply) == ["accepted"] * 20
            accepted += pushed.transitions
        else:
            refused = reply
    assert refused.status_code == 503, refused.text
    assert int(refused.headers["Retry-After"]) > 0
    ids = [item.id for item in pushed.transitions]
    stored = "SELECT count(*) FROM transition WHERE id = ANY($1)"
    assert await scene.owner.value(stored, ids) == 0

    filler.unlink()
    assert verdicts(await scene.send(api.origin, pushed)) == ["accepted"] * 20
    await scene.idle()
    assert scene.sink.per_address().total() == len(accepted) + 20
    assert set(scene.sink.per_address().values()) == {1}
