"""A transition that comes before its task waits, and is judged when the task is there."""

from datetime import timedelta

from sync.ids import new_id
from tests.protocol.client import Device
from tests.protocol.desk import Desk


def parked(desk: Desk) -> tuple[Device, str, str]:
    """Alice's device, a task that nobody created yet, and the transition parked for it."""
    device, task = desk.device(), str(new_id())
    transition = device.record(task, "600", note="Fait hier")
    assert device.push() == ["parked"]
    assert desk.open_items() == {transition: "parked"}
    return device, task, transition


def test_a_transition_before_its_task_is_settled_when_the_task_is_created(desk: Desk) -> None:
    device, task, transition = parked(desk)
    assert desk.task(id=task) == task
    assert desk.states(task) == ["600"]
    assert desk.open_items() == {}
    device.pull()
    assert device.state_of(task) == "600"
    assert device.things["verdict", transition]["verdict"] == "accepted"


def test_one_that_was_parked_is_judged_anew_and_may_be_refused(desk: Desk) -> None:
    device, task, transition = parked(desk)
    desk.task(desk.world.bob, id=task)
    assert desk.states(task) == []
    assert desk.open_items() == {transition: "refused"}
    device.pull()
    told = device.things["verdict", transition]
    assert (told["verdict"], told["reason"]) == ("refused", "no_authority")


def test_facts_that_arrive_before_their_frame_count_for_whom_the_task_is_given_to(
    desk: Desk,
) -> None:
    device, task = desk.device(), str(new_id())
    hours = [timedelta(hours=number) for number in (5, 4, 3)]
    device.record(task, "200", device.now() - hours[0])
    device.record(task, "600", device.now() - hours[1])
    assert device.push() == ["parked", "parked"]
    # As the office creates it: now, and given to whom from now on.
    desk.task(id=task, created_at=device.now().isoformat())
    assert desk.states(task) == ["200", "600"]
    assert desk.open_items() == {}
    # What was done in between and was heard of later is hers too; what was before is nobody's.
    device.record(task, "610", device.now() - hours[2])
    early = device.record(task, "300", device.now() - 2 * hours[0])
    assert device.push() == ["accepted", "refused"]
    assert device.verdicts[early]["reason"] == "no_authority"


def test_facts_that_arrive_before_their_frame_are_not_another_s(desk: Desk) -> None:
    device, task = desk.device(), str(new_id())
    transition = device.record(task, "600", device.now() - timedelta(hours=5))
    assert device.push() == ["parked"]
    desk.task(desk.world.bob, id=task, created_at=device.now().isoformat())
    assert desk.states(task) == []
    assert desk.open_items() == {transition: "refused"}


def test_a_replay_of_what_was_parked_hears_what_became_of_it(desk: Desk) -> None:
    device, task = desk.device(), str(new_id())
    device.record(task, "600")
    (told,) = device.queue.values()
    assert [result["verdict"] for result in device.send(told)] == ["parked"]
    assert [result["verdict"] for result in device.send(told)] == ["parked"]
    desk.task(id=task)
    assert [result["verdict"] for result in device.send(told)] == ["accepted"]
    assert desk.states(task) == ["600"]
