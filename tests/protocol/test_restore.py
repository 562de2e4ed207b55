"""The database is put back to an older backup: devices start again and push what it forgot."""

from urllib.parse import urlsplit

import httpx
import pytest

from tests.protocol.client import Device
from tests.protocol.desk import Desk, open_desk
from tests.support.api_process import served
from tests.support.databases import TestDatabase, drop_database, replace_database


def told_to_start_again(device: Device) -> None:
    """Its cursor is of a time that the database does not know; what is queued stays."""
    queued = dict(device.queue)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        device.pull()
    assert caught.value.response.status_code == 410
    assert caught.value.response.json()["type"].endswith("resync")
    assert (device.queue, device.cursor) == (queued, None)


def test_a_restored_database_says_resync_and_loses_nothing_that_is_queued(
    database: TestDatabase,
) -> None:
    live = urlsplit(database.owner).path.lstrip("/")
    backup = f"{live}_backup"
    with served(database) as api:
        desk = open_desk(database, api.client)
        task, other = desk.tasks(2)
        device, idle = desk.device(), desk.device()
        for one in (device, idle):
            one.sync()
    replace_database(backup, live, database.owner)
    try:
        with served(database) as api:
            _work_on(desk, api.client, device, idle, task)
            later = desk.task()
            device.pull()
            assert later in device.ids("task")
            queued = device.record(other, "600")
        replace_database(live, backup, database.owner)
        with served(database) as api:
            _after_the_restore(desk, api.client, device, idle, queued)
            assert desk.states(other) == desk.states(task) == ["600"]
            assert device.ids("task") == {task, other}
            assert device.things == idle.things
            assert device.pull() == []
    finally:
        drop_database(backup, database.owner)


def _work_on(desk: Desk, client: httpx.Client, device: Device, idle: Device, task: str) -> None:
    """What the backup will not know: a push, and a task."""
    desk.client = device.client = idle.client = client
    device.record(task, "600")
    device.sync()
    assert desk.states(task) == ["600"]


def _after_the_restore(
    desk: Desk, client: httpx.Client, device: Device, idle: Device, queued: str
) -> None:
    desk.client = device.client = idle.client = client
    told_to_start_again(device)
    device.tell_again()
    assert device.push() == ["accepted", "accepted"]
    assert device.verdicts[queued]["verdict"] == "accepted"
    device.pull()
    # One that saw nothing of what was lost hears of the new epoch all the same.
    told_to_start_again(idle)
    idle.pull()
