"""A push: order, authority, verdicts and what follows from an accepted transition."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from sync.database import tx
from sync.errors import TooManyError
from sync.ids import new_id
from sync.intake import PushOutcome, push
from sync.intake.open_transitions import OpenItem, open_items, open_items_of_technician
from sync.messages import Push
from sync.records.customers import put_customers
from sync.records.reading import get_customer, get_task
from sync.records.shapes import (
    AssignmentPut,
    CustomerPut,
    CustomerRecord,
    TaskPut,
    TaskRecord,
    TaskTypePut,
)
from sync.records.task_types import put_task_types
from sync.records.tasks import assign, put_tasks
from tests.support.owner import Owner
from tests.support.world import LONG_AGO, World
from tests.sync.facts import TransitionRecord, transitions_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MORNING = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def verdicts(outcome: PushOutcome) -> list[str]:
    return [result.reason or result.verdict for result in outcome.results]


async def stored_task(world: World, task: UUID) -> TaskRecord:
    async with tx(world.account) as opened:
        return await get_task(opened, task)


async def stored_customer(world: World, customer: UUID) -> CustomerRecord:
    async with tx(world.account) as opened:
        return await get_customer(opened, customer)


async def history(world: World, task: UUID) -> list[TransitionRecord]:
    async with tx(world.account) as opened:
        return await transitions_of(opened, task)


async def open_items_at(world: World, task: UUID) -> list[OpenItem]:
    async with tx(world.account) as opened:
        return [one for one in await open_items(opened, 500) if one.task == task]


async def now(world: World) -> datetime:
    async with tx(world.account) as opened:
        return opened.now


# Order


async def test_a_wrong_device_clock_is_corrected_and_kept(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    behind = await now(world) - timedelta(days=3650)
    item = world.item(task, "600", behind - timedelta(hours=1))
    await push(device, Push(device_now=behind, transitions=[item]))
    (kept,) = await history(world, task)
    assert kept.device_moment == item.moment
    assert timedelta(0) <= kept.received_at - timedelta(hours=1) - kept.moment < MINUTE


async def test_a_moment_is_never_later_than_its_reception(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    at = await now(world)
    item = world.item(task, "600", at + timedelta(hours=5))
    await push(device, Push(device_now=at, transitions=[item]))
    (kept,) = await history(world, task)
    assert kept.moment == kept.received_at


async def test_the_state_is_the_last_by_moment_whatever_arrived_when(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    done = world.item(task, "600", MORNING + 2 * MINUTE)
    await world.push(device, done)
    late = [world.item(task, "200", MORNING), world.item(task, "300", MORNING + MINUTE)]
    assert verdicts(await world.push(device, *late)) == ["accepted", "accepted"]
    folded = await stored_task(world, task)
    assert (folded.state, folded.state_moment, folded.state_transition) == (
        "600",
        MORNING + 2 * MINUTE,
        done.id,
    )
    assert [kept.state for kept in await history(world, task)] == ["200", "300", "600"]


async def test_at_one_moment_the_sequence_decides_and_then_the_id(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    low, high = sorted([new_id(), new_id()])
    await world.push(
        device,
        world.item(task, "610", MORNING, sequence=7, id=high),
        world.item(task, "300", MORNING, sequence=7, id=low),
        world.item(task, "200", MORNING, sequence=6),
    )
    assert (await stored_task(world, task)).state == "610"
    assert [kept.state for kept in await history(world, task)] == ["200", "300", "610"]


async def test_every_intermediate_state_of_a_batch_is_kept(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    await world.push(
        device,
        world.item(task, "610", MORNING + MINUTE),
        world.item(task, "600", MORNING),
    )
    assert [kept.state for kept in await history(world, task)] == ["600", "610"]


async def test_a_task_that_nobody_moved_keeps_its_initial_state(world: World) -> None:
    task = await world.task()
    stored = await stored_task(world, task)
    assert (stored.state, stored.initial_state, stored.state_moment) == ("100", "100", LONG_AGO)


async def test_two_devices_finish_one_task(world: World) -> None:
    turns = [AssignmentPut(technician=who, start=LONG_AGO) for who in (world.alice, world.bob)]
    task = await world.task(assignments=turns)
    first, second = await world.device(world.alice), await world.device(world.bob)
    await world.push(second, world.item(task, "600", MORNING + MINUTE))
    await world.push(first, world.item(task, "610", MORNING))
    assert (await stored_task(world, task)).state == "600"
    assert [kept.technician for kept in await history(world, task)] == [world.alice, world.bob]


# Verdicts


async def test_one_bad_item_never_fails_the_others(world: World) -> None:
    mine, his = await world.task(), await world.task(technician=world.bob)
    device = await world.device(world.alice)
    outcome = await world.push(
        device,
        world.item(his, "600"),
        world.item(mine, "600"),
        world.item(mine, "no such state"),
        world.item(new_id(), "600"),
    )
    assert verdicts(outcome) == ["no_authority", "accepted", "unknown_state", "parked"]
    assert outcome.changed
    assert len(await history(world, mine)) == 1
    assert await history(world, his) == []


async def test_an_empty_push_is_answered(world: World) -> None:
    assert await world.push(await world.device(world.alice)) == PushOutcome([], changed=False)


async def test_too_many_transitions_apply_nothing(world: World, owner: Owner) -> None:
    task, device = await world.task(), await world.device(world.alice)
    items = [world.item(task, "600") for _ in range(501)]
    with pytest.raises(TooManyError):
        await world.push(device, *items)
    assert await owner.count("transition") == 0


async def test_a_replay_is_told_the_same_and_writes_nothing(world: World, owner: Owner) -> None:
    mine, his = await world.task(), await world.task(technician=world.bob)
    device = await world.device(world.alice)
    items = [world.item(mine, "600"), world.item(his, "600"), world.item(new_id(), "600")]
    first = await world.push(device, *items)
    again = await world.push(device, *items)
    assert again.results == first.results
    assert (first.changed, again.changed) == (True, False)
    assert (await owner.count("task_change"), await owner.count("transition")) == (1, 3)


async def test_a_replay_by_a_clock_set_right_meanwhile_keeps_the_first_moment(
    world: World,
) -> None:
    task, device = await world.task(), await world.device(world.alice)
    item = world.item(task, "600", MORNING)
    await push(device, Push(device_now=MORNING, transitions=[item]))
    before = await history(world, task)
    await world.push(device, item)
    assert await history(world, task) == before


async def test_the_same_moment_in_another_zone_is_the_same_content(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    item = world.item(task, "600", MORNING)
    eastern = datetime.fromisoformat("2026-03-02T05:00:00-05:00")
    again = world.item(task, "600", eastern, id=item.id, sequence=item.sequence)
    await world.push(device, item)
    assert verdicts(await world.push(device, again)) == ["accepted"]


async def test_an_id_with_other_content_is_refused_and_not_kept(world: World, owner: Owner) -> None:
    task, device = await world.task(), await world.device(world.alice)
    item = world.item(task, "600")
    changes: list[dict[str, Any]] = [
        {"state": "610"},
        {"note": "other"},
        {"survey": False},
        {"email": "a@example.org"},
        {"sequence": item.sequence + 1},
        {"task": await world.task()},
    ]
    await world.push(device, item)
    for change in changes:
        fields: dict[str, Any] = {
            "task": task,
            "state": "600",
            "moment": item.moment,
            "id": item.id,
            "sequence": item.sequence,
        }
        other = world.item(**{**fields, **change})
        assert verdicts(await world.push(device, other)) == ["id_reused"]
    assert await owner.count("transition") == 1


async def test_another_technician_s_id_is_refused(world: World) -> None:
    turns = [AssignmentPut(technician=who, start=LONG_AGO) for who in (world.alice, world.bob)]
    task = await world.task(assignments=turns)
    item = world.item(task, "600")
    await world.push(await world.device(world.alice), item)
    outcome = await world.push(await world.device(world.bob), item)
    assert verdicts(outcome) == ["id_reused"]


async def test_another_device_of_the_technician_sends_a_duplicate(world: World) -> None:
    item = world.item(await world.task(), "600")
    await world.push(await world.device(world.alice), item)
    outcome = await world.push(await world.device(world.alice), item)
    assert verdicts(outcome) == ["duplicate"]
    assert not outcome.changed


async def test_what_was_not_accepted_is_told_to_every_device_and_every_time(world: World) -> None:
    task = await world.task(assignments=[AssignmentPut(technician=world.bob, start=LONG_AGO)])
    refused, parked = world.item(task, "600"), world.item(uuid4(), "600")
    told = ["no_authority", "no_authority", "parked", "parked"]
    for device in (await world.device(world.alice), await world.device(world.alice)):
        outcome = await world.push(device, refused, refused, parked, parked)
        assert verdicts(outcome) == told


async def test_an_id_twice_in_a_batch_is_a_duplicate_or_reused(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    item = world.item(task, "600")
    other = world.item(task, "610", item.moment, id=item.id)
    outcome = await world.push(device, item, item, other)
    assert verdicts(outcome) == ["accepted", "duplicate", "id_reused"]
    again = await world.push(device, other, other, item)
    assert verdicts(again) == ["id_reused", "id_reused", "id_reused"]


async def test_3_a_state_out_of_the_flow_is_accepted_and_flagged(world: World) -> None:
    flow = {"100": ["200"], "200": ["300", "600"]}
    task = await world.task(type=await world.task_type("Entretien", flow))
    device = await world.device(world.alice)
    await world.push(
        device,
        world.item(task, "200", MORNING),
        world.item(task, "600", MORNING + 2 * MINUTE),
        world.item(task, "700", MORNING + 3 * MINUTE),
        world.item(task, "200", MORNING + 4 * MINUTE),
        world.item(task, "900", MORNING + 5 * MINUTE),
    )
    late = [world.item(task, "610", MORNING + MINUTE), world.item(task, "600", MORNING - MINUTE)]
    await world.push(device, *late)
    found = [(kept.state, kept.unexpected) for kept in await history(world, task)]
    assert found == [
        ("600", True),  # the initial state lists only 200
        ("200", False),
        ("610", True),
        ("600", False),  # judged when it arrived, after 200
        ("700", False),  # nothing is listed after 600
        ("200", False),
        ("900", True),
    ]


async def test_refused_and_parked_transitions_stay_readable(world: World) -> None:
    his, unknown = await world.task(technician=world.bob), new_id()
    device = await world.device(world.alice)
    refused = world.item(his, "600", MORNING, note="fini", email="a@example.org", survey=False)
    parked = world.item(unknown, "610", MORNING)
    await world.push(device, refused, parked)
    (shown,) = await open_items_at(world, his)
    assert (shown.id, shown.verdict, shown.reason) == (refused.id, "refused", "no_authority")
    assert (shown.state, shown.moment, shown.note) == ("600", MORNING, "fini")
    assert (shown.device, shown.technician) == (device.device, world.alice)
    async with tx(world.account) as opened:
        first = await open_items_of_technician(opened, world.alice, 1)
        rest = await open_items_of_technician(opened, world.alice, 5, after=first[-1].id)
        others = await open_items_of_technician(opened, world.bob, 5)
        everybody = await open_items(opened, 5)
    assert [item.id for item in first + rest] == sorted([refused.id, parked.id])
    assert others == []
    assert everybody == first + rest


# Authority


async def test_4_finished_offline_before_the_handover_is_accepted(world: World) -> None:
    task, old = await world.task(), await world.device(world.alice)
    handover = MORNING + timedelta(hours=1)
    async with tx(world.account) as opened:
        await assign(opened, task, technician=world.bob, at=handover)
    outcome = await world.push(
        old,
        world.item(task, "600", handover - 30 * MINUTE),
        world.item(task, "610", handover),
        world.item(task, "700", handover + MINUTE),
    )
    assert verdicts(outcome) == ["accepted", "accepted", "no_authority"]
    new = await world.device(world.bob)
    outcome = await world.push(
        new,
        world.item(task, "700", handover - MINUTE),
        world.item(task, "700", handover),
    )
    assert verdicts(outcome) == ["no_authority", "accepted"]


async def test_a_pool_is_its_unit_and_all_below(world: World) -> None:
    regional = [AssignmentPut(unit=world.region, start=LONG_AGO, end=MORNING)]
    local = [AssignmentPut(unit=world.other_site, start=LONG_AGO)]
    wide, narrow = await world.task(assignments=regional), await world.task(assignments=local)
    alice, carol = await world.device(world.alice), await world.device(world.carol)
    for device, expected in (
        (alice, ["accepted", "no_authority", "no_authority"]),
        (carol, ["accepted", "no_authority", "accepted"]),
    ):
        outcome = await world.push(
            device,
            world.item(wide, "600", MORNING),
            world.item(wide, "600", MORNING + MINUTE),
            world.item(narrow, "600", MORNING),
        )
        assert verdicts(outcome) == expected


async def test_another_account_s_task_is_as_unknown_as_none(world: World) -> None:
    other = await World.create()
    theirs, device = await other.task(), await world.device(world.alice)
    outcome = await world.push(device, world.item(theirs, "600"), world.item(new_id(), "600"))
    assert verdicts(outcome) == ["parked", "parked"]
    assert await history(other, theirs) == []


# Parked


async def test_parked_transitions_are_settled_when_their_task_is_created(world: World) -> None:
    task, device = new_id(), await world.device(world.alice)
    stranger = await world.device(world.bob)
    mine = world.item(task, "600", MORNING, email="a@example.org")
    foreign = world.item(task, "900", MORNING)
    await world.push(device, mine)
    await world.push(stranger, foreign)
    received = (await open_items_at(world, task))[0].received_at
    customer = await world.customer()
    await world.task(id=task, customer=customer)
    (kept,) = await history(world, task)
    assert (kept.id, kept.moment, kept.technician) == (mine.id, MORNING, world.alice)
    assert kept.received_at > received
    assert (await stored_task(world, task)).state == "600"
    assert (await stored_customer(world, customer)).email == "a@example.org"
    assert verdicts(await world.push(device, mine)) == ["accepted"]
    assert verdicts(await world.push(stranger, foreign)) == ["no_authority"]


async def test_creating_tasks_tells_whether_something_was_settled(world: World) -> None:
    task, device = new_id(), await world.device(world.alice)
    await world.push(device, world.item(task, "600", MORNING))
    entry = TaskPut(
        id=task,
        type=world.service_call,
        state="100",
        title="Fuite",
        unit=world.site,
        technician=world.alice,
        created_at=LONG_AGO,
    )
    async with tx(world.account) as opened:
        assert (await put_tasks(opened, [entry])).changed
        assert not (await put_tasks(opened, [entry])).changed


# What follows


async def test_facts_are_frozen_at_the_transition(world: World) -> None:
    customer = await world.customer(tags=["contrat", "hiver"])
    frozen: dict[str, Any] = {
        "type": world.service_call,
        "customer": customer,
        "location": await world.location(),
        "unit": world.site,
        "priority": "haute",
        "reason": "fuite",
        "channel": "phone",
        "account_manager": world.dispatcher,
        "tags": ["vip", "hiver"],
    }
    later = TaskPut(
        type=world.installation,
        customer=None,
        location=None,
        unit=world.other_site,
        priority="basse",
        reason=None,
        channel=None,
        account_manager=None,
        tags=[],
    )
    task = await world.task(**frozen)
    await world.push(await world.device(world.alice), world.item(task, "600"))
    async with tx(world.account) as opened:
        await put_customers(opened, [CustomerPut(id=customer, tags=[])])
    async with tx(world.account) as opened:
        await put_tasks(opened, [replace(later, id=task)])
    (kept,) = await history(world, task)
    assert {field: getattr(kept, field) for field in frozen} == frozen
    assert (kept.customer_tags, kept.technician) == (["contrat", "hiver"], world.alice)


async def test_what_is_settled_later_freezes_what_is_so_by_then(world: World) -> None:
    device, task = await world.device(world.alice), new_id()
    await world.push(device, world.item(task, "600"))
    customer = await world.customer(tags=["contrat"])
    await world.task(id=task, customer=customer, priority="haute", created_at=MORNING)
    (kept,) = await history(world, task)
    assert (kept.type, kept.customer, kept.priority) == (world.service_call, customer, "haute")
    assert kept.customer_tags == ["contrat"]


async def test_who_runs_cannot_update_a_fact(world: World, owner: Owner) -> None:
    device = await world.device(world.alice)
    fact, parked = world.item(await world.task(), "600"), world.item(new_id(), "600")
    await world.push(device, fact, parked)
    async with tx(world.account) as opened:
        touched = [
            await opened.execute("UPDATE transition SET digest = '' WHERE id = $1", one.id)
            for one in (fact, parked)
        ]
    assert touched == [0, 1]


#: What no row may be: a fact that lacks something, and something open that says what a fact says.
BROKEN = {
    "fact": [
        "state = NULL",
        "moment = NULL",
        "type = NULL",
        "customer_tags = NULL",
        "pushed_task = task",
        "body = '{}'",
        "refusal = 'no_authority'",
        "verdict = 'refused'",
        "verdict = 'parked'",
    ],
    "parked": [
        "pushed_task = NULL",
        "body = NULL",
        "state = '600'",
        "note = 'x'",
        "refusal = 'no_authority'",
        "verdict = 'refused'",
        "verdict = 'accepted'",
    ],
}


async def test_a_row_is_a_whole_fact_or_open(world: World, owner: Owner) -> None:
    device = await world.device(world.alice)
    items = {"fact": world.item(await world.task(), "600"), "parked": world.item(new_id(), "600")}
    await world.push(device, *items.values())
    for name, changes in BROKEN.items():
        for change in changes:
            with pytest.raises(asyncpg.CheckViolationError):
                await owner.connection.execute(
                    f"UPDATE transition SET {change} WHERE id = $1", items[name].id
                )


async def test_a_captured_address_fills_an_empty_one_only(world: World) -> None:
    empty, full = await world.customer(), await world.customer(email="office@example.org")
    device = await world.device(world.alice)
    first, second = await world.task(customer=empty), await world.task(customer=full)
    await world.push(
        device,
        world.item(first, "610", MORNING + MINUTE, email="Last@example.org"),
        world.item(first, "600", MORNING, email="first@example.org"),
        world.item(second, "600", MORNING, email="other@example.org"),
        world.item(await world.task(), "600", MORNING, email="nobody@example.org"),
    )
    filled = await stored_customer(world, empty)
    assert (filled.email, filled.email_by, filled.email_at) == (
        "Last@example.org",
        world.alice,
        MORNING + MINUTE,
    )
    assert (await stored_customer(world, full)).email == "office@example.org"
    assert (await history(world, second))[0].email == "other@example.org"
    async with tx(world.account) as opened:
        await put_customers(opened, [CustomerPut(id=empty, email="office@example.org")])
    corrected = await stored_customer(world, empty)
    assert (corrected.email_by, corrected.email_at) == (None, None)


async def test_a_refused_transition_captures_no_address(world: World) -> None:
    customer = await world.customer()
    task = await world.task(customer=customer, technician=world.bob)
    item = world.item(task, "600", email="a@example.org")
    await world.push(await world.device(world.alice), item)
    assert (await stored_customer(world, customer)).email is None


async def test_changed_tasks_are_queued_once_and_leave_quarantine(
    world: World, owner: Owner
) -> None:
    task, idle = await world.task(), await world.task()
    device = await world.device(world.alice)
    await world.push(device, world.item(task, "200"), world.item(idle, "no such state"))
    await owner.connection.execute(
        "UPDATE task_change SET attempts = 5, quarantined_at = now(), error = 'poison'"
    )
    await world.push(device, world.item(task, "600"))
    (queued,) = await owner.connection.fetch("SELECT * FROM task_change")
    assert (queued["task"], queued["attempts"]) == (task, 0)
    assert (queued["quarantined_at"], queued["error"]) == (None, None)


async def test_a_changed_flow_holds_for_what_arrives_afterwards(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    await world.push(device, world.item(task, "600", MORNING))
    async with tx(world.account) as opened:
        await put_task_types(opened, [TaskTypePut(id=world.service_call, flow={"600": ["700"]})])
    await world.push(device, world.item(task, "610", MORNING + MINUTE))
    assert [kept.unexpected for kept in await history(world, task)] == [False, True]


async def test_a_late_step_that_moves_the_last_one_moves_the_state_with_it(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    last = world.item(task, "600", MORNING, sequence=2)
    await world.push(device, last)
    await world.push(device, world.item(task, "300", MORNING + MINUTE, sequence=1))
    stored = await stored_task(world, task)
    assert (stored.state, stored.state_transition) == ("600", last.id)
    assert stored.state_moment == MORNING + MINUTE


async def test_a_later_step_of_the_same_moment_gives_the_state(world: World) -> None:
    task, device = await world.task(), await world.device(world.alice)
    for sequence, state in enumerate(("300", "600")):
        await world.push(device, world.item(task, state, MORNING, sequence=sequence))
        assert (await stored_task(world, task)).state == state


async def test_an_address_of_blanks_is_none(world: World, owner: Owner) -> None:
    customer = await world.customer()
    await owner.connection.execute("UPDATE customer SET email = ' ' WHERE id = $1", customer)
    task, device = await world.task(customer=customer), await world.device(world.alice)
    await world.push(device, world.item(task, "600", email="marie@example.org"))
    assert (await stored_customer(world, customer)).email == "marie@example.org"


@pytest.mark.parametrize(
    ("holder", "verdict"), [("technician", "accepted"), ("pool", "accepted"), ("other", "refused")]
)
async def test_whoever_a_new_task_is_given_to_had_it_since_they_told_of_it(
    world: World, owner: Owner, holder: str, verdict: str
) -> None:
    task, told = new_id(), datetime.now(UTC) - MINUTE
    await world.push(await world.device(world.alice), world.item(task, "600", told))
    given: dict[str, Any] = {
        "technician": {"technician": world.alice},
        "pool": {"pool": world.site},
        "other": {"technician": world.bob},
    }[holder]
    usual = TaskPut(
        id=task, type=world.service_call, state="100", title="Fuite", unit=world.site, **given
    )
    async with tx(world.account) as opened:
        assert (await put_tasks(opened, [usual])).changed is (verdict == "accepted")
    row = await owner.connection.fetchrow(
        "SELECT n.verdict, a.start_at = t.created_at AS began_with_it"
        " FROM transition n JOIN task t ON t.id = coalesce(n.task, n.pushed_task)"
        " JOIN assignment a ON a.task = t.id"
    )
    assert tuple(row or ()) == (verdict, verdict == "refused")
