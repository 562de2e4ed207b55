"""The feed while others write: nothing is skipped, nothing stays stale."""

import asyncio
import random
from collections.abc import Coroutine
from contextvars import Context
from datetime import timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

import pytest

from sync.database import SYSTEM, Tx, now, run, tx
from sync.errors import ResyncError
from sync.feed.cursor import Cursor
from sync.feed.pruning import prune
from sync.feed.pull import Stretch, read_stretch
from sync.messages import DeviceScope
from sync.records.customers import put_customers
from sync.records.people import put_units, put_users
from sync.records.shapes import CustomerPut, Role, TaskPut, UnitPut, UserPut
from sync.records.tasks import assign, put_tasks
from sync.restore import declare_restored, record_restore
from tests.faults.trials import TRIALS
from tests.support.databases import TestDatabase
from tests.support.lock_order import Heard
from tests.support.owner import Owner, owning
from tests.support.world import World
from tests.sync.replica import Replica
from tests.sync.truth import Held, Truth, differences

pytestmark = pytest.mark.anyio

T = TypeVar("T")


def aside(work: Coroutine[object, object, T]) -> "asyncio.Task[T]":
    """Run `work` as another request would, outside the transaction that the test has open."""
    return asyncio.create_task(work, context=Context())


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


async def test_a_tombstone_forgotten_while_a_device_pulls_starts_it_again(
    world: World, owner: Owner
) -> None:
    task = await world.task()
    replica = Replica(await world.device(world.alice))
    await replica.pull()
    async with tx(world.account) as opened:
        await assign(opened, task)
    await owner.move_clock(timedelta(days=91))
    async with owner.connection.transaction():
        await owner.connection.execute("LOCK TABLE feed")
        pulling = aside(replica.pull())
        await owner.until_waiting(1)
        # As the first pull of another device of hers does.
        await prune(Tx(owner.connection, world.account, await now(), SYSTEM))
    with pytest.raises(ResyncError):
        await pulling


async def test_a_device_that_finds_a_backup_and_the_operator_who_says_so_meet_in_one_order(
    world: World, database: TestDatabase, locks: Heard
) -> None:
    device = await world.device(world.alice)
    ahead = Cursor(epoch=1, position=1_000_000)

    async def find_out() -> Stretch | None:
        return await run(world.account, lambda tx: read_stretch(tx, device, ahead, 10))

    async with owning(database.owner) as owner, tx(world.account) as opened:
        await record_restore(opened)
        finding = aside(find_out())
        await owner.until_waiting(1)
        await declare_restored(opened)
    assert await finding is None
    assert locks.deadlocks == []


class Company(NamedTuple):
    """One account, and what its offices change; `phone` is anybody's."""

    world: World
    customers: list[UUID]
    tasks: list[UUID]
    phone: UUID

    @classmethod
    async def create(cls) -> "Company":
        """A new one."""
        world = await World.create()
        customers = [await world.customer() for _ in range(4)]
        tasks = [await world.task(customer=customers[place % 4]) for place in range(8)]
        return cls(world, customers, tasks, (await world.device(world.alice)).device)

    def devices(self) -> list[DeviceScope]:
        """One of each technician."""
        people = (self.world.alice, self.world.bob, self.world.carol)
        return [DeviceScope(self.world.account, self.phone, who) for who in people]


class Office:
    """Somebody who keeps changing one small set of records at random."""

    def __init__(self, company: Company, seed: int) -> None:
        self.company, self.world = company, company.world
        self.chance = random.Random(seed)
        self.people = [self.world.alice, self.world.bob, self.world.carol]
        self.deeds = (
            self.hand_over,
            self.pool,
            self.swap,
            self.edit,
            self.transfer,
            self.employ,
            self.reorganise,
            self.progress,
        )

    async def work(self, steps: int) -> None:
        """Do `steps` things."""
        for _ in range(steps):
            await self.chance.choice(self.deeds)()

    async def hand_over(self) -> None:
        """A task goes to somebody, or nobody."""
        await self._put(TaskPut(id=self._task(), technician=self._of(*self.people, None)))

    async def pool(self) -> None:
        """A task goes to a pool."""
        unit = self._of(self.world.site, self.world.other_site, self.world.region)
        await self._put(TaskPut(id=self._task(), pool=unit))

    async def swap(self) -> None:
        """A task is for another customer, or of another type."""
        kind = self._of(self.world.service_call, self.world.installation)
        customer = self._of(*self.company.customers, None)
        await self._put(TaskPut(id=self._task(), type=kind, customer=customer))

    async def edit(self) -> None:
        """A customer is called something else."""
        name = f"Nom {self.chance.random()}"
        entry = CustomerPut(id=self._of(*self.company.customers), name=name)
        await run(self.world.account, lambda opened: put_customers(opened, [entry]))

    async def transfer(self) -> None:
        """Somebody works elsewhere."""
        unit = self._of(self.world.site, self.world.other_site, self.world.head_office)
        entry = UserPut(id=self._of(*self.people), unit=unit)
        await run(self.world.account, lambda opened: put_users(opened, [entry]))

    async def employ(self) -> None:
        """Somebody works or does not, in the field or in the office."""
        role: Role = "technician" if self.chance.random() < 0.7 else "dispatcher"
        active = self.chance.random() < 0.7
        entry = UserPut(id=self._of(*self.people), role=role, active=active)
        await run(self.world.account, lambda opened: put_users(opened, [entry]))

    async def reorganise(self) -> None:
        """A site stands elsewhere."""
        parent = self._of(self.world.region, self.world.site)
        entry = UnitPut(id=self.world.other_site, parent=parent)
        await run(self.world.account, lambda opened: put_units(opened, [entry]))

    async def progress(self) -> None:
        """A device tells of all tasks."""
        device, state = self._of(*self.company.devices()), self._of("200", "600")
        items = [self.world.item(task, state) for task in self.company.tasks]
        await self.world.push(device, *items)

    def _task(self) -> UUID:
        return self._of(*self.company.tasks)

    def _of(self, *choices: T) -> T:
        return self.chance.choice(choices)

    async def _put(self, entry: TaskPut) -> None:
        await run(self.world.account, lambda opened: put_tasks(opened, [entry]))


async def keep_pulling(replica: Replica, done: asyncio.Event) -> None:
    while not done.is_set():
        await replica.pull(limit=3)


async def differences_after(company: Company, owner: Owner, seed: int) -> list[Held]:
    """What the devices of a company hold wrongly once four offices have worked at once."""
    replicas, done = [Replica(device) for device in company.devices()], asyncio.Event()
    offices = [Office(company, 4 * seed + one) for one in range(4)]
    async with asyncio.TaskGroup() as readers:
        for replica in replicas:
            readers.create_task(keep_pulling(replica, done))
        async with asyncio.TaskGroup() as working:
            for office in offices:
                working.create_task(office.work(25))
        done.set()
    for replica in replicas:
        await replica.pull()
    truth = await Truth.read(owner, company.world.account)
    return [found for replica in replicas if (found := differences(truth, replica))]


async def test_devices_that_pull_all_the_while_end_with_what_is_so(
    database: TestDatabase, as_api: TestDatabase
) -> None:
    """Four companies at once. A seed gives the deeds of an office, chance their order."""

    async def trials(seeds: range) -> dict[int, list[Held]]:
        async with owning(database.owner) as owner:
            return {
                seed: found
                for seed in seeds
                if (found := await differences_after(await Company.create(), owner, seed))
            }

    async with asyncio.TaskGroup() as group:
        lanes = [group.create_task(trials(range(lane, TRIALS, 4))) for lane in range(4)]
    assert [lane.result() for lane in lanes] == [{}] * 4
