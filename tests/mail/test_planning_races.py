"""Planning beside those who make and start campaigns."""

import asyncio
from contextvars import Context
from datetime import timedelta

import pytest

from mail.campaigns.cache import load
from mail.planning.plan import plan
from sync.database import tx
from tests.mail.campaigns import active, happened, outcomes, plan_all, queue_again, time_of
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import World

pytestmark = pytest.mark.anyio

NOW = timedelta(0)


async def test_the_first_campaign_of_an_account_is_not_started_behind_a_planners_back(
    world: World, database: TestDatabase
) -> None:
    task = await world.task()
    await queue_again(world, task)
    async with owning(database.owner) as owner, tx(world.account) as planner:
        assert not (await load(planner, lock=True)).campaigns
        starting = asyncio.create_task(active(world, since=NOW), context=Context())
        await owner.until_waiting(1)
        assert await plan(planner, [task]) == 1
    await starting
    done = await happened(world, task, "600", await time_of(world))
    await plan_all()
    assert await outcomes(world, task) == {done: "scheduled"}


async def test_a_planner_waits_for_who_makes_the_first_campaign(
    world: World, database: TestDatabase
) -> None:
    task = await world.task()
    await queue_again(world, task)
    async with owning(database.owner) as owner, tx(world.account) as making:
        await making.execute("INSERT INTO campaign_set VALUES ($1, 1)", world.account)
        planning = asyncio.create_task(plan_all(), context=Context())
        await owner.until_waiting(1)
    await planning
    async with tx(world.account) as opened:
        assert (await load(opened)).revision == 1
