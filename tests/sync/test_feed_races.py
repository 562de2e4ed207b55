"""The feed while others write: nothing is skipped, nothing stays stale."""

import asyncio
import random
from collections.abc import Coroutine
from contextvars import Context
from typing import TypeVar
from uuid import UUID

import pytest

from sync.database import Tx, run, tx
from sync.feed.changes import CustomerChange, TaskChange
from sync.records.clients import put_customers
from sync.records.people import put_users
from sync.records.shapes import AssignmentPut, CustomerPut, TaskPut, UserPut
from sync.records.tasks import assign, put_tasks
from tests.sync.replica import Replica
from tests.sync.watching import Owner
from tests.world import LONG_AGO, World

pytestmark = pytest.mark.anyio

T = TypeVar("T")


def aside(work: Coroutine[object, object, T]) -> "asyncio.Task[T]":
    """Run `work` as another request would, outside the transaction that the test has open."""
    return asyncio.create_task(work, context=Context())


async def hand(world: World, task: UUID, technician: UUID | None) -> None:
    await run(world.account, lambda opened: assign(opened, task, technician=technician))


async def rename(world: World, customer: UUID, name: str) -> None:
    await run(
        world.account, lambda opened: put_customers(opened, [CustomerPut(id=customer, name=name)])
    )


def name_of(replica: Replica, customer: UUID) -> str:
    change = replica.things["customer", str(customer)]
    assert isinstance(change, CustomerChange)
    return change.name


async def test_a_transaction_left_open_hides_nothing_that_commits_later(
    world: World, owner: Owner
) -> None:
    slow, quick = await world.task(), await world.task()
    device = await world.device(world.alice)
    replica = Replica(device)
    await replica.pull()
    elsewhere = await World.create()
    async with tx(world.account) as opened:
        await put_tasks(opened, [TaskPut(id=slow, title="Lent")])
        pushing = aside(world.push(device, world.item(quick, "600")))
        await owner.until_waiting(1)
        # A reader meanwhile sees neither, and its cursor stays before both.
        assert await aside(replica.pull()) == []
        # Another account does not notice.
        other = await aside(elsewhere.device(elsewhere.alice))
        theirs = await aside(elsewhere.task())
        assert (await aside(elsewhere.push(other, elsewhere.item(theirs, "600")))).changed
    await pushing
    assert [change.id for change in await replica.pull()] == [str(slow), str(quick)]


async def test_a_customer_edited_while_somebody_gains_it_arrives_edited(
    world: World, owner: Owner
) -> None:
    customer = await world.customer(name="Avant")
    task = await world.task(customer=customer, technician=world.bob)
    replica = Replica(await world.device(world.alice))
    async with tx(world.account) as opened:
        # As an edit that has written the record and not the feed yet.
        await opened.execute("UPDATE customer SET name = 'Pendant' WHERE id = $1", customer)
        gaining = aside(hand(world, task, world.alice))
        await owner.until_waiting(1)
    await gaining
    await replica.pull()
    assert name_of(replica, customer) == "Pendant"


async def test_who_gains_a_customer_first_gets_the_edit_that_waited(
    world: World, owner: Owner
) -> None:
    customer = await world.customer(name="Avant")
    task = await world.task(customer=customer, technician=world.bob)
    replica = Replica(await world.device(world.alice))
    async with tx(world.account) as opened:
        await assign(opened, task, technician=world.alice)
        editing = aside(rename(world, customer, "Après"))
        await owner.until_waiting(1)
    await replica.pull()
    await editing
    await replica.pull()
    assert name_of(replica, customer) == "Après"


async def expected(world: World, owner: Owner, technician: UUID) -> dict[str, dict[str, str]]:
    """What the technician's device must hold, told from the records alone."""
    tasks = await owner.connection.fetch(
        """
        SELECT t.id::text, t.state, t.customer::text FROM task t
        WHERE t.account = $1 AND EXISTS (
          SELECT FROM assignment a WHERE a.task = t.id AND a.end_at IS NULL
            AND (a.technician = $2 OR a.unit = (SELECT unit FROM app_user WHERE id = $2)))
        """,
        world.account,
        technician,
    )
    customers = await owner.connection.fetch(
        "SELECT id::text, name FROM customer WHERE id::text = ANY($1)",
        [row["customer"] for row in tasks],
    )
    return {
        "task": {row["id"]: row["state"] for row in tasks},
        "customer": {row["id"]: row["name"] for row in customers},
    }


def held(replica: Replica) -> dict[str, dict[str, str]]:
    changes = replica.things.values()
    return {
        "task": {each.id: each.state for each in changes if isinstance(each, TaskChange)},
        "customer": {each.id: each.name for each in changes if isinstance(each, CustomerChange)},
    }


class Office:
    """Somebody who keeps changing one small set of records at random."""

    def __init__(self, world: World, seed: int, tasks: list[UUID], customers: list[UUID]) -> None:
        self.world, self.tasks, self.customers = world, tasks, customers
        self.chance = random.Random(seed)
        self.people = [world.alice, world.bob, world.carol]

    async def work(self, steps: int) -> None:
        """Do `steps` things."""
        deeds = [self.hand_over, self.rename, self.move, self.pool, self.transfer, self.progress]
        for _ in range(steps):
            await self.chance.choice(deeds)()

    async def hand_over(self) -> None:
        technician = self.chance.choice([*self.people, None])
        await hand(self.world, self.chance.choice(self.tasks), technician)

    async def rename(self) -> None:
        name = f"Nom {self.chance.random()}"
        await rename(self.world, self.chance.choice(self.customers), name)

    async def move(self) -> None:
        customer = self.chance.choice([*self.customers, None])
        await self._put(TaskPut(id=self.chance.choice(self.tasks), customer=customer))

    async def pool(self) -> None:
        turns = [AssignmentPut(unit=self.world.site, start=LONG_AGO)]
        await self._put(TaskPut(id=self.chance.choice(self.tasks), assignments=turns))

    async def _put(self, entry: TaskPut) -> None:
        async def work(opened: Tx) -> None:
            await put_tasks(opened, [entry])

        await run(self.world.account, work)

    async def transfer(self) -> None:
        unit = self.chance.choice([self.world.site, self.world.other_site])
        entry = UserPut(id=self.chance.choice(self.people), unit=unit)
        await run(self.world.account, lambda opened: put_users(opened, [entry]))

    async def progress(self) -> None:
        device = await self.world.device(self.chance.choice(self.people))
        state = self.chance.choice(["200", "600"])
        await self.world.push(device, *(self.world.item(task, state) for task in self.tasks))


async def keep_pulling(replica: Replica, done: asyncio.Event) -> None:
    while not done.is_set():
        await replica.pull(limit=3)


async def test_devices_that_pull_all_the_while_end_with_what_is_so(
    world: World, owner: Owner
) -> None:
    customers = [await world.customer() for _ in range(4)]
    tasks = [await world.task(customer=customers[place % 4]) for place in range(8)]
    people = (world.alice, world.bob, world.carol)
    replicas = [Replica(await world.device(who)) for who in people]
    done = asyncio.Event()
    readers = [asyncio.create_task(keep_pulling(replica, done)) for replica in replicas]
    offices = [Office(world, seed, tasks, customers) for seed in range(4)]
    await asyncio.gather(*(office.work(25) for office in offices))
    done.set()
    await asyncio.gather(*readers)
    for replica in replicas:
        await replica.pull()
        assert held(replica) == await expected(world, owner, replica.device.technician)
