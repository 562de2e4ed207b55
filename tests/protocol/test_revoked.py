"""A 401 drops nothing: whoever enrols again settles what waited."""

import httpx
import pytest

from tests.protocol.client import Device
from tests.protocol.desk import Desk


def turned_away(device: Device) -> None:
    """Whatever it asks for, its credential is not taken any more, and its queue stays."""
    queued, things = dict(device.queue), dict(device.things)
    for attempt in (device.push, device.pull):
        with pytest.raises(httpx.HTTPStatusError) as caught:
            attempt()
        assert caught.value.response.status_code == 401
    assert (device.queue, device.things) == (queued, things)


def test_a_revoked_device_keeps_its_queue_and_settles_it_once_it_is_enrolled_again(
    desk: Desk,
) -> None:
    task, device = desk.task(), desk.device()
    device.sync()
    device.record(task, "300")
    device.record(task, "600", note="Fait dans un sous-sol")
    desk.revoke(device)
    turned_away(device)
    assert desk.states(task) == []
    device.enrol(desk.code())
    assert device.push() == ["accepted", "accepted"]
    assert not device.queue
    assert desk.states(task) == ["300", "600"]


def test_what_the_old_device_had_pushed_unheard_is_a_duplicate_for_the_new_one(desk: Desk) -> None:
    task, device = desk.task(), desk.device()
    device.record(task, "300")
    device.send(*device.queue.values())  # the answer got lost
    device.record(task, "600")
    foreign = device.record(desk.task(desk.world.bob), "600")
    desk.revoke(device)
    turned_away(device)
    device.enrol(desk.code())
    assert device.push() == ["duplicate", "accepted", "refused"]
    assert device.verdicts[foreign]["reason"] == "no_authority"
    assert not device.queue
    assert desk.states(task) == ["300", "600"]


def test_the_new_credential_goes_on_from_the_old_cursor(desk: Desk) -> None:
    desk.tasks(3)
    device = desk.device()
    device.pull()
    desk.revoke(device)
    added = desk.task()
    turned_away(device)
    device.enrol(desk.code())
    assert [change["id"] for change in device.pull()] == [added]


def test_somebody_else_on_the_same_device_does_not_settle_the_first_one_s_queue(
    desk: Desk,
) -> None:
    task, device = desk.task(), desk.device()
    device.record(task, "600")
    (told,) = device.queue.values()
    bob = desk.device(desk.world.bob)
    assert [result["verdict"] for result in bob.send(told)] == ["refused"]
    assert desk.states(task) == []
