"""Records that two write at once: none is lost, and no rule is passed by either of them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest

from sync.database import Tx, run, tx
from sync.errors import FieldError, TakenError
from sync.feed.changes import TaskChange
from sync.ids import new_id
from sync.intake import accept, push
from sync.messages import Push
from sync.records.customers import put_customers, put_locations
from sync.records.people import put_units, put_users
from sync.records.shapes import (
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
from tests.support.owner import Owner
from tests.support.state_guard import staged
from tests.support.world import World
from tests.sync.replica import Replica

pytestmark = pytest.mark.anyio

T = TypeVar("T")
Work = Callable[[Tx], Awaitable[T]]


def aside(work: Coroutine[object, object, T]) -> "asyncio.Task[T]":
    """Run `work` as another request would, outside the transaction that the test has open."""
    return asyncio.create_task(work, context=Context())


async def at_once(world: World, owner: Owner, first: Work[Any], second: Work[T]) -> T:
    """Do `second` while the transaction of `first` is still open; what it gives."""
    async with tx(world.account) as opened:
        await first(opened)
        waiting = aside(run(world.account, second))
        await owner.until_waiting(1)
    return await waiting


class Kind(msgspec.Struct, frozen=True):
    """Records of one kind: how they are put, what two callers say, and what is kept of both."""

    put: Callable[..., Awaitable[Any]]
    shape: type[msgspec.Struct]
    table: str
    first: dict[str, Any]
    second: dict[str, Any]
    kept: dict[str, Any]


KINDS = [
    Kind(
        put_customers,
        CustomerPut,
        "customer",
        {"name": "Marie", "phone": "418 555-0100"},
        {"name": "Marie T.", "email": "marie@example.org"},
        {"name": "Marie T.", "phone": "418 555-0100", "email": "marie@example.org"},
    ),
    Kind(
        put_locations,
        LocationPut,
        "location",
        {"name": "Chalet", "address": "12, rue des Pins", "phone": "418 555-0100"},
        {"name": "Chalet", "address": "14, rue des Pins"},
        {"address": "14, rue des Pins", "phone": "418 555-0100"},
    ),
    Kind(
        put_task_types,
        TaskTypePut,
        "task_type",
        {"name": "Visite", "flow": {"100": ["600"]}},
        {"name": "Visite annuelle"},
        {"name": "Visite annuelle", "flow": '{"100": ["600"]}'},
    ),
    Kind(
        put_units,
        UnitPut,
        "unit",
        {"kind": "region", "name": "Ouest"},
        {"kind": "region", "name": "Grand Ouest"},
        {"name": "Grand Ouest"},
    ),
    Kind(
        put_users,
        UserPut,
        "app_user",
        {"role": "dispatcher", "name": "Zoé", "email": "zoe@example.org", "language": "en_CA"},
        {"role": "dispatcher", "name": "Zoé R.", "email": "zoe@example.org"},
        {"name": "Zoé R.", "language": "en_CA"},
    ),
]


@pytest.mark.parametrize("named", ["id", "external_id"])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.table for kind in KINDS])
async def test_a_record_that_two_create_at_once_keeps_what_both_said(
    world: World, owner: Owner, kind: Kind, named: str
) -> None:
    name = {named: new_id() if named == "id" else "A-1"}
    place = {"unit": world.site} if kind.put is put_users else {}
    one, two = (kind.shape(**name, **place, **said) for said in (kind.first, kind.second))
    await at_once(world, owner, lambda o: kind.put(o, [one]), lambda o: kind.put(o, [two]))
    [kept] = await owner.connection.fetch(
        f"SELECT * FROM {kind.table} WHERE account = $1 AND {named} = $2",
        world.account,
        name[named],
    )
    assert {field: kept[field] for field in kind.kept} == kind.kept


async def test_a_state_that_two_create_at_once_keeps_what_both_said(
    world: World, owner: Owner
) -> None:
    one = StatePut(code="650", name="Payé", names={"en_CA": "Paid"}, kind="done")
    two = StatePut(code="650", name="Réglé", kind="done")
    await at_once(world, owner, lambda o: put_states(o, [one]), lambda o: put_states(o, [two]))
    kept = await owner.connection.fetchrow("SELECT name, names FROM state WHERE code = '650'")
    assert tuple(kept or ()) == ("Réglé", '{"en_CA": "Paid"}')


async def test_a_task_that_two_give_away_at_once_is_one_persons(world: World, owner: Owner) -> None:
    replicas = [Replica(await world.device(who)) for who in (world.alice, world.bob)]

    def put(technician: UUID) -> Work[Any]:
        entry = TaskPut(
            external_id="T-1",
            type=world.service_call,
            state="100",
            title="Fuite",
            unit=world.site,
            technician=technician,
        )
        return lambda opened: put_tasks(opened, [entry])

    await at_once(world, owner, put(world.alice), put(world.bob))
    rows = await owner.connection.fetch("SELECT technician FROM assignment WHERE end_at IS NULL")
    assert [row["technician"] for row in rows] == [world.bob]
    assert await owner.count("task") == 1
    assert [len(await tasks(replica)) for replica in replicas] == [0, 1]


async def tasks(replica: Replica) -> list[TaskChange]:
    await replica.pull()
    return [one for one in replica.things.values() if isinstance(one, TaskChange)]


async def test_batches_that_create_the_same_in_opposite_order_both_come_through(
    world: World, owner: Owner
) -> None:
    names = [f"C-{place}" for place in range(30)]
    first = [CustomerPut(external_id=name, name="Un", phone="1") for name in names]
    second = [CustomerPut(external_id=name, name="Deux") for name in reversed(names)]
    ids = await at_once(
        world, owner, lambda o: put_customers(o, first), lambda o: put_customers(o, second)
    )
    rows = await owner.connection.fetch("SELECT id, name, phone FROM customer ORDER BY id")
    assert [(row["name"], row["phone"]) for row in rows] == [("Deux", "1")] * 30
    by_name = await owner.connection.fetch("SELECT id FROM customer ORDER BY external_id DESC")
    assert sorted(ids) == sorted(row["id"] for row in by_name)


async def test_who_waited_for_a_creation_that_was_given_up_creates_it(
    world: World, owner: Owner
) -> None:
    entry = CustomerPut(external_id="C-1", name="Marie")
    waiting: list[asyncio.Task[list[UUID]]] = []

    async def give_up(opened: Tx) -> None:
        await put_customers(opened, [entry])
        waiting.append(aside(run(world.account, lambda o: put_customers(o, [entry]))))
        await owner.until_waiting(1)
        raise LookupError

    with pytest.raises(LookupError):
        await run(world.account, give_up)
    [made] = await waiting[0]
    assert await owner.connection.fetchval("SELECT id FROM customer") == made


async def test_an_address_that_two_people_get_at_once_is_the_firsts(
    world: World, owner: Owner
) -> None:
    def put(name: str) -> Work[Any]:
        entry = UserPut(
            external_id=name, unit=world.site, role="manager", name=name, email="m@example.org"
        )
        return lambda opened: put_users(opened, [entry])

    with pytest.raises(TakenError) as taken:
        await at_once(world, owner, put("one"), put("two"))
    assert taken.value.field == "email"


async def test_two_units_cannot_be_put_below_each_other_at_once(world: World, owner: Owner) -> None:
    def under(unit: UUID, parent: UUID) -> Work[Any]:
        return lambda opened: put_units(opened, [UnitPut(id=unit, parent=parent)])

    with pytest.raises(FieldError, match="below itself"):
        await at_once(
            world,
            owner,
            under(world.site, world.other_site),
            under(world.other_site, world.site),
        )


async def retype(world: World, opened: Tx, task: UUID) -> None:
    """Give `task` a type that exists only since this transaction."""
    await staged(opened)
    [fresh] = await put_task_types(opened, [TaskTypePut(name="Neuf", flow={"100": ["200"]})])
    await put_tasks(opened, [TaskPut(id=task, type=fresh)])


async def test_a_push_that_waits_while_its_task_is_retyped_is_judged_by_the_new_type(
    world: World, owner: Owner
) -> None:
    task, device = await world.task(), await world.device(world.alice)
    item = world.item(task, "600")
    async with tx(world.account) as opened:
        now = opened.now
        await retype(world, opened, task)
        pushing = aside(push(device, Push(device_now=now, transitions=[item])))
        await owner.until_waiting(1)
    assert [result.verdict for result in (await pushing).results] == ["accepted"]
    assert await owner.connection.fetchval("SELECT unexpected FROM transition") is True


async def test_who_accepts_a_refusal_while_its_task_is_retyped_finds_the_task(
    world: World, owner: Owner
) -> None:
    task, device = await world.task(technician=world.bob), await world.device(world.alice)
    item = world.item(task, "600")
    await world.push(device, item)

    async def accepting(opened: Tx) -> None:
        await accept(opened, item.id, None)

    await at_once(world, owner, lambda o: retype(world, o, task), accepting)
    assert await owner.count("transition") == 1
