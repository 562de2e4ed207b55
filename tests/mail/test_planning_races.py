"""Planning beside those who make and start campaigns."""

import asyncio
from contextvars import Context
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from mail.campaigns.cache import load
from mail.campaigns.definition import Definition
from mail.campaigns.store import edit_campaign
from mail.planning.plan import plan
from sync.database import tx
from tests.mail.campaigns import (
    active,
    definition,
    happened,
    outcomes,
    plan_all,
    queue_again,
    time_of,
)
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


async def edit(world: World, campaign: UUID, saved: Definition) -> None:
    """Save another version of a campaign."""
    async with tx(world.account) as opened:
        await edit_campaign(opened, campaign, "S", saved)


async def test_what_a_new_version_decides_counts_as_decided_after_it_was_saved(
    world: World, start: datetime, database: TestDatabase
) -> None:
    """By a planner that began before, and waited for who saved it: so it is decided anew, too."""
    campaign = await active(world, stale_days=None)
    task, device = await world.task(), (await world.device(world.alice)).device
    by = {"device": device, "received_at": start}
    done = await happened(world, task, "600", start - timedelta(days=20), sequence=2, **by)
    saved = definition(world)
    async with owning(database.owner) as owner:
        async with owner.connection.transaction():
            await owner.connection.execute("SELECT FROM campaign_set FOR UPDATE")
            works = (edit(world, campaign, saved), plan_all())
            begun = []
            for work in works:
                begun.append(asyncio.create_task(work, context=Context()))
                await owner.until_waiting(len(begun))
        await asyncio.gather(*begun)
    assert await outcomes(world, task) == {done: "stale"}
    await happened(world, task, "200", start - timedelta(days=1), sequence=1, **by)
    await plan_all()
    assert await outcomes(world, task) == {done: "scheduled"}
