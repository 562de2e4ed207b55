"""Pushes that meet: on two connections, in opposite order, beside whoever creates the task."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import pytest

from sync.database import Tx, run, tx
from sync.ids import new_id
from sync.intake import PushOutcome, push
from sync.intake.parking import lock_parking
from sync.messages import DeviceScope, Item, Push
from sync.records.customers import put_customers
from sync.records.reading import get_customer
from sync.records.shapes import AssignmentPut, CustomerPut, TaskPut
from sync.records.tasks import TasksPut, put_tasks
from tests.support.lock_order import Heard
from tests.support.owner import Owner
from tests.support.world import LONG_AGO, World

pytestmark = pytest.mark.anyio

T = TypeVar("T")

MORNING = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def pushing(device: DeviceScope, *items: Item) -> "asyncio.Task[PushOutcome]":
    batch = Push(device_now=datetime.now(UTC), transitions=list(items))
    return aside(push(device, batch))


def aside(work: Coroutine[object, object, T]) -> "asyncio.Task[T]":
    """Run `work` as another request would, outside the transaction that the test has open."""
    return asyncio.create_task(work, context=Context())


def verdicts(outcome: PushOutcome) -> list[str]:
    return [result.reason or result.verdict for result in outcome.results]


async def test_one_batch_on_two_connections_is_kept_once_with_the_same_verdicts(
    world: World, owner: Owner
) -> None:
    tasks = [await world.task() for _ in range(10)]
    foreign = await world.task(technician=world.bob)
    device = await world.device(world.alice)
    items = [world.item(task, "600", MORNING) for task in tasks]
    items += [world.item(foreign, "600"), world.item(new_id(), "600"), world.item(tasks[0], "x")]
    outcomes = await asyncio.gather(*(pushing(device, *items) for _ in range(4)))
    assert all(outcome.results == outcomes[0].results for outcome in outcomes)
    assert [outcome.changed for outcome in outcomes].count(True) == 1
    assert (await owner.count("task_change"), await owner.count("transition")) == (10, 13)


async def test_who_waited_for_the_lock_gives_the_verdicts_written_meanwhile(
    world: World, owner: Owner
) -> None:
    task, device = await world.task(), await world.device(world.alice)
    item = world.item(task, "600")
    async with tx(world.account) as opened:
        await opened.execute("SELECT FROM task WHERE id = $1 FOR UPDATE", task)
        pushes = [pushing(device, item), pushing(device, item)]
        await owner.until_waiting(2)
    outcomes = await asyncio.gather(*pushes)
    assert [verdicts(outcome) for outcome in outcomes] == [["accepted"], ["accepted"]]
    assert sorted(outcome.changed for outcome in outcomes) == [False, True]
    assert await owner.count("transition") == 1


async def test_one_id_for_two_tasks_at_once_is_kept_for_one(world: World, owner: Owner) -> None:
    device, identity = await world.device(world.alice), new_id()
    one = world.item(await world.task(), "600", MORNING, id=identity)
    two = world.item(await world.task(), "600", MORNING, id=identity)
    async with tx(world.account) as opened:
        # Whoever writes the feed last waits; both have judged, and one has its verdict in.
        await opened.execute("SELECT FROM feed_head FOR UPDATE")
        pushes = [pushing(device, one), pushing(device, two)]
        await owner.until_waiting(2)
    outcomes = await asyncio.gather(*pushes)
    told = sorted(verdict for outcome in outcomes for verdict in verdicts(outcome))
    assert told == ["accepted", "id_reused"]
    assert await owner.count("transition") == 1


async def test_batches_in_opposite_order_both_come_through(world: World, owner: Owner) -> None:
    tasks = [await world.task() for _ in range(20)]
    device = await world.device(world.alice)

    def batch(order: list[UUID]) -> list[Item]:
        return [world.item(task, "600", MORNING) for task in order]

    forwards, backwards = batch(tasks), batch(tasks[::-1])
    async with tx(world.account) as opened:
        await opened.execute("SELECT FROM task WHERE id = $1 FOR UPDATE", min(tasks))
        pushes = [pushing(device, *forwards), pushing(device, *backwards)]
        await owner.until_waiting(2)
    outcomes = await asyncio.gather(*pushes)
    assert all(outcome.changed for outcome in outcomes)
    assert await owner.count("transition") == 40


def task_put(world: World, task: UUID, customer: UUID | None = None) -> TaskPut:
    return TaskPut(
        id=task,
        type=world.service_call,
        state="100",
        title="Fuite",
        unit=world.site,
        customer=customer,
        created_at=LONG_AGO,
        assignments=[AssignmentPut(technician=world.alice, start=LONG_AGO)],
    )


async def test_a_task_created_while_its_transition_is_parked_is_not_missed(
    world: World, owner: Owner
) -> None:
    task, device = new_id(), await world.device(world.alice)
    async with tx(world.account) as opened:
        await put_tasks(opened, [task_put(world, task)])
        parking = pushing(device, world.item(task, "600"))
        await owner.until_waiting(1)
    assert verdicts(await parking) == ["accepted"]


async def test_a_transition_parked_while_its_task_is_created_is_settled(
    world: World, owner: Owner
) -> None:
    task, device = new_id(), await world.device(world.alice)
    item = world.item(task, "600")

    async def create() -> bool:
        async with tx(world.account) as opened:
            return (await put_tasks(opened, [task_put(world, task)])).changed

    async with tx(world.account) as opened:
        await lock_parking(opened)
        parking = pushing(device, item)
        await owner.until_waiting(1)
        creating = aside(create())
        await owner.until_waiting(2)
    told = verdicts(await parking)
    settled = await creating
    # Whoever got the turn first, nothing is left behind.
    assert (told, settled) in ((["parked"], True), (["accepted"], False))
    assert verdicts(await push_again(device, item)) == ["accepted"]
    assert await owner.count("transition") == 1


async def push_again(device: DeviceScope, item: Item) -> PushOutcome:
    return await push(device, Push(device_now=datetime.now(UTC), transitions=[item]))


async def test_two_captures_for_two_customers_crosswise_both_come_through(
    world: World, owner: Owner
) -> None:
    customers = [await world.customer(), await world.customer()]
    device = await world.device(world.alice)
    batches = [
        [
            world.item(await world.task(customer=customer), "600", email=f"{name}@example.org")
            for customer in order
        ]
        for name, order in (("one", customers), ("two", customers[::-1]))
    ]
    async with tx(world.account) as opened:
        await put_customers(opened, [CustomerPut(id=min(customers), phone="418 555-0100")])
        pushes = [pushing(device, *batch) for batch in batches]
        await owner.until_waiting(2)
    assert all(outcome.changed for outcome in await asyncio.gather(*pushes))
    found = await owner.connection.fetch("SELECT DISTINCT email FROM customer")
    assert len(found) == 1


async def test_an_address_that_was_parked_waits_for_the_office_and_is_in_nobodys_way(
    world: World, owner: Owner, locks: Heard
) -> None:
    customer, task, device = await world.customer(), new_id(), await world.device(world.alice)
    await world.push(device, world.item(task, "600", email="marie@example.org"))

    async def create(opened: Tx) -> TasksPut:
        return await put_tasks(opened, [task_put(world, task, customer)])

    async with tx(world.account) as opened:
        await opened.execute("SELECT FROM customer WHERE id = $1 FOR NO KEY UPDATE", customer)
        creating = aside(run(world.account, create))
        await owner.until_waiting(1)
        await put_customers(opened, [CustomerPut(id=customer, phone="418 555-0100")])
    assert (await creating).changed
    assert locks.deadlocks == []
    async with tx(world.account) as opened:
        kept = await get_customer(opened, customer)
    assert (kept.email, kept.phone) == ("marie@example.org", "418 555-0100")


async def test_a_parked_transition_takes_no_turn_at_the_feed(world: World, owner: Owner) -> None:
    device = await world.device(world.alice)
    async with tx(world.account) as opened:
        await opened.execute("SELECT FROM feed_head FOR UPDATE")
        assert verdicts(await pushing(device, world.item(new_id(), "600"))) == ["parked"]
