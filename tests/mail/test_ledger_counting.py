"""The ledger's counts follow what happens: late steps, drops at release, changes meanwhile."""

from asyncio import Task, create_task
from collections import Counter
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from mail.campaigns.definition import Trigger
from mail.ledger.counting import ALL, count_due
from mail.planning.plan import plan
from rules.decide import Reason
from sync.database import tx
from tests.mail.campaigns import (
    active,
    change,
    claimed,
    dropped,
    happened,
    only_invitation,
    plan_all,
    queue_again,
    rows,
)
from tests.mail.delivering import Post
from tests.support.world import World

pytestmark = pytest.mark.anyio

#: The second of November in the account's zone.
NOON: Final = datetime(2026, 11, 2, 17, 0, tzinfo=UTC)
COUNTED: Final = """
SELECT day::text, outcome, tasks FROM ledger_count WHERE campaign = $1 ORDER BY day, outcome
"""


async def settle(world: World) -> None:
    """Count all that changed, as if its delay were over."""
    await change(world, "UPDATE ledger_change SET not_before = retour_now()")
    while await count_due():
        pass


async def counted(world: World) -> list[tuple[str, str, int]]:
    """Day, outcome and tasks of all campaigns together."""
    await settle(world)
    return [tuple(row) for row in await rows(world, COUNTED, ALL)]


async def test_nothing_is_counted_before_its_delay_is_over(world: World) -> None:
    await active(world)
    await happened(world, await world.task(), "600", NOON)
    await plan_all()
    assert await count_due() == 0
    assert await counted(world) == [("2026-11-02", "scheduled", 1)]
    assert await rows(world, "SELECT FROM ledger_change") == []


async def test_an_earlier_step_that_comes_late_moves_the_task_to_its_day(world: World) -> None:
    await active(world)
    task = await world.task()
    await happened(world, task, "600", NOON)
    await plan_all()
    await counted(world)
    await happened(world, task, "610", NOON - timedelta(days=1), received_at=NOON)
    await plan_all()
    assert await counted(world) == [("2026-11-01", "scheduled", 1)]


async def test_t8_a_drop_at_release_counts_with_its_reason(world: World) -> None:
    await active(world)
    task = await world.task()
    await happened(world, task, "600", NOON)
    await happened(world, task, "610", NOON + timedelta(days=1))
    await plan_all()
    await counted(world)
    asked = await only_invitation(world, task)
    await dropped(world, asked["id"], Reason.NO_ADDRESS.value)
    assert await counted(world) == [("2026-11-02", "no_address", 1)]


async def test_t8_a_step_that_asks_again_stands_for_the_round(world: World) -> None:
    """Point 10: work was resumed before the release, and done again two days later."""
    await active(world)
    task = await world.task()
    await happened(world, task, "600", NOON)
    await plan_all()
    back = await happened(world, task, "300", NOON + timedelta(days=1))
    asked = await only_invitation(world, task)
    await dropped(world, asked["id"], Reason.LEFT_STATE.value, after=back)
    assert await counted(world) == [("2026-11-02", "left_state", 1)]
    await happened(world, task, "600", NOON + timedelta(days=2))
    await plan_all()
    assert await counted(world) == [("2026-11-02", "scheduled", 1)]


async def test_planning_again_marks_nothing(world: World) -> None:
    await active(world)
    task = await world.task()
    await happened(world, task, "600", NOON)
    await plan_all()
    await counted(world)
    await queue_again(world, task)
    await plan_all()
    assert await rows(world, "SELECT FROM ledger_change") == []


async def test_a_mark_that_an_open_change_holds_is_left_for_the_next_time(world: World) -> None:
    await active(world)
    task = await world.task()
    await happened(world, task, "600", NOON)
    await plan_all()
    async with tx(world.account) as opened:
        sql = "UPDATE decision SET outcome = 'muted', release = NULL WHERE task = $1"
        await opened.execute(sql, task)
        await create_task(settle(world), context=Context())
        kept = await create_task(stored(world), context=Context())
        assert kept == [("2026-11-02", "scheduled", 1)]
    assert await counted(world) == [("2026-11-02", "muted", 1)]
    assert await rows(world, "SELECT FROM ledger_change") == []


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_drop_beside_a_new_completion_is_counted(post: Post, is_first: bool) -> None:
    """Of a mail that was claimed, whatever commits first; a count may come between both."""
    world = post.world
    await active(world, rules=[Trigger([world.service_call], ["300"])])
    task = await world.task()
    await happened(world, task, "300", NOON)
    await plan_all()
    await claimed(world, (await only_invitation(world, task))["id"])
    await happened(world, task, "600", NOON)

    drop = "UPDATE decision SET outcome = 'muted', release = NULL WHERE task = $1"

    async def complete() -> None:
        await plan_all()
        await settle(world)

    async with tx(world.account) as opened:
        if is_first:
            await opened.execute(drop, task)
            other: Task[Any] = create_task(complete(), context=Context())
        else:
            await plan(opened, [task])
            other = create_task(change(world, drop, task), context=Context())
        await post.owner.until_waiting(1)
    await other
    assert await counted(world) == [("2026-11-02", "muted", 1)]


async def stored(world: World) -> list[tuple[str, str, int]]:
    """As `counted`, without counting."""
    return [tuple(row) for row in await rows(world, COUNTED, ALL)]


async def test_another_zone_has_other_days(world: World) -> None:
    await active(world)
    for _ in range(2):
        await happened(world, await world.task(), "600", NOON)
    await plan_all()
    assert await counted(world) == [("2026-11-02", "scheduled", 2)]
    await change(world, "UPDATE account SET zone = 'Pacific/Kiritimati'")
    assert await stored(world) == []
    assert await counted(world) == [("2026-11-03", "scheduled", 2)]


async def test_a_day_begins_within_an_hour_where_the_zone_has_half_hours(world: World) -> None:
    await change(world, "UPDATE account SET zone = 'America/St_Johns'")
    midnight = datetime(2026, 11, 3, 3, 30, tzinfo=UTC)
    for moment in (midnight - timedelta(minutes=1), midnight):
        await happened(world, await world.task(), "600", moment)
    await plan_all()
    assert await counted(world) == [
        ("2026-11-02", "no_campaign", 1),
        ("2026-11-03", "no_campaign", 1),
    ]


async def test_a_task_that_several_campaigns_decided_about_counts_once(world: World) -> None:
    campaigns = [await active(world, opt_out_allowed=allowed) for allowed in (True, False)]
    await happened(world, await world.task(), "600", NOON, survey=False)
    await plan_all()
    assert await counted(world) == [("2026-11-02", "scheduled", 1)]
    said = Counter[str]()
    for campaign in campaigns:
        said.update(row["outcome"] for row in await rows(world, COUNTED, campaign))
    assert said == {"scheduled": 1, "opted_out_by_agent": 1}
