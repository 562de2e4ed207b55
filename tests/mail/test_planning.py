"""From changed tasks to decisions and invitations, through the database."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from mail.campaigns import edit_campaign
from mail.definition import Trigger
from mail.lifecycle import archive_campaign, pause_campaign, resume_campaign
from mail.planning import plan_due
from mail.queues import ATTEMPTS
from sync.database import DB, tx
from tests.databases import TestDatabase
from tests.mail.campaigns import (
    active,
    change,
    claimed,
    definition,
    dropped,
    happened,
    invitations,
    only_invitation,
    outcomes,
    plan_all,
    rows,
    time_of,
)
from tests.world import World

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def world(as_worker: TestDatabase) -> World:
    return await World.create()


@pytest.fixture
async def start(world: World) -> datetime:
    """An hour ago."""
    return await time_of(world) - timedelta(hours=1)


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


async def test_planning_again_writes_nothing(world: World, start: datetime) -> None:
    await active(world)
    task = await world.task()
    await happened(world, task, "600", start)
    await plan_all()
    before = await _versions_of_rows(world)
    await _queue_again(world, task)
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


async def test_reasons_before_release_are_recorded(world: World, start: datetime) -> None:
    await active(world, since=timedelta(hours=2))
    stale, early = await world.task(), await world.task()
    long_ago = start - timedelta(hours=24)
    one = await happened(world, early, "600", long_ago)
    two = await happened(
        world, stale, "600", start - timedelta(minutes=30), received_at=start + timedelta(days=8)
    )
    await plan_all()
    assert await outcomes(world, early) == {one: "before_activation"}
    assert await outcomes(world, stale) == {two: "stale"}


async def test_moments_inside_a_pause_ask_nobody_afterwards_either(world: World) -> None:
    campaign = await active(world)
    task, later = await world.task(), await world.task()
    async with tx(world.account) as opened:
        await pause_campaign(opened, campaign)
    inside = await happened(world, task, "600", await time_of(world))
    await plan_all()
    async with tx(world.account) as opened:
        await resume_campaign(opened, campaign)
    after = await happened(world, later, "600", await time_of(world))
    await _queue_again(world, task)
    await plan_all()
    assert await outcomes(world, task) == {inside: "paused"}
    assert await outcomes(world, later) == {after: "scheduled"}


async def test_two_campaigns_decide_for_themselves(world: World, start: datetime) -> None:
    await active(world)
    await active(world, opt_out_allowed=True)
    task = await world.task()
    await happened(world, task, "600", start, survey=False)
    await plan_all()
    found = await rows(world, "SELECT outcome FROM decision ORDER BY outcome")
    assert [row["outcome"] for row in found] == ["opted_out_by_agent", "scheduled"]
    assert len(await invitations(world, task)) == 1


async def test_an_edit_changes_nothing_that_is_scheduled(world: World, start: datetime) -> None:
    campaign = await active(world, delay="00:01:00")
    task = await world.task()
    done = await happened(world, task, "600", start)
    await plan_all()
    edited = definition(
        world, delay="00:02:00", rules=[Trigger([world.service_call], ["610", "700"])]
    )
    async with tx(world.account) as opened:
        await edit_campaign(opened, campaign, "Satisfaction", edited)
    closed = await happened(world, task, "700", start + MINUTE)
    await plan_all()
    assert await outcomes(world, task) == {done: "scheduled", closed: "not_first"}
    asked = await only_invitation(world, task)
    assert (asked["version"], asked["transition"]) == (1, done)
    assert asked["release"] == start + timedelta(hours=1)


async def test_an_earlier_arrival_is_decided_by_the_version_pinned(
    world: World, start: datetime
) -> None:
    campaign = await active(world, delay="00:01:00")
    task = await world.task()
    late = await happened(world, task, "610", start + MINUTE)
    await plan_all()
    async with tx(world.account) as opened:
        await edit_campaign(opened, campaign, "S", definition(world, delay="00:02:00"))
    early = await happened(world, task, "600", start)
    await plan_all()
    assert await outcomes(world, task) == {early: "scheduled", late: "not_first"}
    asked = await only_invitation(world, task)
    assert (asked["version"], asked["release"]) == (1, start + timedelta(hours=1))


async def test_an_archived_campaign_withdraws_what_waits_and_decides_nothing(
    world: World, start: datetime
) -> None:
    campaign = await active(world)
    await active(world, rules=[Trigger([world.service_call], ["700"])])
    task, other = await world.task(), await world.task()
    done = await happened(world, task, "600", start)
    await plan_all()
    async with tx(world.account) as opened:
        await archive_campaign(opened, campaign)
    await happened(world, other, "600", start)
    await _queue_again(world, task)
    await plan_all()
    assert await outcomes(world, task) == {done: "paused"}
    asked = await only_invitation(world, task)
    assert (asked["status"], asked["reason"], asked["phase"]) == ("dropped", "paused", None)
    assert await outcomes(world, other) == {}


async def test_a_task_that_somebody_has_locked_is_left_to_later(
    world: World, start: datetime, database: TestDatabase
) -> None:
    await active(world)
    task, other = await world.task(), await world.task()
    await happened(world, task, "600", start)
    await happened(world, other, "600", start)
    somebody = await asyncpg.connect(database.owner)
    async with somebody.transaction():
        await somebody.execute("SELECT FROM task WHERE id = $1 FOR UPDATE", task)
        assert await plan_due() == 1
    await somebody.close()
    assert await outcomes(world, task) == {}
    assert await plan_all() == 1
    assert len(await invitations(world, task)) == 1


async def test_several_planners_at_once_make_one_decision_each(
    world: World, start: datetime
) -> None:
    await active(world)
    tasks = [await world.task() for _ in range(40)]
    for task in tasks:
        await happened(world, task, "600", start)
    await asyncio.gather(*(plan_all() for _ in range(6)))
    await plan_all()
    made = await rows(world, "SELECT task FROM invitation")
    assert sorted(row["task"] for row in made) == sorted(tasks)
    decided = await rows(world, "SELECT outcome FROM decision")
    assert [row["outcome"] for row in decided] == ["scheduled"] * len(tasks)


async def test_accounts_are_planned_apart(as_worker: TestDatabase, world: World) -> None:
    other = await World.create()
    start = await time_of(world) - timedelta(hours=1)
    await active(other)
    ours, theirs = await world.task(), await other.task()
    await happened(world, ours, "600", start)
    await happened(other, theirs, "600", start)
    assert await plan_all() == 2
    assert await outcomes(world, ours) == {}
    assert list((await outcomes(other, theirs)).values()) == ["scheduled"]


async def test_a_poisonous_task_is_put_aside_and_its_neighbours_are_planned(
    world: World, start: datetime, database: TestDatabase
) -> None:
    await active(world)
    bad, good = await world.task(), await world.task()
    await _poison(database, bad)
    await happened(world, bad, "600", start)
    await happened(world, good, "600", start)
    assert await plan_due() == 1
    assert len(await invitations(world, good)) == 1
    first = await _entry(world, bad)
    assert first["attempts"] == 1
    assert first["not_before"] > await time_of(world)
    assert "poison" in first["error"]
    for _ in range(ATTEMPTS - 1):
        await change(world, "UPDATE task_change SET not_before = retour_now()")
        assert await plan_due() == 0
    last = await _entry(world, bad)
    assert last["attempts"] == ATTEMPTS
    assert last["quarantined_at"] is not None
    await change(world, "UPDATE task_change SET not_before = retour_now()")
    await plan_due()
    assert (await _entry(world, bad))["attempts"] == ATTEMPTS


async def test_what_passes_by_itself_is_no_tasks_fault(
    world: World, start: datetime, database: TestDatabase
) -> None:
    await active(world)
    task = await world.task()
    await happened(world, task, "600", start)
    await DB.close()
    await DB.open(f"{database.worker}?options=-c%20lock_timeout%3D50ms")
    owner = await asyncpg.connect(database.owner)
    async with owner.transaction():
        await owner.execute("LOCK TABLE decision IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await plan_due()
    await owner.close()
    assert (await _entry(world, task))["attempts"] == 0
    assert await plan_all() == 1


async def _versions_of_rows(world: World) -> list[str]:
    found = await rows(
        world,
        "SELECT xmin::text FROM decision UNION ALL SELECT xmin::text FROM invitation"
        " UNION ALL SELECT xmin::text FROM outbox",
    )
    return [row["xmin"] for row in found]


async def _queue_again(world: World, task: UUID) -> None:
    await change(
        world,
        "INSERT INTO task_change (account, task, changed_at, attempts, not_before)"
        " VALUES ($1, $2, retour_now(), 0, retour_now())",
        world.account,
        task,
    )


async def _poison(database: TestDatabase, task: UUID) -> None:
    """No decision on this task can be written."""
    owner = await asyncpg.connect(database.owner)
    await owner.execute(
        f"""
        CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'poison'; END $$;
        CREATE TRIGGER poison BEFORE INSERT ON decision FOR EACH ROW
          WHEN (NEW.task = '{task}') EXECUTE FUNCTION poison();
        """
    )
    await owner.close()


async def _entry(world: World, task: UUID) -> asyncpg.Record:
    found = await rows(world, "SELECT * FROM task_change WHERE task = $1", task)
    assert len(found) == 1
    return found[0]
