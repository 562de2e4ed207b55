"""Hazards 1 to 4 and 13: the API is killed, cut off or out of luck while devices push."""

import asyncio
from functools import partial
from typing import Final

import httpx
import pytest

from sync.messages import Item
from tests.faults.scene import DONE, Yard, eventually, verdicts
from tests.faults.trials import TRIALS, trials_of
from tests.support.databases import TestDatabase
from tests.support.listening import cut
from tests.support.postgres_proxy import HttpCutter, Place, PostgresProxy
from tests.support.processes import Api

pytestmark = pytest.mark.anyio

FACTS: Final = r"INSERT INTO transition\b"

#: Where a push can be hit: at each of its steps, and on both sides of its end.
STEPS: Final = (
    Place(r"FROM task_lock\b"),
    Place(FACTS),
    Place(r"UPDATE task SET state"),
    Place(r"INSERT INTO task_change\b"),
    Place(r"feed_touch\b", after=FACTS),
    Place(r"^COMMIT", after=FACTS),
    Place(r"^COMMIT", after=FACTS, answered=True),
)
COMMITTED: Final = STEPS[-1]


def kill_here(api: Api) -> None:
    """Kill -9, and let nothing of what it was about to say through."""
    api.kill()
    cut()


async def batch_of_four_visits(yard: Yard) -> list[Item]:
    """Two transitions for each of four tasks, the second later in the day."""
    visits = await yard.visits(4)
    states = ["300"] * 4 + [DONE] * 4
    tasks = [visit.task for visit in visits] * 2
    return [yard.world.item(task, state) for task, state in zip(tasks, states, strict=True)]


async def stored(yard: Yard, items: list[Item]) -> int:
    """How many of `items` are facts."""
    ids = [item.id for item in items]
    return int(await yard.owner.value("SELECT count(*) FROM transition WHERE id = ANY($1)", ids))


async def states_of(yard: Yard, items: list[Item]) -> set[str]:
    """The states in which the tasks of `items` are."""
    tasks = [item.task for item in items]
    rows = await yard.owner.rows("SELECT DISTINCT state FROM task WHERE id = ANY($1)", tasks)
    return {state for (state,) in rows}


async def test_1_an_api_killed_in_a_push_leaves_all_of_the_batch_or_nothing(
    yard: Yard, database: TestDatabase
) -> None:
    unharmed = yard.fleet.api()
    with PostgresProxy(database.owner) as proxy:
        for trial in trials_of(STEPS):
            step = STEPS[trial % len(STEPS)]
            items = await batch_of_four_visits(yard)
            api = yard.fleet.api(database_url=proxy.dsn)
            proxy.trap(step).arm(partial(kill_here, api))
            with pytest.raises(httpx.TransportError):
                await yard.push(api.origin, items)
            assert await stored(yard, items) == (len(items) if step is COMMITTED else 0)
            retried = await yard.push(unharmed.origin, items)
            assert verdicts(retried) == ["accepted"] * len(items)
            assert await stored(yard, items) == len(items)
            assert await states_of(yard, items) == {DONE}
        assert sum(trap.hits for trap in proxy.traps.values()) == len(trials_of(STEPS))


async def test_2_a_reply_lost_after_commit_is_given_again_word_for_word(yard: Yard) -> None:
    api = yard.fleet.api()
    yard.fleet.worker(), yard.fleet.clock()
    with HttpCutter(api.origin) as line:
        for trial in range(TRIALS):
            visit = await yard.visit()
            foreign = await yard.world.task(technician=yard.world.bob)
            done = yard.world.item(visit.task, DONE)
            items = [done, yard.world.item(foreign, DONE), yard.world.item(done.id, DONE), done]
            line.reply.arm(cut)
            with pytest.raises(httpx.TransportError):
                await yard.push(line.origin, items)
            lost, rows = line.last_reply, await stored_rows(yard)
            again = await yard.push(line.origin, items)
            assert verdicts(again) == ["accepted", "refused", "parked", "duplicate"]
            assert again.content == lost
            assert await stored_rows(yard) == rows
            await yard.mailed([visit])
            await yard.idle()
            assert len(yard.sink.to(visit.address)) == 1
            assert line.reply.hits == trial + 1


async def stored_rows(yard: Yard) -> tuple[object, ...]:
    """How many facts there are, and how many transitions."""
    [row] = await yard.owner.rows("SELECT count(task), count(*) FROM transition")
    return row


async def test_3_one_batch_on_two_connections_at_once_is_one_row_and_one_mail_each(
    yard: Yard,
) -> None:
    api = yard.fleet.api()
    yard.fleet.worker(), yard.fleet.clock()
    for _ in range(TRIALS):
        visits = await yard.visits(5)
        items = [yard.world.item(visit.task, DONE) for visit in visits]
        replies = await asyncio.gather(*(yard.push(api.origin, items) for _ in range(2)))
        assert [verdicts(reply) for reply in replies] == [["accepted"] * 5] * 2
        assert await stored(yard, items) == 5
        await yard.mailed(visits)
        await yard.idle()
        assert [len(yard.sink.to(visit.address)) for visit in visits] == [1] * 5


async def test_4_what_was_committed_without_a_doorbell_is_planned_by_the_sweep(
    yard: Yard, database: TestDatabase
) -> None:
    yard.fleet.worker(), yard.fleet.clock()
    with PostgresProxy(database.owner) as proxy:
        for trial in range(TRIALS):
            visit = await yard.visit()
            api = yard.fleet.api(database_url=proxy.dsn)
            trap = proxy.trap(COMMITTED)
            trap.arm(partial(kill_here, api))
            with pytest.raises(httpx.TransportError):
                await yard.push(api.origin, [yard.world.item(visit.task, DONE)])
            await eventually(partial(yard.status, visit), "planned", SWEEP_AND_SLACK)
            await yard.mailed([visit])
            assert trap.hits == trial + 1
    await yard.idle()
    assert set(yard.sink.per_address().values()) == {1}


#: Seconds: the sweep of these tests is half a second; planning itself takes a moment too.
SWEEP_AND_SLACK: Final = 5.0


REFUSE_COMMIT: Final = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'this COMMIT fails'; END $$;
CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON transition
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.note = 'refuse') EXECUTE FUNCTION refuse()
"""
POOL: Final = 3


async def test_13_a_pool_is_full_again_after_failed_commits(
    yard: Yard, database: TestDatabase
) -> None:
    await yard.owner.connection.execute(REFUSE_COMMIT)
    with PostgresProxy(database.owner) as proxy:
        api = yard.fleet.api(database_url=proxy.dsn, pool_size=POOL)
        for _ in range(TRIALS):
            await fail_commits(yard, api, proxy)
            await whole_pool_pushes_at_once(yard, api)


async def fail_commits(yard: Yard, api: Api, proxy: PostgresProxy) -> None:
    """Ten times the pool: every other COMMIT is refused, the others lose their connection."""
    trap = proxy.trap(Place("^COMMIT", after=FACTS))
    visit = await yard.visit()
    hits = trap.hits
    for number in range(10 * POOL):
        refused = number % 2 == 0
        if not refused:
            trap.arm(cut)
        item = yard.world.item(visit.task, DONE, note="refuse" if refused else None)
        reply = await yard.push(api.origin, [item])
        assert reply.status_code >= 500
        assert await stored(yard, [item]) == 0
    assert trap.hits - hits == 5 * POOL


async def whole_pool_pushes_at_once(yard: Yard, api: Api) -> None:
    """As many pushes as connections, all inside their transactions at the same time."""
    visits = await yard.visits(POOL)
    async with yard.owner.connection.transaction():
        tasks = [visit.task for visit in visits]
        await yard.owner.rows("SELECT id FROM task WHERE id = ANY($1) FOR UPDATE", tasks)
        pushes = [
            asyncio.ensure_future(yard.push(api.origin, [yard.world.item(task, DONE)]))
            for task in tasks
        ]
        await eventually(lambda: all_wait(yard), "all connections wait for the tasks")
    for reply in await asyncio.gather(*pushes):
        assert verdicts(reply) == ["accepted"]


async def all_wait(yard: Yard) -> bool:
    """Whether `POOL` sessions of this database wait for a lock."""
    # A transaction goes on seeing what it saw of other sessions unless it is told to forget.
    await yard.owner.value("SELECT pg_stat_clear_snapshot()")
    waiting = await yard.owner.value(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(waiting == POOL)
