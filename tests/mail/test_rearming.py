"""Dropped at release, some rounds may be asked again when the task comes back."""

from datetime import datetime, timedelta

import pytest

from tests.mail.campaigns import (
    active,
    change,
    dropped,
    happened,
    only_invitation,
    outcomes,
    plan_all,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


async def test_a_task_that_comes_back_after_a_drop_is_asked_again(
    world: World, start: datetime
) -> None:
    await active(world)
    task = await world.task()
    first = await happened(world, task, "600", start)
    await plan_all()
    left = await happened(world, task, "200", start + MINUTE)
    await plan_all()
    before = await only_invitation(world, task)
    await dropped(world, before["id"], "left_state", after=left)
    back = await happened(world, task, "600", start + 2 * MINUTE, technician=world.bob)
    await plan_all()
    assert await outcomes(world, task) == {first: "left_state", back: "scheduled"}
    asked = await only_invitation(world, task)
    assert (asked["id"], asked["status"], asked["phase"]) == (before["id"], "scheduled", "waiting")
    assert (asked["transition"], asked["technician"]) == (back, world.bob)
    assert asked["reason"] is None


async def test_what_lies_before_a_drop_does_not_re_arm(world: World, start: datetime) -> None:
    await active(world)
    task = await world.task()
    first = await happened(world, task, "600", start)
    left = await happened(world, task, "900", start + 2 * MINUTE)
    await plan_all()
    asked = await only_invitation(world, task)
    await dropped(world, asked["id"], "task_cancelled", after=left)
    between = await happened(world, task, "610", start + MINUTE)
    await plan_all()
    assert await outcomes(world, task) == {first: "task_cancelled", between: "not_first"}
    assert (await only_invitation(world, task))["status"] == "dropped"


async def test_a_re_armed_invitation_falls_back_when_an_unticked_visit_turns_up(
    world: World, start: datetime
) -> None:
    await active(world, opt_out_allowed=True)
    task = await world.task()
    first = await happened(world, task, "600", start)
    left = await happened(world, task, "200", start + MINUTE)
    await plan_all()
    await dropped(world, (await only_invitation(world, task))["id"], "left_state", after=left)
    back = await happened(world, task, "610", start + 3 * MINUTE)
    await plan_all()
    unticked = await happened(world, task, "600", start + 2 * MINUTE, survey=False)
    await plan_all()
    assert await outcomes(world, task) == {
        first: "left_state",
        unticked: "opted_out_by_agent",
        back: "not_first",
    }
    asked = await only_invitation(world, task)
    assert (asked["status"], asked["reason"], asked["phase"]) == ("dropped", "left_state", None)
    assert asked["transition"] == first


async def test_a_muted_invitation_uses_the_round_up(world: World, start: datetime) -> None:
    await active(world)
    task = await world.task()
    first = await happened(world, task, "600", start)
    await plan_all()
    await dropped(world, (await only_invitation(world, task))["id"], "muted")
    again = await happened(world, task, "610", start + MINUTE)
    await plan_all()
    assert await outcomes(world, task) == {first: "muted", again: "not_first"}
    assert (await only_invitation(world, task))["status"] == "dropped"


async def test_a_re_armed_invitation_that_is_muted_uses_the_round_up(
    world: World, start: datetime
) -> None:
    await active(world)
    task = await world.task()
    first = await happened(world, task, "600", start)
    left = await happened(world, task, "200", start + MINUTE)
    await plan_all()
    asked = await only_invitation(world, task)
    await dropped(world, asked["id"], "left_state", after=left)
    back = await happened(world, task, "600", start + 3 * MINUTE)
    await plan_all()
    await change(world, "DELETE FROM outbox")
    await change(world, "UPDATE invitation SET status = 'dropped', reason = 'muted'")
    await change(world, "UPDATE decision SET outcome = 'muted' WHERE transition = $1", back)
    between = await happened(world, task, "610", start + 2 * MINUTE)
    await plan_all()
    assert await outcomes(world, task) == {
        first: "left_state",
        between: "not_first",
        back: "muted",
    }
    assert (await only_invitation(world, task))["status"] == "dropped"
