"""The steps of the demo's tasks: the states that they enter, when, and when that is received."""

from datetime import datetime, timedelta
from random import Random
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from server.demo.customers import Customer
from server.demo.fixture import DEMO, VISITS
from server.demo.working_hours import next_in_office, next_visit
from sync.ids import new_id

#: The least and the most minutes after the step before; of the first, after the appointment.
Span: TypeAlias = tuple[int, int]
Route: TypeAlias = tuple[tuple[str, Span], ...]

DAY: Final = 1440
_ON_SITE: Final[Span] = (25, 150)
_VISIT: Final[Route] = (("300", (-40, -20)), ("400", (20, 45)))
_DONE: Final[Route] = (*_VISIT, ("600", _ON_SITE))
_AGAIN: Final[Route] = (("400", (10, 30)), ("600", (20, 90)))

#: The states that a task enters once it is due, and how often of a hundred.
ROUTES: Final[dict[Route, int]] = {
    _DONE: 64,
    (*_VISIT, ("610", _ON_SITE)): 8,
    (*_DONE, ("610", (4, 60))): 7,
    (*_VISIT, ("610", _ON_SITE), ("300", (DAY, 4 * DAY)), *_AGAIN): 5,
    (*_VISIT, ("450", _ON_SITE), ("300", (DAY, 3 * DAY)), *_AGAIN): 5,
    (*_DONE, ("200", (60, 300)), ("300", (900, 1300)), *_AGAIN): 4,
    (*_DONE, ("900", (30, 300))): 3,
    (("900", (-55, -15)),): 5,
}
#: A step this many minutes after the one before is of another day's visit.
_ANOTHER_VISIT: Final = 600
#: The states into which the office moves a task, or has it moved.
_OFFICE_STATES: Final = frozenset({"200", "900"})

#: A visit of the current day, which is over before the next begins.
TODAY: Final[Route] = (("300", (-35, -20)), ("400", (15, 30)), ("600", (40, 65)))


class Step(Struct, frozen=True, kw_only=True):
    """A transition. `by`: a user's key. `received`: later than `moment` without network."""

    id: UUID
    state: str
    moment: datetime
    received: datetime
    by: str
    sequence: int
    note: str | None = None
    survey: bool = True
    email: str | None = None


class StepGenerator:
    """Generates steps up to `now`, numbers them, and captures each address once."""

    def __init__(self, rng: Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        self._sequence = 0
        self._captured: set[UUID] = set()

    def step(self, by: str, state: str, moment: datetime, received: datetime | None = None) -> Step:
        """One step; received at its moment unless `received` is given."""
        self._sequence += 1
        return Step(
            id=new_id(),
            state=state,
            moment=moment,
            received=received or moment,
            by=by,
            sequence=self._sequence,
        )

    def visit(self, customer: Customer, by: str, start: datetime) -> list[Step]:
        """The steps of a random route of the appointment `start`, as far as they are received.

        Most finished tasks are invoiced by a dispatcher a few days later.
        """
        rng = self._rng
        [route] = rng.choices(list(ROUTES), list(ROUTES.values()))
        steps = []
        moment, offline = start, self._offline()
        for state, (least, most) in route:
            moment += timedelta(seconds=rng.randint(least * 60, most * 60))
            if least >= _ANOTHER_VISIT:
                moment = next_visit(moment) + timedelta(seconds=rng.randint(0, 600))
            elif state in _OFFICE_STATES:
                moment = next_in_office(moment)
            step = self.step(by, state, moment, moment + offline)
            if state in DEMO.asking_states:
                captured = customer.captured if customer.id not in self._captured else None
                self._captured.add(customer.id)
                note = rng.choice(VISITS.notes) if rng.random() < 0.3 else None
                step = replace(step, note=note, survey=rng.random() > 0.04, email=captured)
            if step.received < self._now:
                steps.append(step)
        if steps and steps[-1].state in DEMO.asking_states and rng.random() <= 0.7:
            moment = next_in_office(steps[-1].received + timedelta(days=rng.uniform(1, 12)))
            clerk = rng.choice(DEMO.users_with("dispatcher")).key
            if moment < self._now:
                steps.append(self.step(clerk, "700", moment))
        return steps

    def today(self, by: str, start: datetime) -> list[Step]:
        """The steps of an uneventful visit of the appointment `start`."""
        steps, moment = [], start
        for state, (least, most) in TODAY:
            moment += timedelta(seconds=self._rng.randint(least * 60, most * 60))
            steps.append(self.step(by, state, moment))
        return steps

    def _offline(self) -> timedelta:
        """How long steps wait for a network: mostly seconds, sometimes hours, rarely days."""
        draw = self._rng.random()
        if draw < 0.03:
            return timedelta(days=self._rng.uniform(7.5, 9))
        if draw < 0.15:
            return timedelta(hours=self._rng.uniform(0.5, 7))
        return timedelta(seconds=self._rng.uniform(0.4, 4))
