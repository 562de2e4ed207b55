"""Several planners, several accounts, and tasks that cannot be planned."""

import asyncio
import threading
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from mail.campaigns.formats import LaterFormatError
from mail.planning.plan import plan_due
from mail.queues import ATTEMPTS
from sync.database import DB
from tests.faults.scene import eventually
from tests.mail.campaigns import (
    active,
    change,
    happened,
    invitations,
    outcomes,
    plan_all,
    rows,
    time_of,
)
from tests.support.databases import TestDatabase
from tests.support.listening import Held
from tests.support.owner import owning
from tests.support.postgres_proxy import Place, PostgresProxy
from tests.support.world import World

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)

#: `xmin`: the transaction that wrote the row.
_WAITING = "SELECT task, xmin::text, changed_at, not_before FROM task_change"


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


async def test_a_campaign_that_a_later_version_wrote_is_no_tasks_fault(
    world: World, start: datetime, database: TestDatabase
) -> None:
    """A worker that was not upgraded yet leaves the task to those that were."""
    await active(world)
    task = await world.task()
    await happened(world, task, "600", start)
    owner = await asyncpg.connect(database.owner)
    await owner.execute("UPDATE campaign_version SET format = 9")
    await owner.close()
    with pytest.raises(LaterFormatError, match="upgrade"):
        await plan_due()
    assert (await _entry(world, task))["attempts"] == 0


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


async def test_a_database_that_falls_silent_is_no_tasks_fault(
    world: World, start: datetime, database: TestDatabase
) -> None:
    await active(world)
    task = await world.task()
    done = await happened(world, task, "600", start)
    spoken = threading.Event()

    def hold() -> None:
        raise Held(spoken)

    await DB.close()
    with PostgresProxy(database.worker) as proxy:
        await DB.open(proxy.dsn, limit=1)
        proxy.trap(Place("DELETE FROM task_change")).arm(hold)
        with pytest.raises(TimeoutError):
            await plan_due()
        spoken.set()
        [waiting] = await rows(world, "SELECT attempts, error FROM task_change")
        assert tuple(waiting) == (0, None)

        async def planned() -> bool:
            await plan_all()
            return await outcomes(world, task) == {done: "scheduled"}

        await eventually(planned, "it is planned by who comes next")
        await DB.close()


async def test_a_task_that_goes_on_while_it_waits_keeps_its_place(
    world: World, database: TestDatabase
) -> None:
    await active(world)
    device, first, second = await world.device(world.alice), await world.task(), await world.task()
    moment = await time_of(world)
    async with owning(database.owner) as owner:
        for minutes, task in enumerate((first, second, first)):
            await owner.move_clock(minutes * MINUTE)
            await world.push(device, world.item(task, "600" if minutes else "200", moment))
        waiting = await rows(world, _WAITING)
        await world.push(device, world.item(first, "610", moment + MINUTE))
        assert await rows(world, _WAITING) == waiting
    assert await plan_due(limit=1) == 1
    assert [await outcomes(world, task) != {} for task in (first, second)] == [True, False]


async def test_a_task_that_was_put_aside_is_tried_again_when_it_goes_on(
    world: World, database: TestDatabase
) -> None:
    device, task = await world.device(world.alice), await world.task()
    await world.push(device, world.item(task, "200"))
    await change(
        world,
        "UPDATE task_change SET attempts = 5, error = 'no', quarantined_at = now(),"
        " not_before = now() + interval '1 day'",
    )
    assert await plan_due() == 0
    await world.push(device, world.item(task, "600"))
    entry = await _entry(world, task)
    assert (entry["attempts"], entry["error"], entry["quarantined_at"]) == (0, None, None)
    assert await plan_due() == 1
