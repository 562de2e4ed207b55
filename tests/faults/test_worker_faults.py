"""Hazards 5, 6, 7, 11 and 29: workers are killed or stopped while they send."""

import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, Final

import pytest

from mail.delivery.breakers import FIRST_WAIT
from tests.faults.scene import SETTINGS, Visit, Yard, eventually, opened_yard
from tests.faults.trials import TRIALS, trials_of
from tests.support.databases import TestDatabase
from tests.support.listening import Trap, cut, hold
from tests.support.postgres_proxy import Place, PostgresProxy
from tests.support.processes import PATIENCE, Retour, until
from tests.support.smtp_sink import Sink

pytestmark = [pytest.mark.anyio, pytest.mark.long]

LEASE: Final = float(str(SETTINGS["lease"]))
CLAIMED: Final = Place("^COMMIT", after="phase = 'claimed'", answered=True)
#: The fenced writes of a delivery: the content may leave now; the server has taken it.
CONTENT: Final = Place("SET phase = 'data'")
SENT: Final = Place("status = 'sent'")
#: A mail was taken, so what waited for that goes.
FREED: Final = Place("RETURNING recipient, opened_at")
#: Transactions that are open while one of these is on its way: content is marked outside of any.
OPEN: Final = {CONTENT: 0, SENT: 1}


class Line:
    """A yard whose workers, one at a time, reach the database through a proxy."""

    def __init__(self, yard: Yard, proxy: PostgresProxy) -> None:
        self.yard, self.proxy = yard, proxy
        self.api = yard.fleet.api()
        yard.fleet.clock()
        self.worker = self.another_worker()

    def another_worker(self) -> Retour:
        """A worker that takes the place of the one before, which may be dead or stopped."""
        self.worker = self.yard.fleet.worker(database_url=self.proxy.dsn)
        return self.worker

    def after_250(self, trial: int) -> Trap:
        """Right after the 250 went out, or as the worker wants to record it: in turns."""
        return self.yard.sink.traps["accepted"] if trial % 2 else self.proxy.trap(SENT)

    async def kill_at(self, trap: Trap) -> Visit:
        """Finish a visit, and kill the worker where `trap` is."""
        trap.arm(partial(kill, self.worker))
        return await self.spring(trap)

    async def spring(self, trap: Trap) -> Visit:
        """Finish a visit, and wait until it has led the worker into `trap`."""
        hits = trap.hits
        visit = await self.yard.visit()
        await self.yard.finish(self.api.origin, [visit])
        until(trap.sprung.is_set, "the worker reached the place")
        assert trap.hits == hits + 1
        return visit

    async def fall_asleep(self, mark: Place) -> tuple[Visit, threading.Event]:
        """Stop the worker with `mark` on its way; that goes on when the event is set."""
        woken = threading.Event()
        self.proxy.trap(mark).arm(partial(hold, woken))
        visit = await self.spring(self.proxy.trap(mark))
        # Asleep within another transaction it would keep locks until PostgreSQL ends that.
        until(lambda: self.proxy.transactions == OPEN[mark], "only the write is on its way")
        self.worker.send(SIGSTOP)
        return visit, woken

    async def works_on(self) -> None:
        """The worker does its work again."""
        visit = await self.yard.visit()
        await self.yard.finish(self.api.origin, [visit])
        await self.yard.mailed([visit])
        await self.yard.idle()


def kill(worker: Retour) -> None:
    """Kill -9, and let nothing of what it was about to say through."""
    worker.kill()
    cut()


@pytest.fixture
async def line(
    as_worker: TestDatabase, sink: Sink, tmp_path: Path, broker: dict[str, Any]
) -> AsyncIterator[Line]:
    with PostgresProxy(as_worker.owner) as proxy:
        async with opened_yard(as_worker, sink, tmp_path, **broker) as yard:
            yield Line(yard, proxy)


async def test_5_a_worker_killed_before_the_final_dot_leaves_one_copy(line: Line) -> None:
    places = ("rcpt", "data")
    for trial in range(TRIALS):
        visit = await line.kill_at(line.yard.sink.traps[places[trial % 2]])
        assert line.yard.sink.to(visit.address) == []
        line.another_worker()
        await line.yard.mailed([visit])
        await line.yard.idle()
        assert len(line.yard.sink.to(visit.address)) == 1
        assert await line.yard.status(visit) == "sent"


async def test_6_a_worker_killed_between_250_and_commit_sends_at_most_the_same_mail_again(
    line: Line,
) -> None:
    for trial in range(TRIALS):
        visit = await line.kill_at(line.after_250(trial))
        assert len(line.yard.sink.to(visit.address)) == 1
        line.another_worker()
        await line.yard.idle()
        copies = line.yard.sink.to(visit.address)
        assert len(copies) == 2
        assert len({copy.message_id for copy in copies}) == 1
        assert await line.yard.status(visit) == "sent"


async def test_5_6_a_worker_killed_over_one_of_two_for_an_address_asks_there_once(
    line: Line,
) -> None:
    """20: the account's cap is one; what was reserved is decided first, by whoever takes over."""
    yard, owner = line.yard, line.yard.owner.connection
    await owner.execute("INSERT INTO survey_cap VALUES ($1, 1, 7)", yard.world.account)
    await owner.execute("UPDATE campaign_set SET revision = revision + 1")
    places = ("rcpt", "data", "accepted")
    for trial in trials_of(places):
        place, visit = places[trial % len(places)], await yard.visit()
        customer = await yard.world.customer(email=visit.address)
        both = [visit, Visit(await yard.world.task(customer=customer), visit.address)]
        trap = yard.sink.traps[place]
        trap.arm(partial(kill, line.worker))
        await yard.finish(line.api.origin, both)
        until(trap.sprung.is_set, "the worker reached the place")
        line.another_worker()
        await yard.idle()
        assert sorted([str(await yard.status(one)) for one in both]) == ["dropped", "sent"]
        copies = yard.sink.to(visit.address)
        assert len({copy.message_id for copy in copies}) == 1
        assert len(copies) == (2 if place == "accepted" else 1)


async def test_6_in_hold_mode_it_is_one_copy_and_an_operator_is_asked(line: Line) -> None:
    await line.yard.owner.connection.execute("UPDATE account SET after_crash = 'hold'")
    for trial in range(TRIALS):
        visit = await line.kill_at(line.after_250(trial))
        line.another_worker()

        async def is_held(held: Visit = visit) -> bool:
            return await line.yard.status(held) == "held"

        await eventually(is_held, "held")
        assert len(line.yard.sink.to(visit.address)) == 1


async def test_7_a_claim_of_a_dead_worker_is_taken_over_within_the_lease_and_ten_seconds(
    line: Line,
) -> None:
    for _ in range(TRIALS):
        visit = await line.kill_at(line.proxy.trap(CLAIMED))
        line.another_worker()
        await line.yard.mailed([visit], patience=LEASE + 10)
        await line.yard.idle()
        assert len(line.yard.sink.to(visit.address)) == 1


async def test_11_a_worker_that_slept_through_its_lease_writes_no_row(
    line: Line, database: TestDatabase
) -> None:
    """It falls asleep as it says that the content may leave, or that the server took it.

    It wakes when another worker has the mail in its hands.
    """
    with PostgresProxy(database.owner) as second:
        for trial in range(TRIALS):
            mark, copies = (CONTENT, 1) if trial % 2 else (SENT, 2)
            visit, woken = await line.fall_asleep(mark)
            sending = threading.Event()
            second.trap(CONTENT).arm(partial(hold, sending))
            other = line.yard.fleet.worker(database_url=second.dsn)
            until(second.trap(CONTENT).sprung.is_set, "another worker is about to send")
            line.proxy.watch(mark.statement)
            line.worker.send(SIGCONT)
            woken.set()
            until(lambda: line.proxy.tags, "the sleeper writes")
            assert [tag.split()[-1] for _, tag in line.proxy.tags] == ["0"]
            sending.set()
            await line.yard.idle()
            assert len(line.yard.sink.to(visit.address)) == copies
            assert await line.yard.status(visit) == "sent"
            other.kill()
            await line.works_on()


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "cut off"])
async def test_29_a_worker_hit_as_it_lets_go_what_waited_for_a_breaker_sends_each_once(
    line: Line, killed: bool
) -> None:
    yard, owner = line.yard, line.yard.owner.connection

    async def all_wait() -> bool:
        waiting: int = await yard.owner.value("SELECT count(sender_domain) FROM outbox")
        return waiting == len(visits)

    for _ in range(TRIALS):
        visits = await yard.visits(5)
        await owner.execute(
            "INSERT INTO sender_breaker VALUES ($1, 'example.test', 'example.test', '{}',"
            " '550 5.7.26 no', now(), now(), now() + interval '1 hour', 0)",
            yard.world.account,
        )
        await yard.finish(line.api.origin, visits)
        await eventually(all_wait, "all wait")
        trap = line.proxy.trap(FREED)
        trap.arm(partial(kill, line.worker) if killed else cut)
        await owner.execute("UPDATE sender_breaker SET until = now()")
        # A probe that nobody answered is followed by the next a while later.
        patience = PATIENCE + FIRST_WAIT.total_seconds()
        until(trap.sprung.is_set, "one mail was taken", patience)
        assert sum(len(yard.sink.to(visit.address)) for visit in visits) == 1
        if killed:
            line.another_worker()
        await yard.idle(patience)
        assert "lease was lost" not in line.worker.log()
        assert [len(yard.sink.to(visit.address)) for visit in visits] == [1] * len(visits)
        assert {await yard.status(visit) for visit in visits} == {"sent"}
        assert await yard.owner.value("SELECT count(*) FROM sender_breaker") == 0
