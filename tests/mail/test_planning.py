"""From changed tasks to decisions and invitations, through the database."""

from datetime import datetime, timedelta

import pytest

from mail.campaigns.definition import Trigger
from sync.database import tx
from sync.records.shapes import TaskPut
from sync.records.tasks import put_tasks
from tests.mail.campaigns import (
    active,
    claimed,
    happened,
    invitations,
    only_invitation,
    outcomes,
    plan_all,
    queue_again,
    rows,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


async def test_a_finished_task_is_asked_once(world: World, start: datetime) -> None:
    await active(world, delay="00:12:00")
    task = await world.task()
    done = await happened(world, task, "600", start)
    again = await happened(world, task, "610", start + MINUTE)
    assert await plan_all() == 1
    assert await outcomes(world, task) == {done: "scheduled", again: "not_first"}
    asked = await only_invitation(world, task)
    assert (asked["transition"], asked["technician"]) == (done, world.alice)
    assert asked["due"] == asked["release"] == start + timedelta(hours=12)
    assert asked["not_before"] == asked["queued_release"] == asked["release"]
    assert (asked["status"], asked["phase"]) == ("scheduled", "waiting")


async def test_what_arrives_late_is_released_at_its_reception(
    world: World, start: datetime
) -> None:
    await active(world)
    task = await world.task()
    received = start + timedelta(minutes=30)
    await happened(world, task, "600", start, received_at=received)
    await plan_all()
    asked = await only_invitation(world, task)
    assert (asked["due"], asked["release"]) == (start, received)


async def test_a_task_that_is_given_another_type_stays_asked_for_what_it_was(
    world: World, start: datetime
) -> None:
    await active(world, delay="00:12:00", rules=[Trigger([world.service_call], ["600", "610"])])
    task = await world.task()
    done = await happened(world, task, "600", start)
    await plan_all()
    asked = await only_invitation(world, task)
    async with tx(world.account) as opened:
        await put_tasks(opened, [TaskPut(id=task, type=world.installation)])
    await happened(world, task, "610", start + MINUTE)
    await plan_all()
    assert await outcomes(world, task) == {done: "scheduled"}
    assert await only_invitation(world, task) == asked


async def test_planning_again_writes_nothing(world: World, start: datetime) -> None:
    await active(world)
    task = await world.task()
    await happened(world, task, "600", start)
    await plan_all()
    before = await _versions_of_rows(world)
    await queue_again(world, task)
    assert await plan_all() == 1
    assert await _versions_of_rows(world) == before
    assert await rows(world, "SELECT FROM task_change") == []


async def test_a_task_that_no_campaign_concerns_leaves_the_queue(
    world: World, start: datetime
) -> None:
    task = await world.task()
    await happened(world, task, "600", start)
    assert await plan_all() == 1
    assert await outcomes(world, task) == {}
    assert await rows(world, "SELECT FROM task_change") == []


async def test_an_earlier_arrival_takes_over_an_invitation_that_waits(
    world: World, start: datetime
) -> None:
    await active(world)
    task = await world.task()
    late = await happened(world, task, "610", start + MINUTE)
    await plan_all()
    before = await only_invitation(world, task)
    early = await happened(world, task, "600", start, technician=world.bob)
    await plan_all()
    assert await outcomes(world, task) == {early: "scheduled", late: "not_first"}
    asked = await only_invitation(world, task)
    assert (asked["id"], asked["transition"]) == (before["id"], early)
    assert (asked["technician"], asked["release"]) == (world.bob, start)
    assert asked["not_before"] == start


async def test_an_earlier_arrival_does_not_touch_a_claimed_invitation(
    world: World, start: datetime
) -> None:
    await active(world)
    task = await world.task()
    late = await happened(world, task, "610", start + MINUTE)
    await plan_all()
    await claimed(world, (await only_invitation(world, task))["id"])
    early = await happened(world, task, "600", start)
    await plan_all()
    assert await outcomes(world, task) == {early: "not_first", late: "scheduled"}
    assert (await only_invitation(world, task))["transition"] == late


async def test_an_earlier_arrival_that_asks_nobody_withdraws_what_waits(
    world: World, start: datetime
) -> None:
    await active(world, opt_out_allowed=True)
    task = await world.task()
    late = await happened(world, task, "610", start + MINUTE)
    await plan_all()
    early = await happened(world, task, "600", start, survey=False)
    await plan_all()
    assert await outcomes(world, task) == {early: "opted_out_by_agent", late: "not_first"}
    assert await invitations(world, task) == []
    assert await rows(world, "SELECT FROM outbox") == []


async def _versions_of_rows(world: World) -> list[str]:
    found = await rows(
        world,
        "SELECT xmin::text FROM decision UNION ALL SELECT xmin::text FROM invitation"
        " UNION ALL SELECT xmin::text FROM outbox",
    )
    return [row["xmin"] for row in found]
