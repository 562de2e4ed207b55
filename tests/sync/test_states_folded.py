"""A database from before sequences held gets the states that histories give now."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg
import pytest

from rules.history import current
from sync.database import tx
from sync.intake.histories import read_histories
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import STATES, World
from tests.sync.replica import Replica

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

pytestmark = pytest.mark.anyio

TASKS: Final = 40
MINUTE: Final = timedelta(minutes=1)

#: By the clocks alone, as tasks were folded before.
BEFORE: Final = """
UPDATE task t SET state = l.state, state_moment = l.moment, state_transition = l.id
FROM (SELECT DISTINCT ON (task) * FROM transition WHERE verdict = 'accepted'
  ORDER BY task, moment DESC, sequence DESC, id DESC) AS l
WHERE t.id = l.task
"""
SAID: Final = "SELECT id, state, state_moment, state_transition FROM task"


async def worked(world: World, chance: Random) -> list[UUID]:
    """Tasks of many steps, told by two devices whose clocks are as wrong as can be."""
    devices = [await world.device(world.alice) for _ in range(2)]
    tasks = await world.tasks(*[{}] * TASKS)
    for task in tasks:
        for _ in range(chance.randrange(1, 7)):
            moment = datetime.now(UTC) - chance.randrange(1, 60) * MINUTE
            step = world.item(
                task, chance.choice(list(STATES)), moment, sequence=chance.randrange(5)
            )
            await world.push(chance.choice(devices), step)
    return tasks


async def received_at_any_time(owner: "Connection", chance: Random) -> None:
    """Have each step received some time after its moment, whatever came before it."""
    for row in await owner.fetch("SELECT id FROM transition"):
        late = chance.randrange(30) * MINUTE
        change = "UPDATE transition SET received_at = moment + $2::interval WHERE id = $1"
        await owner.execute(change, row["id"], late)


async def said(owner: "Connection") -> dict[UUID, tuple[object, ...]]:
    return {row["id"]: tuple(row)[1:] for row in await owner.fetch(SAID)}


@pytest.mark.parametrize("seed", range(3))
async def test_tasks_get_the_state_of_their_history_and_devices_hear_of_it(
    world: World, database: TestDatabase, seed: int
) -> None:
    chance = Random(seed)
    tasks = await worked(world, chance)
    replica = Replica(await world.device(world.alice))
    await replica.pull()
    migration = import_module("sync.migrations.sync_2026_11_30t00_30_00_000000")
    async with owning(database.owner) as owner:
        await received_at_any_time(owner.connection, chance)
        await owner.connection.execute(BEFORE)
        before = await said(owner.connection)
        await owner.connection.execute(migration.FOLD)
        after = await said(owner.connection)

    async with tx(world.account) as opened:
        histories = await read_histories(opened, tasks)
    lasts = {task: current(history) for task, history in histories.items()}
    assert after == {
        task: (last.state, last.moment, last.id) for task, last in lasts.items() if last
    }
    moved = {str(task) for task in tasks if before[task] != after[task]}
    assert TASKS // 4 < len(moved) < TASKS
    assert {change.id for change in await replica.pull()} == moved
