"""The steps of the demo's tasks: which states they pass, when, and when the office hears of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from server.demo.clients import Client
from server.demo.fixture import DEMO, VISITS
from sync.ids import new_id

#: Minutes after the step before, at least and at most.
Span: TypeAlias = tuple[int, int]
Route: TypeAlias = tuple[tuple[str, Span], ...]

DAY: Final = 1440
_ON_SITE: Final[Span] = (25, 150)
_VISIT: Final[Route] = (("300", (0, 0)), ("400", (12, 45)))
_DONE: Final[Route] = (*_VISIT, ("600", _ON_SITE))
_AGAIN: Final[Route] = (("400", (10, 30)), ("600", (20, 90)))

#: What becomes of a task once its day has come, and how often.
ROUTES: Final[dict[Route, int]] = {
    _DONE: 64,
    (*_VISIT, ("610", _ON_SITE)): 8,
    (*_DONE, ("610", (4, 60))): 7,
    (*_VISIT, ("610", _ON_SITE), ("300", (DAY, 4 * DAY)), *_AGAIN): 5,
    (*_VISIT, ("450", _ON_SITE), ("300", (DAY, 3 * DAY)), *_AGAIN): 5,
    (*_DONE, ("200", (60, 300)), ("300", (900, 1300)), *_AGAIN): 4,
    (*_DONE, ("900", (30, 300))): 3,
    (("900", (0, 0)),): 5,
}


class Step(Struct, frozen=True, kw_only=True):
    """A transition. `by`: a person's key; `received` after `moment` where no network was."""

    id: UUID
    state: str
    moment: datetime
    received: datetime
    by: str
    sequence: int
    note: str | None = None
    survey: bool = True
    email: str | None = None


class Recorder:
    """Makes steps up to `now`; counts them, and lets an address be captured once."""

    def __init__(self, chance: Random, now: datetime) -> None:
        self._chance = chance
        self._now = now
        self._sequence = 0
        self._captured: set[UUID] = set()

    def step(self, by: str, state: str, moment: datetime, received: datetime | None = None) -> Step:
        """One step, heard of at once unless `received` says later."""
        self._sequence += 1
        return Step(
            id=new_id(),
            state=state,
            moment=moment,
            received=received or moment,
            by=by,
            sequence=self._sequence,
        )

    def visits(self, client: Client, by: str, start: datetime) -> list[Step]:
        """One of the routes from `start`, as far as the office has heard of it by now."""
        [route] = self._chance.choices(list(ROUTES), list(ROUTES.values()))
        heard = [
            step for step in self._along(client, by, start, route) if step.received < self._now
        ]
        return [*heard, *self._invoiced(heard)]

    def _along(self, client: Client, by: str, start: datetime, route: Route) -> Iterator[Step]:
        moment, offline = start, self._offline()
        for state, (least, most) in route:
            moment += timedelta(seconds=self._chance.randint(least * 60, most * 60))
            step = self.step(by, state, moment, moment + offline)
            yield self._finished(step, client) if state in DEMO.asking_states else step

    def _finished(self, step: Step, client: Client) -> Step:
        """What a technician adds when the work is done: a note, an address, an unticked survey."""
        captured = client.captured if client.id not in self._captured else None
        self._captured.add(client.id)
        return replace(
            step,
            note=self._chance.choice(VISITS.notes) if self._chance.random() < 0.3 else None,
            survey=self._chance.random() > 0.04,
            email=captured,
        )

    def _offline(self) -> timedelta:
        """How long steps wait for a network: seconds mostly, hours in a basement, rarely days."""
        draw = self._chance.random()
        if draw < 0.03:
            return timedelta(days=self._chance.uniform(7.5, 9))
        if draw < 0.15:
            return timedelta(hours=self._chance.uniform(0.5, 7))
        return timedelta(seconds=self._chance.uniform(0.4, 4))

    def _invoiced(self, steps: list[Step]) -> list[Step]:
        """Most finished tasks are invoiced by the office a few days later."""
        if not steps or steps[-1].state not in DEMO.asking_states or self._chance.random() > 0.7:
            return []
        moment = steps[-1].received + timedelta(days=self._chance.uniform(1, 12))
        clerk = self._chance.choice(DEMO.staff("dispatcher")).key
        return [self.step(clerk, "700", moment)] if moment < self._now else []
