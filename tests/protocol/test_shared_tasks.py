"""Several hands on one task: every fact is kept, one order decides, all devices see the same."""

import asyncio
from datetime import timedelta

import pytest

from tests.protocol.desk import Desk

MINUTE = timedelta(minutes=1)


@pytest.mark.anyio
async def test_two_devices_that_finish_one_task_at_once_both_count_and_the_later_moment_wins(
    desk: Desk,
) -> None:
    task, phone, tablet = desk.task(), desk.device(), desk.device()
    for device in (phone, tablet):
        device.pull()
    # The phone was later, whichever push comes first.
    tablet.record(task, "600", tablet.now() - 3 * MINUTE)
    phone.record(task, "610", phone.now() - 2 * MINUTE)
    verdicts = await asyncio.gather(*(asyncio.to_thread(one.push) for one in (phone, tablet)))
    assert verdicts == [["accepted"], ["accepted"]]
    assert await asyncio.to_thread(desk.states, task) == ["600", "610"]
    for device in (phone, tablet):
        await asyncio.to_thread(device.pull)
        assert device.state_of(task) == "610"
        assert device.history_of(task) == ["600", "610"]


def test_of_two_technicians_who_held_it_both_histories_stay_and_the_earlier_does_not_win_late(
    desk: Desk,
) -> None:
    task, alice, bob = desk.task(), desk.device(), desk.device(desk.world.bob)
    now = alice.now()
    finished_by_alice, handed, finished_by_bob = (
        now - 9 * MINUTE,
        now - 6 * MINUTE,
        now - 3 * MINUTE,
    )
    desk.hand(task, desk.world.bob, handed)
    bob.record(task, "610", finished_by_bob)
    bob.push()
    alice.record(task, "600", finished_by_alice)
    assert alice.push() == ["accepted"]
    facts = [(fact["state"], fact["technician"]) for fact in desk.history(task)]
    assert facts == [("600", str(desk.world.alice)), ("610", str(desk.world.bob))]
    assert desk.read(task)["state"] == "610"
    bob.pull()
    assert (bob.state_of(task), bob.history_of(task)) == ("610", ["600", "610"])


def test_a_state_that_is_entered_again_is_a_fact_of_its_own(desk: Desk) -> None:
    task, device = desk.task(), desk.device()
    states = ["300", "600", "300", "600", "600"]
    for minute, state in enumerate(states):
        device.record(task, state, device.now() - (9 - minute) * MINUTE)
    assert device.push() == ["accepted"] * 5
    assert desk.states(task) == states
    device.pull()
    assert (device.state_of(task), device.history_of(task)) == ("600", states)
