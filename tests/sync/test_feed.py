"""The feed: what arrives, what leaves, in which order, and when a device must start again."""

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from sync.database import tx
from sync.errors import CursorError, ResyncError
from sync.feed import pull
from sync.feed.changes import CustomerChange, Gone, LocationChange, TaskChange
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
from sync.records.tasks import assign, put_tasks
from tests.support.owner import Owner
from tests.support.world import LONG_AGO, STATES, World
from tests.sync.replica import KEY, Replica, kind_of

pytestmark = pytest.mark.anyio


async def hand(world: World, task: UUID, technician: UUID | None) -> None:
    async with tx(world.account) as opened:
        await assign(opened, task, technician=technician)


async def put(world: World, entry: TaskPut) -> None:
    async with tx(world.account) as opened:
        await put_tasks(opened, [entry])


# What arrives and what leaves


async def test_a_technician_without_tasks_gets_nothing(world: World) -> None:
    page = await pull(await world.device(world.alice), None, KEY)
    assert (page.changes, page.more) == ([], False)


async def test_who_gains_a_task_gets_everything_it_needs_in_a_sound_order(world: World) -> None:
    customer = await world.customer(email="a@example.org")
    location = await world.location(customer=customer)
    fields: dict[str, Any] = {"external_id": "T-1", "priority": "haute", "tags": ["vip"]}
    task = await world.task(customer=customer, location=location, **fields)
    replica = Replica(await world.device(world.alice))
    kinds = [kind_of(change) for change in await replica.pull()]
    assert kinds == ["state"] * len(STATES) + ["task_type", "customer", "location", "task"]
    arrived = replica.things["task", str(task)]
    assert isinstance(arrived, TaskChange)
    assert (arrived.customer, arrived.location) == (str(customer), str(location))
    assert (arrived.external_id, arrived.priority, arrived.tags) == ("T-1", "haute", ["vip"])
    assert (arrived.state, arrived.technician) == ("100", str(world.alice))


async def test_a_change_says_its_kind_in_json_and_in_messagepack(world: World) -> None:
    await world.task()
    page = await pull(await world.device(world.alice), None, KEY)
    from_json = msgspec.json.decode(msgspec.json.encode(page))
    assert from_json["changes"][-1]["kind"] == "task"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(page))["changes"][-1]["kind"] == "task"
    gone = msgspec.json.decode(msgspec.json.encode(Gone("task", "1")))
    assert gone == {"kind": "task", "id": "1", "deleted": True}


async def test_a_transition_moves_the_task_to_the_end(world: World) -> None:
    first, second = await world.task(), await world.task()
    device = await world.device(world.alice)
    replica = Replica(device)
    await replica.pull()
    await world.push(device, world.item(first, "200"))
    (change,) = await replica.pull()
    assert isinstance(change, TaskChange)
    assert (change.id, change.state) == (str(first), "200")
    assert replica.ids("task") == {str(first), str(second)}


async def test_a_late_transition_under_the_state_still_tells_the_task(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    replica = Replica(device)
    await world.push(device, world.item(task, "600"))
    await replica.pull()
    await world.push(device, world.item(task, "200", LONG_AGO))
    assert len(await replica.pull()) == 1


async def test_reassigned_the_old_device_gets_tombstones_and_the_new_one_everything(
    world: World,
) -> None:
    customer = await world.customer()
    location = await world.location()
    task = await world.task(customer=customer, location=location)
    old, new = [Replica(await world.device(who)) for who in (world.alice, world.bob)]
    await old.pull()
    await new.pull()
    await hand(world, task, world.bob)
    gone = await old.pull()
    assert gone == [
        Gone("task", str(task)),
        Gone("customer", str(customer)),
        Gone("location", str(location)),
    ]
    await new.pull()
    assert new.ids("task") == {str(task)}
    assert (new.ids("customer"), new.ids("location")) == ({str(customer)}, {str(location)})
    assert new.ids("state") == set(STATES)
    await hand(world, task, world.alice)
    await old.pull()
    assert (old.ids("task"), old.ids("customer")) == ({str(task)}, {str(customer)})


async def test_a_customer_stays_while_another_task_leads_to_it(world: World) -> None:
    customer = await world.customer()
    lost, kept = await world.task(customer=customer), await world.task(customer=customer)
    replica = Replica(await world.device(world.alice))
    await replica.pull()
    await hand(world, lost, None)
    assert await replica.pull() == [Gone("task", str(lost))]
    await hand(world, kept, None)
    assert await replica.pull() == [Gone("task", str(kept)), Gone("customer", str(customer))]


async def test_a_task_that_goes_to_another_customer_brings_it_and_leaves_the_old(
    world: World,
) -> None:
    before, after = await world.customer(), await world.customer(name="Jean Roy")
    here, there = await world.location(), await world.location()
    task = await world.task(customer=before, location=here)
    replica = Replica(await world.device(world.alice))
    await replica.pull()
    await put(world, TaskPut(id=task, customer=after, location=there))
    await replica.pull()
    assert (replica.ids("customer"), replica.ids("location")) == ({str(after)}, {str(there)})
    await put(world, TaskPut(id=task, customer=None, location=None))
    await replica.pull()
    assert (replica.ids("customer"), replica.ids("location")) == (set(), set())


async def test_what_changes_is_told_to_whoever_holds_it_and_to_nobody_else(world: World) -> None:
    customer = await world.customer()
    location = await world.location()
    await world.task(customer=customer, location=location)
    mine, other = [Replica(await world.device(who)) for who in (world.alice, world.bob)]
    await mine.pull()
    async with tx(world.account) as opened:
        await put_customers(opened, [CustomerPut(id=customer, name="Jeanne Roy")])
    async with tx(world.account) as opened:
        await put_locations(opened, [LocationPut(id=location, address="1, rue Neuve")])
    async with tx(world.account) as opened:
        await put_task_types(opened, [TaskTypePut(id=world.service_call, names={"en": "Call"})])
    async with tx(world.account) as opened:
        await put_states(
            opened,
            [StatePut(code="600", name="Fini"), StatePut(code="650", name="Revu", kind="done")],
        )
    told = [(kind_of(change), change.id) for change in await mine.pull()]
    assert told == [
        ("customer", str(customer)),
        ("location", str(location)),
        ("task_type", str(world.service_call)),
        ("state", "600"),
        ("state", "650"),
    ]
    assert await other.pull() == []


async def test_writing_what_is_already_so_tells_nobody(world: World) -> None:
    customer = await world.customer()
    task = await world.task(customer=customer)
    replica = Replica(await world.device(world.alice))
    await replica.pull()
    async with tx(world.account) as opened:
        await put_customers(opened, [CustomerPut(id=customer, name="Marie Tremblay")])
    await put(world, TaskPut(id=task, technician=world.alice, title="Fuite au sous-sol"))
    assert await replica.pull() == []


async def test_a_captured_address_reaches_the_other_devices(world: World) -> None:
    customer = await world.customer()
    task = await world.task(customer=customer)
    device = await world.device(world.alice)
    replica = Replica(device)
    await replica.pull()
    await world.push(device, world.item(task, "600", email="a@example.org"))
    told = {kind_of(change): change for change in await replica.pull()}
    assert told.keys() == {"task", "customer"}
    captured = told["customer"]
    assert isinstance(captured, CustomerChange)
    assert captured.email == "a@example.org"


async def test_what_is_dialled_goes_by_where_the_place_is(world: World) -> None:
    customer = await world.customer(phone="514 555-0199 poste 12")
    silent = await world.customer(name="Sans téléphone")
    paris = await world.location(customer=customer, phone="01 23 45 67 89", zone="Europe/Paris")
    here = await world.location(customer=customer, phone="01 23 45 67 89")
    for place in (paris, here):
        await world.task(customer=customer, location=place)
    await world.task(customer=silent)
    told = await Replica(await world.device(world.alice)).pull()
    dialled = {
        change.id: change.call
        for change in told
        if isinstance(change, CustomerChange | LocationChange)
    }
    assert dialled == {
        str(customer): "tel:+15145550199;ext=12",
        str(silent): None,
        str(paris): "tel:+33123456789",
        str(here): None,
    }


# Pools


async def test_a_pool_s_task_is_in_the_feeds_of_all_below(world: World) -> None:
    regional = [AssignmentPut(unit=world.region, start=LONG_AGO)]
    task = await world.task(assignments=regional)
    for technician in (world.alice, world.bob, world.carol):
        replica = Replica(await world.device(technician))
        await replica.pull()
        assert replica.ids("task") == {str(task)}
    await hand(world, task, world.carol)
    alone = Replica(await world.device(world.alice))
    await alone.pull()
    assert alone.ids("task") == set()


async def test_who_moves_between_units_changes_pools(world: World) -> None:
    here = await world.task(assignments=[AssignmentPut(unit=world.site, start=LONG_AGO)])
    there = await world.task(assignments=[AssignmentPut(unit=world.other_site, start=LONG_AGO)])
    device = await world.device(world.alice)
    replica, staying = Replica(device), Replica(await world.device(world.bob))
    await replica.pull()
    await staying.pull()
    assert replica.ids("task") == {str(here)}
    async with tx(world.account) as opened:
        await put_users(opened, [UserPut(id=world.alice, unit=world.other_site)])
    await replica.pull()
    assert replica.ids("task") == {str(there)}
    assert await staying.pull() == []


async def test_a_unit_that_moves_takes_its_people_into_other_pools(world: World) -> None:
    task = await world.task(assignments=[AssignmentPut(unit=world.region, start=LONG_AGO)])
    replica = Replica(await world.device(world.carol))
    await replica.pull()
    assert replica.ids("task") == {str(task)}
    async with tx(world.account) as opened:
        await put_units(opened, [UnitPut(id=world.other_site, parent=world.head_office)])
    await replica.pull()
    assert replica.ids("task") == set()


# Pages and cursors


async def test_pages_of_any_size_add_up_without_a_gap_or_a_repetition(world: World) -> None:
    tasks = {str(await world.task()) for _ in range(12)}
    device = await world.device(world.alice)
    whole = (await pull(device, None, KEY)).changes
    for limit in (1, 7, len(whole)):
        pages, cursor, more = [], None, True
        while more:
            page = await pull(device, cursor, KEY, limit)
            pages.append(page.changes)
            cursor, more = page.cursor, page.more
        assert [change for changes in pages for change in changes] == whole
        assert all(len(changes) <= limit for changes in pages)
    assert {change.id for change in whole if isinstance(change, TaskChange)} == tasks


async def test_a_limit_out_of_reason_counts_as_the_nearest(world: World) -> None:
    await world.task()
    device = await world.device(world.alice)
    assert len((await pull(device, None, KEY, 0)).changes) == 1
    assert not (await pull(device, None, KEY, 10**9)).more


async def test_a_cursor_that_we_did_not_give_this_technician_is_refused(world: World) -> None:
    await world.task()
    device = await world.device(world.alice)
    genuine = (await pull(device, None, KEY)).cursor
    raw = base64.urlsafe_b64decode(genuine + "=")
    forged = base64.urlsafe_b64encode(raw[:15] + bytes([raw[15] ^ 1]) + raw[16:]).decode()
    others = [
        (await world.device(world.bob), genuine, KEY),
        (DeviceScope(world.account + 1, device.device, device.technician), genuine, KEY),
        (device, genuine, b"another secret"),
        (device, forged.rstrip("="), KEY),
        (device, genuine[:-1], KEY),
        (device, genuine + "A", KEY),
        (device, "", KEY),
        (device, "é" * 43, KEY),
        (device, "A" * 40, KEY),
        (device, "\0", KEY),
    ]
    for scope, cursor, key in others:
        with pytest.raises(CursorError):
            await pull(scope, cursor, key)
    second = DeviceScope(world.account, (await world.device(world.alice)).device, world.alice)
    assert (await pull(second, genuine, KEY)).changes == []


async def test_a_restored_database_makes_everybody_start_again(world: World, owner: Owner) -> None:
    first, second = Replica(await world.device(world.alice)), Replica(await world.device(world.bob))
    await world.task(technician=world.bob)
    await second.pull()
    backup = await owner.connection.fetchrow("SELECT epoch, position FROM feed_head")
    task = await world.task()
    await first.pull()
    assert backup is not None
    await owner.connection.execute("UPDATE feed_head SET position = $1", backup["position"])
    for replica in (first, second, first):
        with pytest.raises(ResyncError):
            await replica.pull()
    assert await owner.connection.fetchval("SELECT epoch FROM feed_head") == backup["epoch"] + 1
    for replica in (first, second):
        replica.cursor = None
        await replica.pull()
    assert first.ids("task") == {str(task)}
    # The same backup again: the cursors of the epoch in between prove it as well.
    await owner.connection.execute(
        "UPDATE feed_head SET epoch = $1, position = $2", backup["epoch"], backup["position"]
    )
    with pytest.raises(ResyncError):
        await first.pull()
    assert await owner.connection.fetchval("SELECT epoch FROM feed_head") == backup["epoch"] + 2


async def test_tombstones_go_after_ninety_days_and_take_old_cursors_along(
    world: World, owner: Owner
) -> None:
    task, kept = await world.task(), await world.task()
    away, present = [Replica(await world.device(world.alice)) for _ in range(2)]
    await away.pull()
    await hand(world, task, None)
    await present.pull()
    await owner.move_clock(timedelta(days=89))
    fresh = Replica(present.device)
    await fresh.pull()
    assert await owner.count("feed WHERE deleted") == 1
    await owner.move_clock(timedelta(days=91))
    fresh = Replica(present.device)
    await fresh.pull()
    assert fresh.ids("task") == {str(kept)}
    assert await owner.count("feed WHERE deleted") == 0
    with pytest.raises(ResyncError):
        await away.pull()
    assert await present.pull() == []


async def test_a_first_sync_in_pages_goes_on_before_and_after_forgotten_tombstones(
    world: World, owner: Owner
) -> None:
    early = [await world.task() for _ in range(3)]
    lost = await world.task()
    late = [await world.task() for _ in range(3)]
    await hand(world, lost, None)
    await owner.move_clock(timedelta(days=91))
    fresh = Replica(await world.device(world.alice))
    page = await pull(fresh.device, None, KEY, 1)
    assert await owner.connection.fetchval("SELECT pruned FROM feed_head") > 0
    count = 1
    while page.more:
        page = await pull(fresh.device, page.cursor, KEY, 1)
        count += 1
    await fresh.pull()
    assert fresh.ids("task") == {str(task) for task in (*early, *late)}
    assert count == len(fresh.things)


async def test_an_idle_feed_s_cursor_keeps_up_with_the_account(world: World, owner: Owner) -> None:
    await world.task()
    idle = Replica(await world.device(world.alice))
    await idle.pull()
    busy = await world.task(technician=world.bob)
    await hand(world, busy, None)
    assert await idle.pull() == []
    await owner.move_clock(timedelta(days=91))
    await pull(await world.device(world.bob), None, KEY)
    assert await owner.connection.fetchval("SELECT pruned FROM feed_head") > 0
    assert await idle.pull() == []
