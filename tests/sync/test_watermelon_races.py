"""One answer made of several reads while others write: it says one thing of each row."""

import asyncio

import pytest

from sync.adapters import watermelon
from sync.database import run
from sync.records.tasks import assign
from tests.support.databases import SECRET
from tests.support.owner import Owner
from tests.support.world import World

pytestmark = pytest.mark.anyio

ROWS = "SELECT count(*) FROM feed WHERE account = $1 AND technician = $2"


async def test_one_answer_says_both_and_the_last_word_counts(world: World, owner: Owner) -> None:
    moving = await world.task()
    device = await world.device(world.alice)
    await world.push(device, world.item(moving, "300"))
    staying = await world.task()
    count = await owner.connection.fetchval(ROWS, world.account, world.alice)
    transaction = owner.connection.transaction()
    await transaction.start()
    # The first page, all but the last row, has been found; its history is still to be read.
    await owner.connection.execute("LOCK TABLE transition IN ACCESS EXCLUSIVE MODE")
    reading = asyncio.create_task(
        watermelon.pull(device, None, None, SECRET.encode(), most=count - 1)
    )
    await owner.until_waiting(1)
    await run(world.account, lambda opened: assign(opened, moving, technician=world.bob))
    await transaction.rollback()
    tasks = (await reading).changes["tasks"]
    assert [row["id"] for row in tasks.updated] == [str(staying)]
    assert tasks.deleted == [str(moving)]
