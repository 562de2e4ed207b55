"""Devices whose clocks are wrong: the moment is reckoned, the device's own time is kept."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.protocol.client import Told
from tests.protocol.desk import Desk

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
#: A skew within it counts as none (rules.timing).
TOLERANCE = timedelta(seconds=2)
MONTREAL = ZoneInfo("America/Montreal")


def moment(fact: Told, field: str = "at") -> datetime:
    """A time of a fact."""
    return datetime.fromisoformat(fact[field])


@pytest.mark.parametrize("shift", [DAY, -DAY], ids=["a day ahead", "a day behind"])
def test_a_clock_that_is_wrong_by_a_day_is_reckoned_right(desk: Desk, shift: timedelta) -> None:
    task, device = desk.task(), desk.device(shift=shift)
    truly = datetime.now(UTC) - HOUR
    device.record(task, "600", truly + shift)
    assert device.push() == ["accepted"]
    (fact,) = desk.history(task)
    # What the push took on its way may be counted to the skew, and nothing else.
    way = datetime.now(UTC) - HOUR - truly
    assert truly - TOLERANCE <= moment(fact) <= truly + way + TOLERANCE
    assert moment(fact, "device_moment") == truly + shift


def test_right_and_wrong_clocks_agree_on_the_order(desk: Desk) -> None:
    task = desk.task()
    right, ahead, behind = (desk.device(shift=shift) for shift in (timedelta(0), DAY, -DAY))
    ahead.record(task, "300", ahead.now() - 3 * HOUR)
    behind.record(task, "600", behind.now() - 2 * HOUR)
    right.record(task, "610", right.now() - HOUR)
    for device in (right, behind, ahead):
        device.push()
    assert desk.states(task) == ["300", "600", "610"]
    for device in (right, behind, ahead):
        device.pull()
        assert device.state_of(task) == "610"


def test_an_hour_that_the_wall_clock_showed_twice_is_told_apart(desk: Desk) -> None:
    task, device, other = desk.task(), desk.device(), desk.device()
    # On 3 November 2024 in Montréal 01:59 was followed by 01:00.
    summer = datetime(2024, 11, 3, 1, 40, tzinfo=MONTREAL)
    winter = datetime(2024, 11, 3, 1, 10, fold=1, tzinfo=MONTREAL)
    device.record(task, "600", winter)
    other.record(task, "300", summer)
    assert [device.push(), other.push()] == [["accepted"], ["accepted"]]
    facts = [(fact["state"], moment(fact)) for fact in desk.history(task)]
    assert facts == [
        ("300", datetime(2024, 11, 3, 5, 40, tzinfo=UTC)),
        ("600", datetime(2024, 11, 3, 6, 10, tzinfo=UTC)),
    ]


def test_an_hour_that_the_wall_clock_left_out_is_not_counted(desk: Desk) -> None:
    task, device = desk.task(), desk.device()
    # On 10 March 2024 in Montréal 01:59 was followed by 03:00.
    device.record(task, "300", datetime(2024, 3, 10, 1, 59, tzinfo=MONTREAL))
    device.record(task, "600", datetime(2024, 3, 10, 3, 1, tzinfo=MONTREAL))
    assert device.push() == ["accepted", "accepted"]
    first, second = desk.history(task)
    assert moment(second) - moment(first) == 2 * MINUTE


def test_a_clock_put_back_before_the_push_leaves_the_order_in_which_it_was_recorded(
    desk: Desk,
) -> None:
    task, device = desk.task(), desk.device(shift=DAY)
    for state in ("300", "600", "610"):
        device.record(task, state)
    device.shift = timedelta(0)
    assert device.push() == ["accepted"] * 3
    facts = desk.history(task)
    # All lie ahead of the clock that pushed: none is later than reception, sequences decide.
    assert [fact["state"] for fact in facts] == ["300", "600", "610"]
    assert all(moment(fact) <= moment(fact, "received_at") for fact in facts)


def test_a_clock_that_steps_back_between_two_transitions_loses_neither_and_all_see_the_same(
    desk: Desk,
) -> None:
    task, device, other = desk.task(), desk.device(), desk.device()
    device.record(task, "300", device.now() - 10 * MINUTE)
    device.record(task, "600", device.now() - 30 * MINUTE)
    device.pull()
    before = device.state_of(task)
    assert device.push() == ["accepted", "accepted"]
    # The device's own sequence decides, for the device as for everybody.
    assert desk.states(task) == ["300", "600"]
    facts = desk.history(task)
    assert moment(facts[0]) == moment(facts[1])
    for one in (device, other):
        one.pull()
        assert one.state_of(task) == desk.read(task)["state"] == before


def test_what_the_device_s_clock_says_is_never_later_than_reception(desk: Desk) -> None:
    task, device = desk.task(), desk.device()
    device.record(task, "600", device.now() + 30 * DAY)
    assert device.push() == ["accepted"]
    (fact,) = desk.history(task)
    assert moment(fact) == moment(fact, "received_at")
