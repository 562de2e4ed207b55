"""Records: created and updated by id or external id, checked, paged, and fenced."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest

from sync.database import Tx, tx
from sync.errors import (
    AddressError,
    FieldError,
    MissingError,
    TakenError,
    TextError,
    TooManyError,
    UnknownReferenceError,
)
from sync.ids import new_account_number, new_id
from sync.records import reading
from sync.records.accounts import create_account
from sync.records.customers import put_customers, put_locations
from sync.records.people import put_units, put_users, set_password
from sync.records.shapes import (
    AccountPut,
    AssignmentPut,
    AssignmentRecord,
    CustomerPut,
    External,
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

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R")

MORNING = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def write(
    world: World, put: Callable[[Tx, Sequence[P]], Awaitable[list[T]]], *items: P
) -> list[T]:
    async with tx(world.account) as opened:
        return await put(opened, items)


async def read(world: World, get: Callable[..., Awaitable[R]], *args: object) -> R:
    async with tx(world.account) as opened:
        return await get(opened, *args)


async def tasks(world: World, *items: TaskPut) -> list[UUID]:
    async with tx(world.account) as opened:
        return (await put_tasks(opened, items)).ids


def task_put(world: World, **fields: Any) -> TaskPut:
    usual: dict[str, Any] = {
        "type": world.service_call,
        "state": "100",
        "title": "Fuite",
        "unit": world.site,
    }
    return TaskPut(**{**usual, **fields})


# Writing


async def test_an_account_starts_with_an_empty_feed(as_api: object, owner: Owner) -> None:
    number = new_account_number()
    async with tx(number) as opened:
        entry = AccountPut(name="Plomberie", zone="America/Toronto", language="en_CA")
        assert await create_account(opened, entry) == number
        account = await reading.get_account(opened)
    assert (account.name, account.zone, account.language) == (
        "Plomberie",
        "America/Toronto",
        "en_CA",
    )
    assert account.after_crash == "resend"
    assert await owner.count("feed_head") == 1


async def test_external_ids_create_once_and_update_afterwards(world: World) -> None:
    first = await write(
        world,
        put_customers,
        CustomerPut(external_id="C-1", name="Marie", email="Marie@Example.org", phone="418"),
        CustomerPut(external_id="C-2", name="Jean"),
    )
    again = await write(
        world,
        put_customers,
        CustomerPut(external_id="C-2", name="Jean Roy", language="en_CA"),
        CustomerPut(external_id="C-1", phone=None),
    )
    assert again == first[::-1]
    marie, jean = [await read(world, reading.get_customer, customer) for customer in first]
    assert (marie.name, marie.email, marie.phone) == ("Marie", "Marie@Example.org", None)
    assert (jean.name, jean.language) == ("Jean Roy", "en_CA")


async def test_an_id_may_be_chosen_and_an_external_id_given_later(world: World) -> None:
    chosen = new_id()
    await write(world, put_customers, CustomerPut(id=chosen, name="Marie"))
    entry = CustomerPut(id=chosen, external_id="C-1")
    assert await write(world, put_customers, entry) == [chosen]
    assert (await read(world, reading.get_customer, chosen)).external_id == "C-1"


async def test_references_are_ids_or_external_ids(world: World) -> None:
    (customer,) = await write(world, put_customers, CustomerPut(external_id="C-1", name="Marie"))
    (location,) = await write(
        world,
        put_locations,
        LocationPut(
            external_id="L-1",
            name="Chalet",
            address="12, rue des Pins",
            customer=External("C-1"),
            zone="America/Halifax",
        ),
    )
    await write(world, put_task_types, TaskTypePut(external_id="TT", name="Entretien"))
    await write(world, put_units, UnitPut(id=world.site, external_id="U-1"))
    await write(world, put_users, UserPut(id=world.bob, external_id="T-1"))
    (task,) = await tasks(
        world,
        task_put(
            world,
            type=External("TT"),
            customer=External("C-1"),
            location=location,
            unit=External("U-1"),
            technician=External("T-1"),
            account_manager=world.dispatcher,
        ),
    )
    stored = await read(world, reading.get_task, task)
    assert (stored.customer, stored.location, stored.unit) == (customer, location, world.site)
    assert (stored.technician, stored.account_manager) == (world.bob, world.dispatcher)
    assert (await read(world, reading.get_location, location)).customer == customer


async def test_states_and_types_keep_their_names_and_their_flow(world: World) -> None:
    state = StatePut(code="650", name="Revu", kind="done", names={"en": "Reviewed"})
    await write(world, put_states, state)
    await write(world, put_states, StatePut(code="650", name="Révisé"))
    stored = await read(world, reading.get_state, "650")
    assert (stored.name, stored.kind, stored.names) == ("Révisé", "done", {"en": "Reviewed"})
    flow = {"100": ["200", "900"], "200": ["600"]}
    (kind,) = await write(
        world, put_task_types, TaskTypePut(name="Entretien", names={"en": "Upkeep"}, flow=flow)
    )
    assert (await read(world, reading.get_task_type, kind)).flow == flow


async def test_a_user_s_address_is_kept_in_its_normal_form(world: World) -> None:
    entry = UserPut(unit=world.site, role="manager", name="Zoé", email=" Zoe@EXAMPLE.org ")
    (user,) = await write(world, put_users, entry)
    stored = await read(world, reading.get_user, user)
    assert (stored.email, stored.active, stored.language) == ("zoe@example.org", True, "fr_CA")


async def test_a_password_s_hash_is_kept_and_survives_updates(world: World, owner: Owner) -> None:
    async with tx(world.account) as opened:
        await set_password(opened, world.alice, "$argon2id$hash")
    await write(world, put_users, UserPut(id=world.alice, name="Alice Roy"))
    stored = await owner.connection.fetchval(
        "SELECT password_hash FROM app_user WHERE id = $1", world.alice
    )
    assert stored == "$argon2id$hash"
    async with tx(world.account) as opened:
        with pytest.raises(MissingError):
            await set_password(opened, new_id(), "$argon2id$hash")


async def test_a_task_s_state_is_given_once(world: World) -> None:
    (task,) = await tasks(world, task_put(world, external_id="T-1", created_at=LONG_AGO))
    entry = TaskPut(external_id="T-1", state="900", title="Fuite au toit", created_at=MORNING)
    assert await tasks(world, entry) == [task]
    stored = await read(world, reading.get_task, task)
    assert (stored.state, stored.title, stored.created_at) == ("100", "Fuite au toit", LONG_AGO)


async def test_an_import_of_five_hundred_takes_the_same_few_statements(
    world: World, owner: Owner
) -> None:
    await write(
        world,
        put_customers,
        *(CustomerPut(external_id=f"C-{number}", name="Marie") for number in range(500)),
    )
    entries = [
        task_put(
            world,
            external_id=f"T-{number}",
            customer=External(f"C-{number}"),
            assignments=[AssignmentPut(technician=world.alice, start=LONG_AGO)],
        )
        for number in range(500)
    ]
    assert len(set(await tasks(world, *entries))) == 500
    assert await owner.count("assignment") == 500
    assert await owner.count("feed") == len(STATES) + 1 + 500 + 500


# Turns


async def turns(world: World, task: UUID) -> list[tuple[Any, ...]]:
    found: list[AssignmentRecord] = await read(world, reading.last_assignments, task, 50)
    return [(turn.technician or turn.unit, turn.start_at, turn.end_at) for turn in found]


async def test_a_history_of_turns_is_kept_whole_and_replaced_whole(world: World) -> None:
    first = AssignmentPut(technician=world.alice, start=MORNING, end=MORNING + HOUR)
    second = AssignmentPut(unit=world.region, start=MORNING + HOUR)
    (task,) = await tasks(world, task_put(world, assignments=[first, second]))
    assert await turns(world, task) == [
        (world.alice, MORNING, MORNING + HOUR),
        (world.region, MORNING + HOUR, None),
    ]
    assert (await read(world, reading.get_task, task)).technician is None
    third = AssignmentPut(technician=world.bob, start=MORNING)
    await tasks(world, TaskPut(id=task, assignments=[third]))
    assert await turns(world, task) == [(world.bob, MORNING, None)]
    assert (await read(world, reading.get_task, task)).technician == world.bob


async def test_of_several_open_turns_the_last_names_the_technician(world: World) -> None:
    early = AssignmentPut(technician=world.alice, start=MORNING)
    late = AssignmentPut(technician=world.bob, start=MORNING + HOUR)
    (task,) = await tasks(world, task_put(world, assignments=[late, early]))
    assert (await read(world, reading.get_task, task)).technician == world.bob


async def test_assigning_closes_the_open_turn_and_opens_another(world: World) -> None:
    (task,) = await tasks(world, task_put(world, technician=world.alice, created_at=MORNING))
    async with tx(world.account) as opened:
        await assign(opened, task, technician=world.bob, at=MORNING + HOUR)
    async with tx(world.account) as opened:
        await assign(opened, task, pool=world.region, at=MORNING + 2 * HOUR)
    async with tx(world.account) as opened:
        await assign(opened, task, at=MORNING + 3 * HOUR)
    assert await turns(world, task) == [
        (world.alice, MORNING, MORNING + HOUR),
        (world.bob, MORNING + HOUR, MORNING + 2 * HOUR),
        (world.region, MORNING + 2 * HOUR, MORNING + 3 * HOUR),
    ]
    assert (await read(world, reading.get_task, task)).technician is None


async def test_assigning_to_who_has_it_changes_nothing(world: World) -> None:
    (task,) = await tasks(world, task_put(world, technician=world.alice, created_at=MORNING))
    async with tx(world.account) as opened:
        await assign(opened, task, technician=world.alice)
    assert await turns(world, task) == [(world.alice, MORNING, None)]


async def test_a_turn_still_to_come_ends_where_it_would_have_begun(world: World) -> None:
    planned = AssignmentPut(technician=world.alice, start=MORNING + HOUR)
    (task,) = await tasks(world, task_put(world, assignments=[planned]))
    async with tx(world.account) as opened:
        await assign(opened, task, technician=world.bob, at=MORNING)
    assert await turns(world, task) == [
        (world.bob, MORNING, None),
        (world.alice, MORNING + HOUR, MORNING + HOUR),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"technician": None},
        {"end": MORNING - HOUR},
        {"start": datetime(9999, 1, 1, tzinfo=UTC)},
    ],
)
async def test_turns_that_make_no_sense_are_refused(world: World, wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"technician": world.alice, "start": MORNING, **wrong}
    with pytest.raises(FieldError, match="assignments"):
        await tasks(world, task_put(world, assignments=[AssignmentPut(**fields)]))


async def test_a_task_is_a_technician_s_or_a_pool_s(world: World) -> None:
    with pytest.raises(FieldError):
        await tasks(world, task_put(world, technician=world.alice, pool=world.site))
    (task,) = await tasks(world, task_put(world))
    async with tx(world.account) as opened:
        with pytest.raises(MissingError):
            await assign(opened, new_id(), technician=world.alice)
    assert await turns(world, task) == []


# Refusals


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a\r\nb", "a\nb", "a\u2028b", "a\u2029b", "a\0b", "a\x7fb", "a\x85b", "a" * 201],
)
async def test_names_are_one_plain_line(world: World, text: str) -> None:
    with pytest.raises(TextError, match="name"):
        await write(world, put_customers, CustomerPut(name=text))
    with pytest.raises(TextError, match="title"):
        await tasks(world, task_put(world, title=text))


@pytest.mark.parametrize(
    "text", ["nobody", "a@example.org, b@example.org", "a@example.org\nBcc: c@d.org", "a@b@c.org"]
)
async def test_an_address_is_one_address(world: World, text: str) -> None:
    with pytest.raises(AddressError) as refused:
        await write(world, put_customers, CustomerPut(name="Marie", billing_email=text))
    assert refused.value.field == "billing_email"
    assert text not in str(refused.value)
    with pytest.raises(AddressError):
        await write(world, put_users, UserPut(id=world.alice, email=text))


async def test_codes_and_references_cannot_carry_control_characters(world: World) -> None:
    with pytest.raises(TextError, match="flow"):
        await write(world, put_task_types, TaskTypePut(name="x", flow={"1": ["6\0"]}))
    with pytest.raises(TextError, match="state"):
        await tasks(world, task_put(world, state="6\0"))
    with pytest.raises(ValueError, match="external"):
        External("C\0")
    with pytest.raises(MissingError):
        await read(world, reading.get_state, "6\0")
    with pytest.raises(FieldError, match="at"):
        async with tx(world.account) as opened:
            await assign(opened, await tasks_in(opened, world), at=datetime(1, 1, 1, tzinfo=UTC))


async def tasks_in(opened: Tx, world: World) -> UUID:
    return (await put_tasks(opened, [task_put(world)])).ids[0]


async def test_blanks_are_nothing(world: World) -> None:
    entry = CustomerPut(name=" Marie ", email="  ", phone=" ")
    (customer,) = await write(world, put_customers, entry)
    stored = await read(world, reading.get_customer, customer)
    assert (stored.name, stored.email, stored.phone) == ("Marie", None, None)


async def test_a_zone_is_one_of_iana(world: World) -> None:
    for zone in ("America/Montreal", "US/Eastern", "UTC", "Etc/GMT+5", "Asia/Kolkata"):
        await write(world, put_locations, LocationPut(name="x", address="y", zone=zone))
    machines_own = ("localtime", "posixrules", "posix/America/Toronto", "right/UTC", "Factory")
    for zone in (*machines_own, "Mars/Phobos", "../etc/passwd", "america/montreal", "America", ""):
        with pytest.raises(FieldError, match="zone"):
            await write(world, put_locations, LocationPut(name="x", address="y", zone=zone))
        async with tx(new_account_number()) as opened:
            with pytest.raises(FieldError, match="zone"):
                await create_account(opened, AccountPut(name="Plomberie", zone=zone))


async def test_a_year_out_of_reckoning_is_refused(world: World) -> None:
    with pytest.raises(FieldError, match="scheduled_at"):
        await tasks(world, task_put(world, scheduled_at=datetime(1, 1, 1, tzinfo=UTC)))


async def test_what_a_new_record_needs_is_named(world: World) -> None:
    for entry, field in (
        (TaskPut(title="x", state="100", unit=world.site), "type"),
        (TaskPut(title="x", type=world.service_call, unit=world.site), "state"),
        (TaskPut(title="x", type=world.service_call, state="100"), "unit"),
    ):
        with pytest.raises(FieldError, match=field):
            await tasks(world, entry)


async def test_references_to_nothing_of_this_account_are_refused(world: World) -> None:
    other = await World.create()
    for fields in (
        {"customer": new_id()},
        {"customer": External("nobody")},
        {"type": other.service_call},
        {"technician": other.alice},
        {"pool": other.site},
        {"state": "no such state"},
    ):
        with pytest.raises(UnknownReferenceError):
            await tasks(world, task_put(world, **fields))


async def test_an_external_id_or_an_address_belongs_to_one_record(world: World) -> None:
    first, _ = await write(
        world,
        put_customers,
        CustomerPut(external_id="C-1", name="Marie"),
        CustomerPut(external_id="C-2", name="Jean"),
    )
    with pytest.raises(TakenError) as taken:
        await write(world, put_customers, CustomerPut(id=first, external_id="C-2"))
    assert taken.value.field == "external_id"
    with pytest.raises(TakenError) as taken:
        await write(world, put_users, UserPut(id=world.bob, email="alice@example.org"))
    assert taken.value.field == "email"


async def test_one_record_stands_once_in_a_call(world: World) -> None:
    twins = [CustomerPut(external_id="C-1", name="Marie"), CustomerPut(external_id="C-1", name="M")]
    with pytest.raises(FieldError):
        await write(world, put_customers, *twins)
    crossed = [
        CustomerPut(id=(await world.customer(external_id="C-2")), name="Jean"),
        CustomerPut(external_id="C-2", name="Jeanne"),
    ]
    with pytest.raises(FieldError):
        await write(world, put_customers, *crossed)


async def test_more_than_five_hundred_at_once_are_too_many(world: World) -> None:
    with pytest.raises(TooManyError):
        await write(world, put_customers, *(CustomerPut(name="Marie") for _ in range(501)))


async def test_a_unit_cannot_stand_below_itself(world: World) -> None:
    for parent in (world.region, world.site):
        with pytest.raises(FieldError, match="parent"):
            await write(world, put_units, UnitPut(id=world.region, parent=parent))


# Reading


async def test_lists_are_paged_by_id(world: World) -> None:
    customers = sorted([await world.customer() for _ in range(5)])
    first = await read(world, reading.list_customers, 3)
    rest = await read(world, reading.list_customers, 3, first[-1].id)
    assert [customer.id for customer in first + rest] == customers
    assert [s.code for s in await read(world, reading.list_states, 2, "200")] == ["300", "600"]


async def test_every_kind_can_be_listed_and_read(world: World) -> None:
    await world.task(customer=await world.customer(), location=await world.location())
    pairs: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
        (reading.list_units, reading.get_unit),
        (reading.list_users, reading.get_user),
        (reading.list_customers, reading.get_customer),
        (reading.list_locations, reading.get_location),
        (reading.list_task_types, reading.get_task_type),
        (reading.list_tasks, reading.get_task),
    ]
    for lister, getter in pairs:
        for record in await read(world, lister, 100):
            assert await read(world, getter, record.id) == record


async def test_another_account_s_records_are_missing(world: World) -> None:
    other = await World.create()
    task, customer = await other.task(), await other.customer()
    for getter, identity in (
        (reading.get_task, task),
        (reading.get_customer, customer),
        (reading.get_user, other.alice),
    ):
        with pytest.raises(MissingError):
            await read(world, getter, identity)
    assert await read(world, reading.list_tasks, 10) == []
