"""The dispatcher's word: refused transitions accepted, tasks progressed from the console."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from sync.database import tx
from sync.errors import ConflictError, MissingError, UnknownReferenceError
from sync.feed.changes import TaskChange, VerdictChange
from sync.feed.listened_positions import read_heads
from sync.ids import new_id
from sync.intake import Progress, accept, dismiss, progress
from sync.messages import DeviceScope, Item
from sync.records.shapes import StatePut, TaskPut
from sync.records.task_types import put_states
from sync.records.tasks import assign, put_tasks
from tests.support.world import World
from tests.sync.facts import transitions_of
from tests.sync.replica import Replica

pytestmark = pytest.mark.anyio


async def accept_now(world: World, transition: UUID) -> None:
    async with tx(world.account) as opened:
        await accept(opened, transition, world.dispatcher)


async def refused(world: World) -> tuple[DeviceScope, Item]:
    """Bob moved a task of Alice's."""
    task = await world.task(technician=world.alice)
    device = await world.device(world.bob)
    item = world.item(task, "600", note="fait pour Alice")
    outcome = await world.push(device, item)
    assert outcome.results[0].reason == "no_authority"
    return device, item


async def test_5_an_accepted_refusal_keeps_its_moment_and_is_received_now(world: World) -> None:
    _, item = await refused(world)
    before = datetime.now(UTC)

    await accept_now(world, item.id)

    async with tx(world.account) as opened:
        fact = (await transitions_of(opened, item.task))[0]
    assert abs(fact.moment - item.moment) < timedelta(seconds=2)
    assert fact.received_at > before - timedelta(seconds=1)
    assert (fact.note, fact.technician) == ("fait pour Alice", world.bob)
    assert fact.accepted_by == world.dispatcher


async def test_the_sender_s_devices_hear_of_the_new_verdict(world: World) -> None:
    device, item = await refused(world)
    replica = Replica(device)
    await replica.pull()

    await accept_now(world, item.id)

    changes = await replica.pull()
    assert [(c.id, c.verdict, c.state) for c in changes if isinstance(c, VerdictChange)] == [
        (str(item.id), "accepted", "600")
    ]
    again = await world.push(device, item)
    assert again.results[0].verdict == "accepted"


async def test_who_follows_the_account_hears_of_a_dismissal(world: World) -> None:
    _, item = await refused(world)
    before = await read_heads([world.account])
    async with tx(world.account) as opened:
        await dismiss(opened, item.id, world.dispatcher, "Saisie deux fois")
    assert (await read_heads([world.account]))[world.account] > before[world.account]


async def test_what_is_accepted_already_is_not_accepted_twice(world: World) -> None:
    _, item = await refused(world)
    await accept_now(world, item.id)

    with pytest.raises(ConflictError):
        await accept_now(world, item.id)
    async with tx(world.account) as opened:
        assert len(await transitions_of(opened, item.task)) == 1


async def test_an_unknown_state_is_accepted_once_it_exists(world: World) -> None:
    task = await world.task()
    item = world.item(task, "650")
    await world.push(await world.device(world.alice), item)
    with pytest.raises(ConflictError):
        await accept_now(world, item.id)

    async with tx(world.account) as opened:
        await put_states(opened, [StatePut(code="650", name="Presque", kind="active")])
    await accept_now(world, item.id)

    async with tx(world.account) as opened:
        assert [fact.state for fact in await transitions_of(opened, task)] == ["650"]


async def test_what_was_never_sent_cannot_be_accepted(world: World) -> None:
    other = await World.create()
    _, item = await refused(other)
    with pytest.raises(MissingError):
        await accept_now(world, item.id)
    with pytest.raises(MissingError):
        await accept_now(world, new_id())


async def test_a_parked_transition_s_settling_reaches_the_device(world: World) -> None:
    device = await world.device(world.alice)
    item = world.item(new_id(), "300")
    await world.push(device, item)
    replica = Replica(device)
    await replica.pull()

    entry = TaskPut(
        id=item.task,
        type=world.service_call,
        state="100",
        title="Arrivée après coup",
        unit=world.site,
        technician=world.alice,
        created_at=item.moment - timedelta(hours=1),
    )
    async with tx(world.account) as opened:
        await put_tasks(opened, [entry])

    told = [c for c in await replica.pull() if isinstance(c, VerdictChange)]
    assert [(c.id, c.verdict, c.task) for c in told] == [(str(item.id), "accepted", str(item.task))]


async def test_a_task_progressed_in_the_console_is_its_technician_s_work(world: World) -> None:
    task = await world.task(technician=world.alice)
    replica = Replica(await world.device(world.alice))

    order = Progress(str(new_id()), "600", note="appelée", survey=False, survey_reason="litige")
    result = await progress(world.account, task, world.dispatcher, order)

    assert result.verdict == "accepted"
    async with tx(world.account) as opened:
        fact = (await transitions_of(opened, task))[0]
    assert (fact.state, fact.technician, fact.by, fact.device) == (
        "600",
        world.alice,
        world.dispatcher,
        None,
    )
    assert (fact.survey, fact.survey_reason) == (False, "litige")
    (change,) = [c for c in await replica.pull() if isinstance(c, TaskChange)]
    assert [(step.by, step.state, step.note) for step in change.history] == [
        ("Diane", "600", "appelée")
    ]


async def test_sent_twice_it_is_one_transition(world: World) -> None:
    task = await world.task()
    order = Progress(str(new_id()), "300")
    first = await progress(world.account, task, world.dispatcher, order)
    second = await progress(world.account, task, world.dispatcher, order)
    other = await progress(world.account, task, world.dispatcher, Progress(order.sent_id, "600"))

    assert (first.verdict, second.verdict) == ("accepted", "accepted")
    assert (other.verdict, other.reason) == ("refused", "id_reused")
    async with tx(world.account) as opened:
        assert len(await transitions_of(opened, task)) == 1


async def test_a_moment_to_come_is_now_and_an_earlier_one_sorts_before(world: World) -> None:
    task = await world.task()
    now = datetime.now(UTC)
    later = Progress(str(new_id()), "600", moment=now + timedelta(days=1))
    earlier = Progress(str(new_id()), "300", moment=now - timedelta(days=1))
    await progress(world.account, task, world.dispatcher, later)
    await progress(world.account, task, world.dispatcher, earlier)

    async with tx(world.account) as opened:
        facts = await transitions_of(opened, task)
    assert [fact.state for fact in facts] == ["300", "600"]
    assert facts[1].moment <= facts[1].received_at


async def test_what_does_not_exist_is_not_progressed(world: World) -> None:
    task = await world.task()
    with pytest.raises(MissingError):
        await progress(world.account, new_id(), world.dispatcher, Progress(str(new_id()), "600"))
    with pytest.raises(UnknownReferenceError):
        await progress(world.account, task, world.dispatcher, Progress(str(new_id()), "999"))


async def test_a_program_moves_only_what_somebody_had(world: World) -> None:
    task = await world.task()
    async with tx(world.account) as opened:
        await assign(opened, task, at=datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(ConflictError):
        await progress(world.account, task, None, Progress(str(new_id()), "600"))

    result = await progress(world.account, task, world.dispatcher, Progress(str(new_id()), "600"))
    assert result.verdict == "accepted"
