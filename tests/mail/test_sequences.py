"""A device's clock is set between steps: what follows depends on the steps, not on arrivals."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import pytest

from sync.database import now, tx
from sync.ids import new_id
from sync.intake import push
from sync.messages import DeviceScope, Item, Push
from sync.records.reading import get_task
from tests.faults.trials import TRIALS
from tests.mail.campaigns import active, claimed, only_invitation, outcomes, plan_all, rows
from tests.support.databases import TestDatabase
from tests.support.owner import Owner, owning
from tests.support.world import World

pytestmark = pytest.mark.anyio

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
TICK: Final = timedelta(seconds=1)

#: All 720 by `make faults`, else some of them.
TRIED: Final = min(4 * TRIALS, 720)


class Told(NamedTuple):
    """A step: by how much the clock was wrong, and when it was received, after the start."""

    state: str
    wrong: timedelta
    received: timedelta


#: In the sequence of the device, which made them ten minutes apart.
STEPS: Final = (
    Told("200", -2 * HOUR, 3 * HOUR),
    Told("300", +2 * HOUR, 70 * MINUTE),
    Told("600", -1 * HOUR, 90 * MINUTE),
    Told("200", +1 * HOUR, 4 * HOUR),
    Told("610", 0 * HOUR, 2 * HOUR),
    Told("700", -2 * HOUR, 5 * HOUR),
)

#: State, when it began, decisions by step, and the invitation's step, due and release.
End: TypeAlias = tuple[Any, ...]


class Visit:
    """One task and one device, whose pushes arrive when they are told to."""

    def __init__(self, world: World, owner: Owner, start: datetime, device: DeviceScope) -> None:
        self.world, self.owner, self.start, self.device = world, owner, start, device
        self.ids = [new_id() for _ in STEPS]
        self.task: UUID

    async def arrive(self, place: int, step: Told) -> None:
        """The step is pushed, and planned before anything else arrives."""
        moment = self.start + place * 10 * MINUTE + step.wrong
        identity = str(self.ids[place])
        item = Item(identity, self.task, step.state, moment, sequence=place)
        await self.travel(self.start + step.received)
        await push(self.device, Push(await now(), [item]))
        await self.travel(self.start + 10 * HOUR)
        await plan_all()

    async def travel(self, moment: datetime) -> None:
        """Make it `moment`."""
        await self.owner.move_clock(timedelta(0))
        await self.owner.move_clock(moment - await now())

    async def end(self) -> End:
        """What has become of it, in seconds after the start and places in the sequence."""
        async with tx(self.world.account) as opened:
            task = await get_task(opened, self.task)
        decided = {self.ids.index(one): why for one, why in await self._outcomes()}
        asked = await only_invitation(self.world, self.task)
        when = [self._after(asked[field]) for field in ("due", "release", "queued_release")]
        [released] = await rows(
            self.world,
            "SELECT release FROM decision WHERE task = $1 AND outcome = 'scheduled'",
            self.task,
        )
        return (
            task.state,
            self._after(task.state_moment),
            sorted(decided.items()),
            self.ids.index(asked["transition"]),
            [*when, self._after(released["release"])],
        )

    async def _outcomes(self) -> Sequence[tuple[UUID, str]]:
        return list((await outcomes(self.world, self.task)).items())

    def _after(self, moment: datetime) -> int:
        return round((moment - self.start) / TICK)


@pytest.fixture
async def visit(world: World, as_worker: TestDatabase) -> AsyncIterator[Visit]:
    """Nothing has happened yet."""
    async with owning(as_worker.owner) as owner:
        start = (await now()).replace(microsecond=0)
        made = Visit(world, owner, start, await world.device(world.alice))
        made.task = await world.task()
        await active(world, delay="00:00:10")
        yield made


def orders() -> list[tuple[int, ...]]:
    """`TRIED` of the permutations, the same ones each time."""
    return Random(6).sample(list(permutations(range(len(STEPS)))), TRIED)


async def test_every_order_of_arrival_ends_in_the_same_state_decisions_and_releases(
    visit: Visit,
) -> None:
    ends = []
    for order in orders():
        visit.ids, visit.task = [new_id() for _ in STEPS], await visit.world.task()
        for place in order:
            await visit.arrive(place, STEPS[place])
        ends.append(await visit.end())
    # 300 was heard of before it can have been made: 600 and what followed keep after it.
    assert ends[0][0] == "700"
    assert [which for which, _ in ends[0][2]] == [2, 4]
    assert ends == [ends[0]] * TRIED


async def test_a_clock_that_was_two_hours_ahead_loses_no_survey(visit: Visit) -> None:
    await visit.arrive(0, Told("300", +2 * HOUR, 5 * MINUTE))
    await visit.arrive(1, Told("600", -11 * MINUTE, 5 * MINUTE))
    state, moment, decided, place, when = await visit.end()
    assert (state, moment) == ("600", 5 * 60)
    assert (decided, place) == ([(1, "scheduled")], 1)
    assert when == [5 * 60 + 600] * 4


async def test_a_late_step_moves_the_release_of_one_that_waits_and_of_none_that_was_claimed(
    visit: Visit,
) -> None:
    late, done = Told("300", 0 * HOUR, 2 * HOUR), Told("600", -70 * MINUTE, 90 * MINUTE)
    for claim in (False, True):
        visit.ids, visit.task = [new_id() for _ in STEPS], await visit.world.task()
        await visit.arrive(3, done)
        _, _, _, _, before = await visit.end()
        assert before[0] == (30 - 70) * 60 + 600
        if claim:
            asked = await only_invitation(visit.world, visit.task)
            await claimed(visit.world, asked["id"])
        await visit.arrive(2, late)
        _, _, _, _, after = await visit.end()
        assert after == (before if claim else [20 * 60 + 600, 90 * 60, 90 * 60, 90 * 60])
