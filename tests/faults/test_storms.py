"""Hazard 21: whatever order, however often, however late: the same outcome, and never two mails."""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.database import now
from sync.intake import push
from sync.messages import DeviceScope, Item, Push
from sync.records.shapes import AssignmentPut
from tests.faults.trials import TRIALS
from tests.support.databases import TestDatabase
from tests.support.mail_work import active_campaign, deliver, mail_config, plan
from tests.support.owner import Owner
from tests.support.smtp_sink import Sink
from tests.support.surveys import survey
from tests.support.world import LONG_AGO, World

pytestmark = pytest.mark.anyio

#: 10,000 by `make faults` (200 trials).
CASES: Final = 50 * TRIALS if TRIALS > 5 else 150
HOUR: Final = timedelta(hours=1)
STATES: Final = ("600", "610", "300", "700", "900")
CAMPAIGNS: Final[dict[str, dict[str, Any]]] = {
    "at once": {"delay": "00:00:00"},
    "next day": {"delay": "01:00:00", "mute": "07:00:00"},
    "next week": {"delay": "05:00:00", "stale_days": None},
}

relentless = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Said(msgspec.Struct, frozen=True):
    """One transition of a case; `hour` before the case began, so that nothing is on an edge."""

    state: str
    hour: int
    sequence: int
    bob: bool


transitions = st.builds(
    Said, st.sampled_from(STATES), st.integers(1, 9 * 24), st.integers(0, 2), st.booleans()
)
histories = st.lists(transitions, min_size=1, max_size=6)


@st.composite
def storms(draw: st.DrawFn) -> tuple[list[Said], list[list[int]]]:
    """A history, and batches in which each of its transitions comes at least once."""
    history = draw(histories)
    places = range(len(history))
    again = draw(st.lists(st.sampled_from(places), max_size=4))
    sent = draw(st.permutations([*places, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(sent)), max_size=3)))
    edges = zip([0, *cuts], [*cuts, len(sent)], strict=True)
    return history, [sent[start:end] for start, end in edges]


class Scene(NamedTuple):
    """The account in which all cases of a test play, each with a task of its own."""

    world: World
    alice: DeviceScope
    bob: DeviceScope

    @classmethod
    async def set(cls, owner: Owner) -> "Scene":
        """The account, its two devices and the campaigns."""
        world = await World.create()
        states = ["600", "610"]
        for name, rest in CAMPAIGNS.items():
            definition = survey(world.service_call, states, name, **rest)
            await active_campaign(world.account, name, definition, owner)
        return cls(world, await world.device(world.alice), await world.device(world.bob))


class Case:
    """A task with a customer of its own and the transitions that will reach it."""

    def __init__(self, scene: Scene, history: Sequence[Said], begun: datetime) -> None:
        self.scene, self.history, self.begun = scene, history, begun
        self.number = secrets.randbits(64)
        self.address = f"c{self.number}@example.test"
        self.task = UUID(int=0)

    async def open(self) -> None:
        """Create the customer and the task, which both technicians hold."""
        world = self.scene.world
        customer = await world.customer(email=self.address)
        turns = [AssignmentPut(technician=who, start=LONG_AGO) for who in (world.alice, world.bob)]
        self.task = await world.task(customer=customer, assignments=turns)

    async def push(self, places: Sequence[int]) -> None:
        """Push the transitions at `places`, each from the device of its technician."""
        for device in (self.scene.alice, self.scene.bob):
            mine = [one for one in places if self.history[one].bob is (device is self.scene.bob)]
            if mine:
                moment = await now()
                items = [self._item(place) for place in mine]
                await push(device, Push(device_now=moment, transitions=items))

    def _item(self, place: int) -> Item:
        said = self.history[place]
        return Item(
            sent_id=str(UUID(int=self.number << 64 | place)),
            task=self.task,
            state=said.state,
            moment=self.begun - said.hour * HOUR - HOUR / 2,
            sequence=said.sequence,
        )

    async def outcome(self, owner: Owner) -> list[tuple[Any, ...]]:
        """State, decisions and invitations, with places for ids and no reception."""
        found = await owner.rows(
            """
            SELECT 'state', '', state, state_transition, 1, interval '0' FROM task WHERE id = $1
            UNION ALL
            SELECT 'decision', c.name, d.outcome, d.transition, d.round, interval '0'
            FROM decision d JOIN campaign c ON c.id = d.campaign WHERE d.task = $1
            UNION ALL
            SELECT 'invitation', c.name, i.status, i.transition, i.round, i.due - $2
            FROM invitation i JOIN campaign c ON c.id = i.campaign WHERE i.task = $1
            """,
            self.task,
            self.begun,
        )
        return sorted((*row[:3], self._place(row[3]), *map(str, row[4:])) for row in found)

    def _place(self, transition: UUID | None) -> int:
        return -1 if transition is None else transition.int & (2**64 - 1)


@relentless
@given(storm=storms(), planned=st.lists(st.booleans(), min_size=4, max_size=4))
async def test_any_order_repetition_and_delay_leads_to_the_same_outcome(
    storm: tuple[list[Said], list[list[int]]], planned: list[bool], scene: Scene, owner: Owner
) -> None:
    history, batches = storm
    begun = await now()
    calm, stormy = Case(scene, history, begun), Case(scene, history, begun)
    for case in (calm, stormy):
        await case.open()
    await calm.push(range(len(history)))
    for batch, plan_after in zip(batches, planned, strict=False):
        await stormy.push(batch)
        if plan_after:
            await plan()
    await plan()
    assert await stormy.outcome(owner) == await calm.outcome(owner)


@relentless
@given(storm=storms(), pauses=st.lists(st.integers(0, 7 * 24), min_size=4, max_size=4))
async def test_with_releases_in_between_no_campaign_mails_a_task_twice(
    storm: tuple[list[Said], list[list[int]]],
    pauses: list[int],
    scene: Scene,
    owner: Owner,
    database: TestDatabase,
    sink: Sink,
) -> None:
    history, batches = storm
    await owner.right_clock()
    moment = await now()
    case = Case(scene, history, moment)
    await case.open()
    config = mail_config(database, sink)
    for batch, pause in zip([*batches, *reversed(batches)], [*pauses, *pauses], strict=False):
        await case.push(batch)
        await plan()
        moment += pause * HOUR
        await owner.set_clock(moment)
        await deliver(config)
    await owner.set_clock(moment + 30 * 24 * HOUR)
    await plan()
    await deliver(config)
    mails = Counter(str(mail.parsed["Subject"]) for mail in sink.to(case.address))
    sink.mails.clear()
    assert all(count == 1 for count in mails.values()), mails
    assert mails.keys() == await _sent(owner, case)


async def _sent(owner: Owner, case: Case) -> set[str]:
    """The campaigns whose invitation to the case's task says that it was sent."""
    rows = await owner.rows(
        """
        SELECT c.name FROM invitation i JOIN campaign c ON c.id = i.campaign
        WHERE i.task = $1 AND i.status = 'sent'
        """,
        case.task,
    )
    return {name for (name,) in rows}


@pytest.fixture
async def scene(as_worker: TestDatabase, owner: Owner) -> Scene:
    return await Scene.set(owner)
