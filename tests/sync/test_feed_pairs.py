"""Every two deeds that feeds depend on, in both orders: neither misses what the other did.

Both deeds have written, and read what they read before their turn at the feed, when the first gets
its turn; devices pull between the two turns, and after both.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import product
from typing import Any, Final, TypeAlias
from uuid import UUID

import pytest

from sync.database import Tx, run
from sync.ids import new_id
from sync.messages import DeviceScope
from sync.records.customers import put_customers, put_locations
from sync.records.people import put_units, put_users
from sync.records.shapes import (
    AssignmentPut,
    CustomerPut,
    LocationPut,
    StatePut,
    TaskPut,
    TaskTypePut,
    UnitPut,
    UserPut,
)
from sync.records.task_types import put_states, put_task_types
from sync.records.tasks import put_tasks
from tests.support.databases import TestDatabase
from tests.support.owner import Owner, owning
from tests.support.state_guard import staged
from tests.support.world import LONG_AGO, World
from tests.sync.replica import Replica
from tests.sync.truth import Truth, differences

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Deed: TypeAlias = Callable[["Ground"], Awaitable[Any]]

TURN: Final = "SELECT FROM feed_head WHERE account = $1 FOR UPDATE"


class Ground:
    """One account that every pair of deeds finds in the same state.

    `own` is alice's, `pooled` the pool's of the site; both lead to `client` and `place`.
    `phone` is alice's.
    `dave` is not active, `erin` a dispatcher; both belong to the site.
    """

    own: UUID
    pooled: UUID
    client: UUID
    other_client: UUID
    place: UUID
    other_place: UUID
    dave: UUID
    erin: UUID
    phone: DeviceScope

    def __init__(self, world: World) -> None:
        self.world = world
        self.count = 0

    @classmethod
    async def lay(cls, world: World) -> "Ground":
        """A new one."""
        ground = cls(world)
        ground.client, ground.other_client = await world.customer(), await world.customer()
        ground.place, ground.other_place = await world.location(), await world.location()
        ground.dave, ground.erin = await world.user("dave"), await world.user("erin")
        ground.own, ground.pooled = await world.task(), await world.task()
        ground.phone = await world.device(world.alice)
        return ground

    async def restore(self) -> None:
        """Bring everything that deeds change back to where it was."""
        world = self.world
        site, tech = world.site, "technician"
        users = [
            UserPut(id=who, unit=unit, active=who != self.dave, role=role)  # type: ignore[arg-type]
            for who, unit, role in (
                (world.alice, site, tech),
                (world.bob, site, tech),
                (world.carol, world.other_site, tech),
                (self.dave, site, tech),
                (self.erin, site, "dispatcher"),
            )
        ]
        customers = [CustomerPut(id=one, email=None) for one in (self.client, self.other_client)]
        turns = {
            self.own: AssignmentPut(technician=world.alice, start=LONG_AGO),
            self.pooled: AssignmentPut(unit=site, start=LONG_AGO),
        }
        tasks = [
            TaskPut(
                id=task,
                type=world.service_call,
                customer=self.client,
                location=self.place,
                assignments=[turn],
            )
            for task, turn in turns.items()
        ]

        async def work(tx: Tx) -> None:
            await staged(tx)
            await put_units(tx, [UnitPut(id=world.other_site, parent=world.region)])
            await put_users(tx, users)
            await put_customers(tx, customers)
            await put_tasks(tx, tasks)

        await run(world.account, work)

    async def user(self, who: UUID, **fields: Any) -> None:
        """Change a person."""
        await run(self.world.account, lambda tx: put_users(tx, [UserPut(id=who, **fields)]))

    async def give(
        self, task: UUID, *, technician: UUID | None = None, pool: UUID | None = None
    ) -> None:
        """Hand a task to a technician or a pool, or take it from everybody."""
        entry = TaskPut(id=task, technician=technician, pool=pool)
        await run(self.world.account, lambda tx: put_tasks(tx, [entry]))

    def name(self) -> str:
        """One that nothing had before."""
        self.count += 1
        return f"Nom {self.count}"


async def move_in(ground: Ground) -> None:
    """Somebody comes to the site."""
    await ground.user(ground.world.carol, unit=ground.world.site)


async def move_out(ground: Ground) -> None:
    """Somebody leaves the site."""
    await ground.user(ground.world.bob, unit=ground.world.other_site)


async def deactivate(ground: Ground) -> None:
    """Somebody of the site works no more."""
    await ground.user(ground.world.bob, active=False)


async def reactivate(ground: Ground) -> None:
    """Somebody of the site works again."""
    await ground.user(ground.dave, active=True)


async def become_technician(ground: Ground) -> None:
    """Somebody of the site goes into the field."""
    await ground.user(ground.erin, role="technician")


async def become_dispatcher(ground: Ground) -> None:
    """Somebody who has a task of their own comes into the office."""
    await ground.user(ground.world.alice, role="dispatcher")


async def put_unit_below(ground: Ground) -> None:
    """The other site comes under the site, whose pools reach down to it."""
    entry = UnitPut(id=ground.world.other_site, parent=ground.world.site)
    await run(ground.world.account, lambda tx: put_units(tx, [entry]))


async def give_to_pool(ground: Ground) -> None:
    """A technician's task goes to the pool."""
    await ground.give(ground.own, pool=ground.world.site)


async def take_from_pool(ground: Ground) -> None:
    """The pool's task is nobody's."""
    await ground.give(ground.pooled)


async def assign_pooled(ground: Ground) -> None:
    """The pool's task is somebody's from elsewhere."""
    await ground.give(ground.pooled, technician=ground.world.carol)


async def reassign(ground: Ground) -> None:
    """A technician's task is another's."""
    await ground.give(ground.own, technician=ground.world.carol)


async def create_pooled(ground: Ground) -> None:
    """A new task of the pool, for the other customer."""
    await ground.world.task(pool=ground.world.site, customer=ground.other_client)


async def swap(ground: Ground) -> None:
    """Both tasks are of another type, elsewhere, and for another customer."""
    world = ground.world
    entries = [
        TaskPut(
            id=task,
            title=ground.name(),
            type=world.installation,
            customer=ground.other_client,
            location=ground.other_place,
        )
        for task in (ground.own, ground.pooled)
    ]
    await run(world.account, lambda tx: put_tasks(tx, entries))


async def edit_customers(ground: Ground) -> None:
    """Both customers are called something else."""
    ids, name = (ground.client, ground.other_client), ground.name()
    entries = [CustomerPut(id=one, name=name) for one in ids]
    await run(ground.world.account, lambda tx: put_customers(tx, entries))


async def edit_locations(ground: Ground) -> None:
    """Both locations are called something else."""
    ids, name = (ground.place, ground.other_place), ground.name()
    entries = [LocationPut(id=one, name=name) for one in ids]
    await run(ground.world.account, lambda tx: put_locations(tx, entries))


async def edit_types(ground: Ground) -> None:
    """Both types are called something else."""
    ids, name = (ground.world.service_call, ground.world.installation), ground.name()
    entries = [TaskTypePut(id=one, name=name) for one in ids]
    await run(ground.world.account, lambda tx: put_task_types(tx, entries))


async def add_state(ground: Ground) -> None:
    """One state is new and one is called something else."""
    name = ground.name()
    entries = [StatePut(code=name, name=name, kind="active"), StatePut(code="300", name=name)]
    await run(ground.world.account, lambda tx: put_states(tx, entries))


async def progress(ground: Ground) -> None:
    """A technician starts a task, with the customer's address."""
    item = ground.world.item(ground.own, "300", email=f"client{ground.name()[4:]}@example.org")
    await ground.world.push(ground.phone, item)


DEEDS: Final[tuple[Deed, ...]] = (
    move_in,
    move_out,
    deactivate,
    reactivate,
    become_technician,
    become_dispatcher,
    put_unit_below,
    give_to_pool,
    take_from_pool,
    assign_pooled,
    reassign,
    create_pooled,
    swap,
    edit_customers,
    edit_locations,
    edit_types,
    add_state,
    progress,
)


@pytest.fixture
async def other(database: TestDatabase) -> AsyncIterator[Owner]:
    """A second connection of the owner's."""
    async with owning(database.owner) as view:
        yield view


@asynccontextmanager
async def both(
    ground: Ground, deeds: tuple[Deed, Deed], gates: tuple[Owner, Owner]
) -> AsyncIterator[None]:
    """Both deeds at once, their turns in the order given; the body runs between the turns."""
    owner, other = gates
    async with asyncio.TaskGroup() as group, other.connection.transaction():
        async with owner.connection.transaction():
            await owner.connection.fetch(TURN, ground.world.account)
            first = group.create_task(_do(deeds[0], ground))
            await owner.until_waiting(1)
            between = group.create_task(_take_turn(other, ground.world.account))
            await owner.until_waiting(2)
            group.create_task(_do(deeds[1], ground))
            await owner.until_waiting(3)
        await asyncio.gather(first, between)
        yield


async def _do(deed: Deed, ground: Ground) -> None:
    await deed(ground)


async def _take_turn(gate: Owner, account: int) -> None:
    await gate.connection.fetch(TURN, account)


@pytest.mark.parametrize("first", DEEDS, ids=lambda deed: deed.__name__)
async def test_two_deeds_at_once_leave_every_feed_as_it_should_be(
    world: World, owner: Owner, other: Owner, first: Deed
) -> None:
    ground = await Ground.lay(world)
    people = (world.alice, world.bob, world.carol, ground.dave, ground.erin)
    replicas = [Replica(DeviceScope(world.account, new_id(), who)) for who in people]
    for one, two in product((first,), DEEDS):
        await ground.restore()
        async with both(ground, (one, two), (owner, other)):
            for replica in replicas:
                await replica.pull()
        truth = await Truth.read(owner, world.account)
        for replica in replicas:
            await replica.pull()
            assert differences(truth, replica) == {}, (two.__name__, replica.device.technician)
