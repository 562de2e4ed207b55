"""Generates the tasks of the demo with their steps, up to `now` and planned beyond it.

Deterministic except for the ids: the same seed and `now` give the same tasks.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from server.demo.clients import Customer
from server.demo.fixture import DEMO, VISITS, User
from server.demo.steps import Step, StepGenerator
from sync.ids import new_id

#: How many tasks there are of each kind, and how many days the past has.
PAST: Final = 240
TODAY: Final = 14
AHEAD: Final = 18
UNASSIGNED: Final = 13
DAYS: Final = 90
#: Task types of tasks that just ended, and minutes since then: their surveys are sent soon.
JUST_ENDED: Final = (
    ("service", 185),
    ("installation", 150),
    ("service", 95),
    ("service", 40),
    ("entretien", 22),
    ("entretien", 9),
    ("entretien", 4),
)


class DemoTask(Struct, frozen=True):
    """A task. `technician`: a user's key, None while unassigned. Times are UTC."""

    id: UUID
    number: str
    type: str
    title: str
    customer: Customer
    technician: str | None
    created: datetime
    scheduled: datetime | None
    steps: tuple[Step, ...]
    priority: str
    reason: str
    channel: str
    tags: list[str]

    @property
    def initial_state(self) -> str:
        """The state before the first step: new, or assigned."""
        return "100" if self.technician is None else "200"


class TaskGenerator:
    """Generates the tasks of `customers`."""

    def __init__(self, rng: Random, now: datetime, customers: list[Customer]) -> None:
        self._rng = rng
        self._now = now
        self._customers = customers
        self._zone = ZoneInfo(DEMO.account.zone)
        self._steps = StepGenerator(rng, now)
        self._technicians = DEMO.users_with("technician")
        self._number = 24_000

    def tasks(self) -> list[DemoTask]:
        """All tasks of the demo, those of the past in order."""
        tasks = []
        for start in sorted(self._past_moment() for _ in range(PAST)):
            customer = self._customer()
            technician = self._technician(customer)
            steps = self._steps.visit(customer, technician.key, start)
            tasks.append(self._task(self._type(), customer, technician, start, *steps))
        tasks += [self._just_ended(kind, ago) for kind, ago in JUST_ENDED]
        tasks += [self._under_way(index) for index in range(TODAY)]
        # Tomorrow each technician has a maintenance to finish: to see a mail at once.
        for index, technician in enumerate(self._technicians):
            customer = self._rng.choice(
                [
                    customer
                    for customer in self._customers
                    if customer.email and customer.site == technician.unit
                ]
            )
            start = self._appointment(1, index)
            tasks.append(self._task("entretien", customer, technician, start))
        for index in range(AHEAD):
            customer = self._customer()
            kind, technician = self._type(), self._technician(customer)
            start = self._appointment(1 + index // 14, index)
            tasks.append(self._task(kind, customer, technician, start))
        for _ in range(UNASSIGNED):
            tasks.append(self._task(self._type(), self._customer(), None, None))
        return tasks

    def _past_moment(self) -> datetime:
        """A moment of the past, on a weekday between eight and four, local time."""
        while True:
            ago = timedelta(days=self._rng.uniform(1.3, DAYS))
            local = (self._now - ago).astimezone(self._zone)
            if local.weekday() < 5:
                return self._utc(local.replace(hour=self._rng.randrange(8, 16)))

    def _just_ended(self, kind: str, minutes_ago: int) -> DemoTask:
        """A task that is done, of a customer with an address: a survey follows."""
        customer = self._rng.choice([customer for customer in self._customers if customer.email])
        technician = self._technician(customer)
        end = self._now - timedelta(minutes=minutes_ago)
        steps = [
            self._steps.step(technician.key, state, end - timedelta(minutes=before))
            for state, before in (("300", 110), ("400", 80), ("600", 0))
        ]
        return self._task(kind, customer, technician, steps[0].moment, *steps)

    def _under_way(self, index: int) -> DemoTask:
        """A visit of today: on the way, on site, waiting, or still to come."""
        customer = self._customer()
        technician = self._technician(customer)
        start = self._now + timedelta(minutes=45 * (index - 5))
        left = self._now - timedelta(minutes=70 - 4 * index)
        on_the_way = (("300", 0), ("400", 20), ("450", 25))[: 1 + index % 3] if index < 8 else ()
        steps = [
            self._steps.step(technician.key, state, left + timedelta(minutes=after))
            for state, after in on_the_way
        ]
        return self._task(self._type(), customer, technician, start, *steps)

    def _utc(self, local: datetime) -> datetime:
        return local.astimezone(self._now.tzinfo)

    def _type(self) -> str:
        [kind] = self._rng.choices(["service", "installation", "entretien"], [50, 25, 25])
        return kind

    def _customer(self) -> Customer:
        return self._rng.choice(self._customers)

    def _technician(self, customer: Customer) -> User:
        """A technician of the customer's site."""
        return self._rng.choice([user for user in self._technicians if user.unit == customer.site])

    def _appointment(self, days: int, index: int) -> datetime:
        day = self._now.astimezone(self._zone) + timedelta(days=days)
        return self._utc(day.replace(hour=8 + index % 8, minute=30 * (index % 2)))

    def _task(
        self,
        kind: str,
        customer: Customer,
        technician: User | None,
        start: datetime | None,
        *steps: Step,
    ) -> DemoTask:
        rng = self._rng
        self._number += rng.randint(1, 4)
        earliest = min(start or self._now, steps[0].moment if steps else self._now, self._now)
        return DemoTask(
            id=new_id(),
            number=f"BT-{self._number}",
            type=kind,
            title=rng.choice(VISITS.titles[kind]),
            customer=customer,
            technician=None if technician is None else technician.key,
            created=earliest - timedelta(hours=rng.uniform(3, 140)),
            scheduled=None if start is None else start.replace(second=0, microsecond=0),
            steps=steps,
            priority=rng.choices(VISITS.priorities, [15, 60, 18, 7])[0],
            reason=rng.choice(VISITS.reasons),
            channel=rng.choice(VISITS.channels),
            tags=rng.sample(VISITS.tags, k=rng.choice([0, 0, 1, 2])),
        )
