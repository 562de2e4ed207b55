"""What happened in the field of the demo: tasks with their steps, up to `now` and planned beyond.

Pure but for fresh ids: the same seed and the same `now` tell the same story.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from server.demo.clients import Client
from server.demo.fixture import DEMO, VISITS, Person
from server.demo.steps import Recorder, Step
from sync.ids import new_id

PAST: Final = 240
TODAY: Final = 14
AHEAD: Final = 18
UNASSIGNED: Final = 13
DAYS: Final = 90
#: Tasks that just ended, and how many minutes ago: their surveys go soon, or at once.
JUST_ENDED: Final = (
    ("service", 185),
    ("installation", 150),
    ("service", 95),
    ("service", 40),
    ("entretien", 22),
    ("entretien", 9),
    ("entretien", 4),
)


class Job(Struct, frozen=True):
    """A task. `technician`: a person's key, None while nobody has it. Times are UTC."""

    id: UUID
    number: str
    type: str
    title: str
    client: Client
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
        """New until somebody has it."""
        return "100" if self.technician is None else "200"


class Narrator:
    """Tells the tasks one after the other."""

    def __init__(self, chance: Random, now: datetime, clients: list[Client]) -> None:
        self._chance = chance
        self._now = now
        self._clients = clients
        self._zone = ZoneInfo(DEMO.account.zone)
        self._recorder = Recorder(chance, now)
        self._technicians = DEMO.staff("technician")
        self._number = 24_000

    def jobs(self) -> list[Job]:
        """All tasks of the demo, those of the past in order."""
        return [
            *(self._visited(start) for start in sorted(self._hour() for _ in range(PAST))),
            *(self._just_ended(kind, ago) for kind, ago in JUST_ENDED),
            *(self._under_way(place) for place in range(TODAY)),
            *(self._tried_first(place, one) for place, one in enumerate(self._technicians)),
            *(self._planned(place) for place in range(AHEAD)),
            *(self._job(self._type(), self._client(), None, None) for _ in range(UNASSIGNED)),
        ]

    def _hour(self) -> datetime:
        """A moment of the past on a weekday between eight and four, local time."""
        while True:
            ago = timedelta(days=self._chance.uniform(1.3, DAYS))
            local = (self._now - ago).astimezone(self._zone)
            if local.weekday() < 5:
                return self._utc(local.replace(hour=self._chance.randrange(8, 16)))

    def _utc(self, local: datetime) -> datetime:
        return local.astimezone(self._now.tzinfo)

    def _type(self) -> str:
        [kind] = self._chance.choices(["service", "installation", "entretien"], [50, 25, 25])
        return kind

    def _client(self) -> Client:
        return self._chance.choice(self._clients)

    def _technician(self, client: Client) -> Person:
        """Somebody of the client's site."""
        near = [one for one in self._technicians if one.unit == client.site]
        return self._chance.choice(near)

    def _visited(self, start: datetime) -> Job:
        client = self._client()
        technician = self._technician(client)
        steps = self._recorder.visits(client, technician.key, start)
        return self._job(self._type(), client, technician, start, *steps)

    def _just_ended(self, kind: str, minutes_ago: int) -> Job:
        """A task whose customer has an address and will be asked."""
        client = self._chance.choice([one for one in self._clients if one.email])
        technician = self._technician(client)
        end = self._now - timedelta(minutes=minutes_ago)
        steps = [
            self._recorder.step(technician.key, state, end - timedelta(minutes=before))
            for state, before in (("300", 110), ("400", 80), ("600", 0))
        ]
        return self._job(kind, client, technician, steps[0].moment, *steps)

    def _under_way(self, place: int) -> Job:
        """Today's visits: some on the way, on site or waiting, the others still to come."""
        client = self._client()
        technician = self._technician(client)
        start = self._now + timedelta(minutes=45 * (place - 5))
        left = self._now - timedelta(minutes=70 - 4 * place)
        on_the_way = (("300", 0), ("400", 20), ("450", 25))[: 1 + place % 3] if place < 8 else ()
        steps = [
            self._recorder.step(technician.key, state, left + timedelta(minutes=after))
            for state, after in on_the_way
        ]
        return self._job(self._type(), client, technician, start, *steps)

    def _planned(self, place: int) -> Job:
        """Visits of tomorrow and the day after."""
        client = self._client()
        return self._job(
            self._type(),
            client,
            self._technician(client),
            self._appointment(1 + place // 14, place),
        )

    def _tried_first(self, place: int, technician: Person) -> Job:
        """Tomorrow's maintenance, to see a mail at once: everybody has one to finish."""
        near = [one for one in self._clients if one.email and one.site == technician.unit]
        client = self._chance.choice(near)
        return self._job("entretien", client, technician, self._appointment(1, place))

    def _appointment(self, days: int, place: int) -> datetime:
        day = self._now.astimezone(self._zone) + timedelta(days=days)
        return self._utc(day.replace(hour=8 + place % 8, minute=30 * (place % 2)))

    def _job(
        self,
        kind: str,
        client: Client,
        technician: Person | None,
        start: datetime | None,
        *steps: Step,
    ) -> Job:
        chance = self._chance
        self._number += chance.randint(1, 4)
        earliest = min(start or self._now, steps[0].moment if steps else self._now, self._now)
        return Job(
            id=new_id(),
            number=f"BT-{self._number}",
            type=kind,
            title=chance.choice(VISITS.titles[kind]),
            client=client,
            technician=None if technician is None else technician.key,
            created=earliest - timedelta(hours=chance.uniform(3, 140)),
            scheduled=None if start is None else start.replace(second=0, microsecond=0),
            steps=steps,
            priority=chance.choices(VISITS.priorities, [15, 60, 18, 7])[0],
            reason=chance.choice(VISITS.reasons),
            channel=chance.choice(VISITS.channels),
            tags=chance.sample(VISITS.tags, k=chance.choice([0, 0, 1, 2])),
        )
