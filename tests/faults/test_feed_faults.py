"""Hazards 14, 22 and 24: what devices are told while writers hold, meet, and change places."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.access.principals import DEVICE_PREFIX
from sync.database import now, tx
from sync.records.shapes import AssignmentPut
from sync.records.tasks import assign
from tests.faults.scene import DONE, Visit, Yard, eventually
from tests.faults.trials import TRIALS
from tests.protocol.client import Device, Told, over
from tests.support.databases import TestDatabase
from tests.support.listening import cut, hold
from tests.support.postgres_proxy import HttpCutter, Place, PostgresProxy
from tests.support.processes import Api
from tests.support.world import LONG_AGO, World

pytestmark = pytest.mark.anyio

MINUTE: Final = timedelta(minutes=1)
FACTS: Final = r"INSERT INTO transition\b"

#: Where a writer can hold: before it took its account's turn at the feed, and with it.
BEFORE_ITS_TURN: Final = Place(r"feed_touch\b", after=FACTS)
IN_ITS_TURN: Final = Place(r"^COMMIT", after=FACTS)


class Pocket:
    """The devices of a test, each with a line of its own to the API process it uses."""

    def __init__(self, lines: ExitStack) -> None:
        self.lines = lines

    def line(self, origin: str) -> httpx.Client:
        """A connection to `origin`."""
        return self.lines.enter_context(httpx.Client(base_url=origin, timeout=30))

    async def device(self, world: World, technician: UUID, origin: str) -> Device:
        """An enrolled device of `technician` that has pulled all there is."""
        _, credential = await world.enrolled(technician)
        device = Device(self.line(origin), DEVICE_PREFIX + credential)
        await asyncio.to_thread(device.pull)
        return device


@pytest.fixture
def pocket() -> Iterator[Pocket]:
    """Nobody's devices yet."""
    with ExitStack() as lines:
        yield Pocket(lines)


def tasks_in(changes: list[Told]) -> list[str]:
    """The tasks among `changes`, in the order they came."""
    return [change["id"] for change in changes if change["kind"] == "task"]


async def test_14_a_writer_that_hangs_hides_nothing_and_delays_no_other_account(
    yard: Yard, database: TestDatabase, pocket: Pocket
) -> None:
    api, elsewhere = yard.fleet.api(), await World.create()
    with PostgresProxy(database.owner) as proxy:
        hanging = yard.fleet.api(database_url=proxy.dsn)
        reader = await pocket.device(yard.world, yard.world.alice, api.origin)
        others = await pocket.device(elsewhere, elsewhere.alice, hanging.origin)
        for trial in range(TRIALS):
            place = (BEFORE_ITS_TURN, IN_ITS_TURN)[trial % 2]
            held, behind = str(await yard.world.task()), str(await yard.world.task())
            theirs = str(await elsewhere.task())
            await asyncio.to_thread(reader.pull)
            go = threading.Event()
            trap = proxy.trap(place)
            trap.arm(partial(hold, go))
            first = await begin(yard, hanging, held)
            await asyncio.to_thread(trap.sprung.wait)
            second = await begin(yard, api, behind)
            if place is BEFORE_ITS_TURN:
                assert (await second).status_code == 200
            # The others use the very process of which a transaction hangs.
            others.record(theirs, DONE)
            await asyncio.to_thread(others.sync)
            assert others.history_of(theirs) == [DONE]
            seen = tasks_in(await asyncio.to_thread(reader.pull))
            assert seen == ([behind] if place is BEFORE_ITS_TURN else [])
            assert 0 < await lag(api) < await lag(api)
            go.set()
            assert [reply.status_code for reply in await asyncio.gather(first, second)] == [200] * 2
            seen += tasks_in(await asyncio.to_thread(reader.pull))
            order = [behind, held] if place is BEFORE_ITS_TURN else [held, behind]
            assert seen == order
            assert await lag(api) == 0
        assert sum(trap.hits for trap in proxy.traps.values()) == TRIALS


async def lag(api: Api) -> float:
    """The feed's lag in seconds, as Prometheus reads it."""
    reply = await asyncio.to_thread(httpx.get, f"{api.origin}/metrics")
    [family] = text_string_to_metric_families(reply.text)
    assert family.name == "retour_feed_lag_seconds"
    return family.samples[0].value


async def begin(yard: Yard, api: Api, task: str) -> "asyncio.Task[httpx.Response]":
    """A push under way that finishes `task`."""
    return asyncio.create_task(yard.push(api.origin, [yard.world.item(UUID(task), DONE)]))


async def test_14_a_writer_that_hangs_for_good_is_ended_and_its_account_goes_on(
    yard: Yard, database: TestDatabase, pocket: Pocket
) -> None:
    """Once, not `TRIALS` times: PostgreSQL waits for seconds until it ends an idle transaction."""
    api = yard.fleet.api()
    with PostgresProxy(database.owner) as proxy:
        hanging = yard.fleet.api(database_url=proxy.dsn)
        writer = await pocket.device(yard.world, yard.world.alice, hanging.origin)
        others = await pocket.device(yard.world, yard.world.alice, api.origin)
        hung, behind = str(await yard.world.task()), str(await yard.world.task())
        go, trap = threading.Event(), proxy.trap(IN_ITS_TURN)
        trap.arm(partial(hold, go))
        writer.record(hung, DONE)
        others.record(behind, DONE)
        pushing = asyncio.create_task(asyncio.to_thread(writer.push))
        await asyncio.to_thread(trap.sprung.wait)
        await eventually(partial(settled, others), "the account goes on")
        assert tasks_in(await asyncio.to_thread(others.pull))[-1] == behind
        assert others.history_of(hung) == []
        go.set()
        with pytest.raises(httpx.HTTPStatusError):
            await pushing
        assert len(writer.queue) == 1
        assert await asyncio.to_thread(writer.push) == ["accepted"]
        assert tasks_in(await asyncio.to_thread(others.pull)) == [hung]


async def settled(device: Device) -> bool:
    """Whether a push empties the queue; a busy server may ask to come again."""
    with suppress(httpx.HTTPStatusError):
        await asyncio.to_thread(device.push)
    return not device.queue


async def test_22_two_devices_that_finish_one_task_have_one_winner_and_ask_once(
    yard: Yard, pocket: Pocket
) -> None:
    apis = [yard.fleet.api(), yard.fleet.api()]
    yard.fleet.worker(), yard.fleet.clock()
    world = yard.world
    alice = await pocket.device(world, world.alice, apis[0].origin)
    bob = await pocket.device(world, world.bob, apis[1].origin)
    for trial in range(TRIALS):
        visit, task = await shared_visit(yard)
        moment = await now()
        # The winner is the later one; at the same moment the one who counted further.
        by_alice, by_bob = moment - 3 * MINUTE, moment - (4 - trial % 3) * MINUTE
        alice.record(task, "600", by_alice)
        bob.record(task, "610", by_bob)
        bob_wins = rank(bob, by_bob) > rank(alice, by_alice)
        pushes = await asyncio.gather(*(asyncio.to_thread(one.push) for one in (alice, bob)))
        assert pushes == [["accepted"], ["accepted"]]
        history = ["600", "610"] if bob_wins else ["610", "600"]
        for device in (alice, bob):
            await asyncio.to_thread(device.pull)
            assert device.history_of(task) == history
            assert device.state_of(task) == history[-1]
        await yard.mailed([visit])
        await yard.idle()
        assert len(yard.sink.to(visit.address)) == 1


def rank(device: Device, moment: datetime) -> tuple[object, ...]:
    """Where the last transition that `device` recorded stands in its task's history."""
    item = list(device.queue.values())[-1]
    return moment, item["sequence"], UUID(item["id"])


async def shared_visit(yard: Yard) -> tuple[Visit, str]:
    """A visit whose task both technicians hold."""
    world, address = yard.world, (await yard.visit()).address
    customer = await world.customer(email=f"both.{address}")
    turns = [AssignmentPut(technician=who, start=LONG_AGO) for who in (world.alice, world.bob)]
    task = await world.task(customer=customer, assignments=turns)
    return Visit(task, f"both.{address}"), str(task)


async def test_24_reassigned_while_offline_each_device_hears_what_is_so(
    yard: Yard, pocket: Pocket
) -> None:
    api = yard.fleet.api()
    yard.fleet.worker(), yard.fleet.clock()
    world = yard.world
    alice = await pocket.device(world, world.alice, api.origin)
    bob = await pocket.device(world, world.bob, api.origin)
    with HttpCutter(api.origin) as line, over(line.origin, alice.client) as cut_line:
        alice.client = cut_line
        for trial in range(TRIALS):
            visit = await yard.visit()
            task, in_time = str(visit.task), trial % 2 == 0
            await asyncio.to_thread(alice.pull)
            moment = await now()
            finished = alice.record(task, DONE, moment - (3 if in_time else 1) * MINUTE)
            async with tx(world.account) as opened:
                await assign(opened, visit.task, technician=world.bob, at=moment - 2 * MINUTE)
            arrived = await asyncio.to_thread(bob.pull)
            assert tasks_in(arrived) == [task]
            assert bob.things["customer", bob.things["task", task]["customer"]]["email"]
            assert bob.state_of(task) == "100"

            # Back online, on a bad line: the first answer is lost.
            line.reply.arm(cut)
            with pytest.raises(httpx.TransportError):
                await asyncio.to_thread(alice.push)
            await asyncio.to_thread(alice.sync)
            verdict = alice.verdicts[finished]
            assert verdict["verdict"] == ("accepted" if in_time else "refused")
            assert in_time or verdict["reason"] == "no_authority"
            assert not alice.ids("task") | alice.ids("customer")

            await asyncio.to_thread(bob.pull)
            assert bob.state_of(task) == (DONE if in_time else "100")
            if in_time:
                await yard.mailed([visit])
            await yard.idle()
            assert len(yard.sink.to(visit.address)) == (1 if in_time else 0)
        assert line.reply.hits == TRIALS
