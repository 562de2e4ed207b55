"""Generates the tasks of the demo with their steps, up to `now` and planned beyond it.

Deterministic except for the ids: the same seed and `now` give the same tasks.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from msgspec import Struct

from rules.criteria import Facts
from server.demo.customers import Customer
from server.demo.fixture import DEMO, VISITS, User
from server.demo.steps import Step, StepGenerator
from server.demo.working_hours import VISITS as VISITING_HOURS
from server.demo.working_hours import (
    at,
    last_in_office,
    last_on_duty,
    local,
    nearest_quarter,
    weekday_after,
)
from sync.ids import new_id

#: How many tasks there are of each kind, and how many days the past has.
PAST: Final = 240
AHEAD: Final = 10
UNASSIGNED: Final = 13
DAYS: Final = 90
#: Task types of tasks that just ended, and minutes since then: their surveys are sent soon.
JUST_ENDED: Final = (
    ("service", 40),
    ("installation", 32),
    ("service", 25),
    ("service", 18),
    ("entretien", 14),
    ("entretien", 9),
    ("entretien", 4),
)
#: The states of visits that are going on, and minutes since each.
UNDER_WAY: Final = (
    (("300", 12),),
    (("300", 55), ("400", 31)),
    (("300", 98), ("400", 80), ("450", 35)),
)
#: The technician whom the README follows, and the appointments and task types of that person's day.
HERO: Final = "luc"
HERO_DAY: Final = (
    (8, 0, "service"),
    (9, 45, "installation"),
    (11, 15, "entretien"),
    (13, 30, "service"),
    (15, 15, "entretien"),
)
#: The hero's visits that may be over by now; the others are always left to do.
HERO_DONE: Final = 2
#: Hours of the appointments that each other technician has today.
DAY: Final = (9, 13)
#: Whoever was visited in this time may have been asked, and would not be asked again.
UNASKED: Final = timedelta(days=9)
#: A visit is over this long after its appointment.
VISIT: Final = timedelta(hours=1, minutes=30)


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
    def facts(self) -> Facts:
        """What criteria of the demo's campaigns are judged on: not unit and account manager."""
        return Facts(
            priority=self.priority, reason=self.reason, channel=self.channel, tags=tuple(self.tags)
        )

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
        self._latest = last_on_duty(now)
        self._past = now - timedelta(days=DAYS + 1)
        self._steps = StepGenerator(rng, now)
        self._technicians = DEMO.users_with("technician")
        self._others = [user for user in self._technicians if user.key != HERO]
        self._visited: dict[UUID, datetime] = {}
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
        tasks += self._hero_day()
        for index, technician in enumerate(self._others):
            tasks += [self._today(technician, hour, index) for hour in DAY]
        tasks += [self._under_way(*drawn) for drawn in zip(self._others, UNDER_WAY, strict=False)]
        # On the next weekday each has a maintenance to finish: to see a mail at once.
        for index, technician in enumerate(self._technicians):
            customer = self._customer_with_address(technician)
            start = self._appointment(1, index)
            tasks.append(self._task("entretien", customer, technician, start))
        for index in range(AHEAD):
            customer = self._rng.choice(self._unvisited(self._customers))
            kind, technician = self._type(), self._technician(customer)
            start = self._appointment(1 + index // 5, index)
            tasks.append(self._task(kind, customer, technician, start))
        for _ in range(UNASSIGNED):
            tasks.append(self._task(self._type(), self._customer(), None, None))
        return tasks

    def _past_moment(self) -> datetime:
        """An appointment of the past."""
        ago = timedelta(days=self._rng.uniform(1.3, DAYS))
        day = self._now - ago
        if local(day).weekday() >= 5:
            day -= timedelta(days=2)
        quarter = self._rng.choice((0, 15, 30, 45))
        return at(day, self._rng.choice(VISITING_HOURS), quarter)

    def _just_ended(self, kind: str, minutes_ago: int) -> DemoTask:
        """A task that is done, of a customer with an address: a survey follows."""
        technician = self._rng.choice(self._others)
        customer = self._customer_with_address(technician)
        end = self._latest - timedelta(minutes=minutes_ago)
        steps = [
            self._steps.step(technician.key, state, end - timedelta(minutes=before))
            for state, before in (("300", 60), ("400", 42), ("600", 0))
        ]
        return self._task(kind, customer, technician, nearest_quarter(steps[1].moment), *steps)

    def _hero_day(self) -> Iterator[DemoTask]:
        """A day's work of the hero: visits that are over by now, and more to come."""
        [hero] = [user for user in self._technicians if user.key == HERO]
        for place, (hour, minute, kind) in enumerate(HERO_DAY):
            start = at(self._now, hour, minute)
            steps = self._finished(hero, start) if place < HERO_DONE else []
            customer = self._customer_with_address(hero)
            yield self._task(kind, customer, hero, start, *steps)

    def _today(self, technician: User, hour: int, index: int) -> DemoTask:
        """A visit of today, which is over or still to come."""
        start = at(self._now, hour + index % 2, 15 * (index % 4))
        customer = self._customer_of(technician)
        steps = self._finished(technician, start)
        return self._task(self._type(), customer, technician, start, *steps)

    def _finished(self, technician: User, start: datetime) -> list[Step]:
        """The steps of a visit of today, if it is over."""
        return self._steps.today(technician.key, start) if start + VISIT < self._now else []

    def _under_way(self, technician: User, entered: tuple[tuple[str, int], ...]) -> DemoTask:
        """A visit that is going on. `entered`: its states, and minutes since each."""
        steps = [
            self._steps.step(technician.key, state, self._latest - timedelta(minutes=ago))
            for state, ago in entered
        ]
        start = nearest_quarter(steps[0].moment + timedelta(minutes=25))
        return self._task("service", self._customer_of(technician), technician, start, *steps)

    def _type(self) -> str:
        [kind] = self._rng.choices(["service", "installation", "entretien"], [50, 25, 25])
        return kind

    def _customer(self) -> Customer:
        return self._rng.choice(self._customers)

    def _customer_of(self, technician: User) -> Customer:
        """A customer of the technician's site."""
        near = [customer for customer in self._customers if customer.site == technician.unit]
        return self._rng.choice(self._unvisited(near))

    def _customer_with_address(self, technician: User) -> Customer:
        """A customer of the technician's site who gets mails, and got none for some time."""
        near = [item for item in self._customers if item.site == technician.unit and item.gets_mail]
        since = self._now - UNASKED
        fresh = [item for item in near if self._visited.get(item.id, since) <= since]
        return self._rng.choice(fresh or self._unvisited(near))

    def _unvisited(self, customers: list[Customer]) -> list[Customer]:
        """Those who have no other visit today or later: two of a kind would ask twice in a day."""
        today = at(self._latest, 0, 0)
        return [item for item in customers if self._visited.get(item.id, self._past) < today]

    def _technician(self, customer: Customer) -> User:
        """A technician of the customer's site."""
        return self._rng.choice([user for user in self._technicians if user.unit == customer.site])

    def _appointment(self, days: int, index: int) -> datetime:
        day = weekday_after(self._now, days)
        return at(day, VISITING_HOURS[index % len(VISITING_HOURS)], 15 * (index % 4))

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
        self._visited[customer.id] = start or self._now
        earliest = min(start or self._now, steps[0].moment if steps else self._now, self._now)
        return DemoTask(
            id=new_id(),
            number=f"BT-{self._number}",
            type=kind,
            title=rng.choice(VISITS.titles[kind]),
            customer=customer,
            technician=None if technician is None else technician.key,
            created=last_in_office(earliest - timedelta(hours=rng.uniform(3, 140))),
            scheduled=start,
            steps=steps,
            priority=rng.choices(VISITS.priorities, [15, 60, 18, 7])[0],
            reason=rng.choice(VISITS.reasons),
            channel=rng.choice(VISITS.channels),
            tags=rng.sample(VISITS.tags, k=rng.choice([0, 0, 1, 2])),
        )
