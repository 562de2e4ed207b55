"""One completion for each finished task: by which step, on which day, and in order of commits."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from mail.planning.completion_feed import Completion, CompletionCursor, Stretch, read_completions
from mail.planning.plan import plan
from sync.database import tx
from sync.errors import ResyncError
from sync.restore import declare_restored
from tests.mail.campaigns import active, change, happened, outcomes, plan_all, queue_again, rows
from tests.support.databases import TestDatabase
from tests.support.owner import Owner, owning
from tests.support.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MINUTE = timedelta(minutes=1)
ALL = 100

#: What the one statement says that waits for a lock.
WAITS_WITH = """
SELECT query FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
async def owner(database: TestDatabase) -> AsyncIterator[Owner]:
    """The owner's view of the same database."""
    async with owning(database.owner) as view:
        yield view


async def read(world: World, after: CompletionCursor | None = None) -> Stretch:
    """What is told after a place."""
    async with tx(world.account) as opened:
        return await read_completions(opened, after, ALL)


async def only(world: World) -> Completion:
    """The account's one completion."""
    found = (await read(world)).items
    assert len(found) == 1
    return found[0]


async def test_a_task_is_completed_by_its_first_entry_and_once(
    world: World, start: datetime
) -> None:
    task = await world.task(external_id="V-1")
    await happened(world, task, "300", start)
    done = await happened(world, task, "600", start + MINUTE)
    await happened(world, task, "700", start + 2 * MINUTE)
    await plan_all()
    found = await only(world)
    assert (found.task, found.transition, found.moment) == (task, done, start + MINUTE)
    assert (found.external_id, found.round, found.technician) == ("V-1", 1, world.alice)


async def test_a_later_step_completes_nothing_again(world: World, start: datetime) -> None:
    task = await world.task()
    done = await happened(world, task, "600", start)
    await plan_all()
    end = (await read(world)).places[-1]
    await happened(world, task, "700", start + MINUTE)
    await plan_all()
    assert (await only(world)).transition == done
    assert (await read(world, end)).items == []


@pytest.mark.parametrize("state", ["100", "200", "300", "900"])
async def test_what_is_not_finished_is_not_completed(
    world: World, start: datetime, state: str
) -> None:
    await happened(world, await world.task(), state, start)
    await plan_all()
    assert (await read(world)).items == []
    assert await rows(world, "SELECT FROM completion_head") == []


async def test_a_task_is_completed_where_campaigns_ask_as_well(
    world: World, start: datetime
) -> None:
    await active(world)
    asked = await world.task()
    unasked = await world.task(type=await world.task_type("Inspection"))
    done = await happened(world, asked, "600", start)
    other = await happened(world, unasked, "600", start)
    await plan_all()
    assert {item.transition for item in (await read(world)).items} == {done, other}
    assert await outcomes(world, asked) == {done: "scheduled"}


async def test_planning_again_writes_no_completion(world: World, start: datetime) -> None:
    task = await world.task()
    await happened(world, task, "600", start)
    await plan_all()
    before = await _versions_of_rows(world)
    await queue_again(world, task)
    assert await plan_all() == 1
    assert await _versions_of_rows(world) == before


async def test_a_late_step_that_was_first_moves_the_completion_to_the_end(
    world: World, start: datetime
) -> None:
    task, neighbour = await world.task(), await world.task()
    await happened(world, task, "700", start + MINUTE)
    await plan_all()
    await happened(world, neighbour, "600", start)
    await plan_all()
    end = (await read(world)).places[-1]
    early = await happened(world, task, "600", start, technician=world.bob)
    await plan_all()
    found = (await read(world, end)).items
    assert [(item.task, item.transition, item.technician) for item in found] == [
        (task, early, world.bob)
    ]
    assert [item.task for item in (await read(world)).items] == [neighbour, task]


async def test_a_task_that_is_taken_up_again_stays_completed(world: World, start: datetime) -> None:
    task = await world.task()
    done = await happened(world, task, "600", start)
    for minutes, state in enumerate(("300", "900", "600"), start=1):
        await happened(world, task, state, start + minutes * MINUTE)
    await plan_all()
    assert (await only(world)).transition == done


async def test_a_correction_to_an_earlier_moment_completes_then(
    world: World, start: datetime
) -> None:
    task = await world.task()
    await happened(world, task, "600", start + MINUTE)
    await plan_all()
    corrected = await happened(world, task, "610", start, received_at=start + 2 * MINUTE)
    await plan_all()
    found = await only(world)
    assert (found.transition, found.moment) == (corrected, start)


async def test_a_late_step_that_moves_the_first_one_tells_it_again(
    world: World, start: datetime
) -> None:
    device = (await world.device(world.alice)).device
    task = await world.task()
    received = start + 2 * MINUTE
    done = await happened(
        world, task, "600", start, received_at=received, sequence=2, device=device
    )
    await plan_all()
    end = (await read(world)).places[-1]
    await happened(world, task, "300", start + MINUTE, sequence=1, device=device)
    await plan_all()
    [found] = (await read(world, end)).items
    assert (found.transition, found.moment) == (done, start + MINUTE)


@pytest.mark.parametrize(
    ("zone", "day"),
    [(None, date(2026, 3, 2)), ("America/Vancouver", date(2026, 3, 1))],
)
async def test_the_day_is_that_of_the_location_else_of_the_account(
    world: World, zone: str | None, day: date
) -> None:
    task = await world.task(location=await world.location(zone=zone))
    await happened(world, task, "600", datetime(2026, 3, 2, 6, 30, tzinfo=UTC))
    await plan_all()
    assert (await only(world)).day == day


async def test_facts_are_those_of_the_transition(world: World) -> None:
    facts: dict[str, Any] = {
        "type": world.service_call,
        "customer": await world.customer(tags=["contrat"]),
        "location": await world.location(),
        "priority": "P1",
        "reason": "Bris",
        "channel": "Portail",
        "tags": ["gaz"],
    }
    task = await world.task(account_manager=world.dispatcher, **facts)
    await world.push(await world.device(world.alice), world.item(task, "600"))
    await change(
        world,
        "UPDATE task SET priority = 'P4', tags = '{}', type = $2, customer = NULL WHERE id = $1",
        task,
        world.installation,
    )
    await plan_all()
    found = await only(world)
    assert {name: getattr(found, name) for name in facts} == facts
    assert (found.account_manager, found.unit) == (world.dispatcher, world.site)
    assert found.customer_tags == ["contrat"]


async def test_of_two_planners_the_second_waits_and_a_reader_misses_neither(
    world: World, start: datetime, owner: Owner
) -> None:
    first, second = await world.task(), await world.task()
    await plan_something(world)
    await happened(world, first, "600", start)
    async with tx(world.account) as planner:
        assert await plan(planner, [first]) == 1
        await happened_aside(world, second, start)
        other = asyncio.create_task(plan_all(), context=Context())
        await owner.until_waiting(1)
        assert "completion_head" in await owner.connection.fetchval(WAITS_WITH)
        nothing = await aside(world)
        assert nothing.items == []
    await other
    found = await read(world, nothing.places[-1])
    assert [item.task for item in found.items] == [first, second]
    assert [place.position for place in found.places] == [0, 1, 2]


async def test_a_reader_between_two_commits_reads_on(
    world: World, start: datetime, owner: Owner
) -> None:
    first, second = await world.task(), await world.task()
    await happened(world, second, "600", start)
    await plan_all()
    seen = await read(world)
    await happened(world, first, "600", start)
    async with tx(world.account) as planner:
        assert await plan(planner, [first]) == 1
        await happened_aside(world, second, start - MINUTE)
        moving = asyncio.create_task(plan_all(), context=Context())
        await owner.until_waiting(1)
        assert (await aside(world, seen.places[-1])).items == []
    await moving
    assert [item.task for item in (await read(world, seen.places[-1])).items] == [first, second]


async def test_accounts_neither_wait_for_nor_see_each_other(world: World, start: datetime) -> None:
    other = await World.create()
    task, foreign = await world.task(), await other.task()
    await plan_something(world)
    await happened(world, task, "600", start)
    await happened(other, foreign, "600", start)
    async with tx(world.account) as planner:
        assert await plan(planner, [task]) == 1
        await asyncio.create_task(plan_all(), context=Context())
    assert (await only(world)).task == task
    assert (await only(other)).task == foreign
    assert len(await rows(other, "SELECT FROM completion_head")) == 1


async def test_a_place_of_before_a_restore_is_gone(world: World, start: datetime) -> None:
    await happened(world, await world.task(), "600", start)
    await plan_all()
    end = (await read(world)).places[-1]
    with pytest.raises(ResyncError):
        await read(world, CompletionCursor(end.epoch, end.position + 1))
    async with tx(world.account) as opened:
        await declare_restored(opened)
    with pytest.raises(ResyncError):
        await read(world, end)
    assert len((await read(world)).items) == 1


async def plan_something(world: World) -> None:
    """What only the first planner of an account makes is there."""
    await queue_again(world, await world.task())
    assert await plan_all() == 1


async def happened_aside(world: World, task: UUID, moment: datetime) -> None:
    """A task is done while a transaction is open here."""
    doing = happened(world, task, "600", moment)
    await asyncio.create_task(doing, context=Context())


async def aside(world: World, after: CompletionCursor | None = None) -> Stretch:
    """`read` while a transaction is open here."""
    return await asyncio.create_task(read(world, after), context=Context())


async def _versions_of_rows(world: World) -> list[asyncpg.Record]:
    return await rows(
        world,
        "SELECT xmin::text FROM completion UNION ALL SELECT xmin::text FROM completion_head",
    )
