"""A database from before completions gets those of the tasks that were finished by then."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import import_module
from random import Random
from typing import Final

import asyncpg
import pytest

from tests.mail.campaigns import happened, plan_all, rows
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import STATES, World

pytestmark = pytest.mark.anyio

MINUTE: Final = timedelta(minutes=1)
TASKS: Final = 40

ROWS: Final = "SELECT * FROM completion ORDER BY position"


async def finish(world: World, start: datetime, chance: Random) -> None:
    """Tasks of many steps, of two devices and the office, whose clocks are as wrong as can be."""
    devices = [None, *[(await world.device(each)).device for each in (world.alice, world.bob)]]
    place = await world.location(zone="Pacific/Auckland")
    for _ in range(TASKS):
        task = await world.task(location=chance.choice([None, place]))
        for _ in range(chance.randrange(1, 7)):
            moment = start - chance.randrange(60) * MINUTE
            received = moment + chance.randrange(30) * MINUTE
            await happened(
                world,
                task,
                chance.choice(list(STATES)),
                moment,
                received_at=received,
                sequence=chance.randrange(5),
                device=chance.choice(devices),
            )


async def refilled(database: TestDatabase) -> None:
    """Have the migration fill the tables that it made."""
    migration = import_module("mail.migrations.mail_2026_11_29t19_10_00_000000")
    async with owning(database.owner) as owner, owner.connection.transaction():
        await owner.connection.execute("TRUNCATE completion, completion_head")
        await migration.fill(owner.connection)


def without_position(found: Sequence[asyncpg.Record]) -> dict[object, dict[str, object]]:
    """The rows by task, without what depends on the order in which they were written."""
    return {
        row["task"]: {name: value for name, value in row.items() if name != "position"}
        for row in found
    }


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_filled_is_what_planning_writes(
    world: World, start: datetime, database: TestDatabase, seed: int
) -> None:
    await finish(world, start, Random(seed))
    await plan_all()
    planned = await rows(world, ROWS)
    assert len(planned) > TASKS // 2
    await refilled(database)
    filled = await rows(world, ROWS)
    assert without_position(filled) == without_position(planned)
    assert [row["position"] for row in filled] == list(range(1, len(filled) + 1))


async def test_positions_go_on_after_what_was_filled(
    world: World, start: datetime, database: TestDatabase
) -> None:
    other = await World.create()
    for each, state in ((world, "600"), (world, "300"), (other, "700")):
        await happened(each, await each.task(), state, start)
    await refilled(database)
    for each in (world, other):
        await happened(each, await each.task(), "600", start)
    await plan_all()
    for each in (world, other):
        assert [row["position"] for row in await rows(each, ROWS)] == [1, 2]
