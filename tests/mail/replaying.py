"""Small worlds whose tasks are lived through push by push, to be replayed afterwards."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from hypothesis import strategies as st

from mail.campaigns.account_switch import pause_sending, resume_sending
from mail.campaigns.calendar import AccountCalendar, WeekHours, save_calendar
from mail.campaigns.cap import SurveyCap, set_cap
from mail.campaigns.lifecycle import pause_campaign, resume_campaign
from mail.planning.rounds import open_round
from mail.replay.lines import Line
from mail.replay.run import Replay, Wanted, replay_campaign
from rules.campaign import AddressField
from sync.database import tx
from sync.messages import DeviceScope
from tests.mail.campaigns import active, plan_all, rows
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post

#: A Thursday. Clocks in Montreal go forward on the Sunday after.
START: Final = datetime(2026, 3, 5, 15, tzinfo=UTC)
LENGTH: Final = 12 * DAY
#: Of a location without an address of its own, of one with, of two customers, and of nobody.
ADDRESSES: Final = ("a@example.net", " A@Example.net", "b@example.net", None)
STATES: Final = ("600", "600", "610", "300", "300", "700", "900")

#: Outcome, release and address of a transition.
Fate: TypeAlias = tuple[str, datetime | None, str | None]


class Step(NamedTuple):
    """A step of a task by one of two devices. `late`: its reception after its moment."""

    state: str
    moment: timedelta
    late: timedelta
    device: int
    survey: bool


class Life(NamedTuple):
    """A task of a customer, its steps, and when its second round is opened, if it is."""

    customer: int
    steps: tuple[Step, ...]
    opened: timedelta | None


class Stop(NamedTuple):
    """A pause of the campaign, or of all sending."""

    start: timedelta
    length: timedelta
    everything: bool


class History(NamedTuple):
    """A campaign's options, whether there are quiet hours, the tasks, pauses, and the cap."""

    options: dict[str, Any]
    quiet: bool
    lives: tuple[Life, ...]
    stops: tuple[Stop, ...]
    cap: SurveyCap | None


def minutes(most: timedelta) -> st.SearchStrategy[timedelta]:
    """Times of up to `most`, a whole number of minutes, most of them whole hours."""
    exact = st.integers(0, most // MINUTE).map(lambda number: number * MINUTE)
    return st.integers(0, most // HOUR).map(lambda number: number * HOUR) | exact


def histories() -> st.SearchStrategy[History]:
    """Histories of some days: late, out of order, gone back, cancelled, in two rounds."""
    late = st.sampled_from([timedelta(0)] * 3 + [HOUR, DAY, 8 * DAY])
    device, survey = st.sampled_from([0, 0, 1]), st.sampled_from([True] * 4 + [False])
    moment = minutes(2 * DAY) | minutes(LENGTH)
    step = st.builds(Step, st.sampled_from(STATES), moment, late, device, survey)
    steps = st.lists(step, min_size=1, max_size=6, unique_by=lambda one: one.moment).map(tuple)
    opened = st.none() | st.none() | minutes(LENGTH)
    life = st.builds(Life, st.integers(0, len(ADDRESSES) - 1), steps, opened)
    options = st.fixed_dictionaries(
        {
            "delay": st.sampled_from(["00:00:00", "00:12:00", "00:12:00", "02:00:00"]),
            "delay_in": st.sampled_from(["elapsed", "elapsed", "working"]),
            "mute_per": st.sampled_from(["address", "customer"]),
            "mute": st.sampled_from([None, "01:00:00", "07:00:00", "00:05:30"]),
            "stale_days": st.sampled_from([7, None]),
            "opt_out_allowed": st.booleans(),
            "sample_percent": st.sampled_from([100, 100, 60]),
        }
    )
    lives = st.lists(life, min_size=2, max_size=4).map(tuple)
    lengths = st.sampled_from([HOUR, 3 * DAY, 5 * DAY, 8 * DAY])
    stop = st.builds(Stop, minutes(LENGTH), lengths, st.booleans())
    stops = st.just(()) | st.lists(stop, min_size=1, max_size=2).map(tuple)
    caps = [None, None, SurveyCap(1, 3), SurveyCap(2, 30)]
    return st.builds(History, options, st.booleans(), lives, stops, st.sampled_from(caps))


class Live:
    """An account that lives through a history."""

    def __init__(self, post: Post) -> None:
        self.post, self.world = post, post.world
        self.devices: list[DeviceScope] = []
        self.campaign: UUID

    async def begin(self, history: History) -> list[UUID]:
        """The tasks, before anything happens, and a campaign that has been active for long."""
        await self.post.owner.set_clock(START - DAY)
        self.campaign = await active(self.world, secondary=AddressField.LOCATION, **history.options)
        async with tx(self.world.account) as opened:
            await set_cap(opened, history.cap)
        if history.quiet:
            day = ["09:00-12:00", "13:00-17:00"]
            async with tx(self.world.account) as opened:
                await save_calendar(opened, AccountCalendar(mail_hours=WeekHours(*[day] * 5)))
        self.devices = [await self.world.device(self.world.alice) for _ in range(2)]
        customers = await self.world.customers(*({"email": email} for email in ADDRESSES))
        place = await self.world.location(customer=customers[-1], email="place@example.net")
        return await self.world.tasks(
            *(
                {"customer": customers[life.customer], "location": place if life.opened else None}
                for life in history.lives
            )
        )

    async def live(self, history: History) -> None:
        """Each step arrives when it is received; each survey is released when it is due."""
        tasks = await self.begin(history)
        for at, _, act in sorted(self._events(history, tasks), key=lambda event: event[:2]):
            await self.release(at)
            await act()
        await self.release(START + LENGTH + 9 * DAY)

    def _events(
        self, history: History, tasks: Iterable[UUID]
    ) -> Iterable[tuple[datetime, int, Callable[[], Awaitable[None]]]]:
        """What happens when. No two things happen at once, so there is an order to be replayed."""
        found: list[tuple[timedelta, Callable[[], Awaitable[None]]]] = []
        for task, life in zip(tasks, history.lives, strict=True):
            if life.opened is not None:
                found.append((life.opened, partial(self._open_round, task)))
            for number, step in enumerate(life.steps):
                found.append((step.moment + step.late, partial(self._push, task, step, number)))
        for stop in history.stops:
            found.append((stop.start, partial(self._stop, stop)))
            found.append((stop.start + stop.length, partial(self._go_on, stop)))
        for place, (span, act) in enumerate(found):
            yield START + span + place * 7 * SECOND, place, act

    async def _open_round(self, task: UUID) -> None:
        async with tx(self.world.account) as opened:
            await open_round(opened, task, 2, None, "Une autre visite")

    async def _push(self, task: UUID, step: Step, number: int) -> None:
        item = self.world.item(
            task, step.state, START + step.moment, survey=step.survey, sequence=number
        )
        pushed = await self.world.push(self.devices[step.device], item)
        assert {result.verdict for result in pushed.results} == {"accepted"}
        await plan_all()

    async def _stop(self, stop: Stop) -> None:
        async with tx(self.world.account) as opened:
            if stop.everything:
                await pause_sending(opened, None, "Une panne")
            else:
                await pause_campaign(opened, self.campaign)

    async def _go_on(self, stop: Stop) -> None:
        async with tx(self.world.account) as opened:
            if stop.everything:
                await resume_sending(opened)
            else:
                await resume_campaign(opened, self.campaign)

    async def release(self, until: datetime) -> None:
        """Let out what is due before `until`, each at its time, or when a pause has ended."""
        while True:
            [[due]] = await rows(self.world, _DUE, self.world.account)
            if due is None or due >= until:
                await self.post.owner.set_clock(until)
                return
            await self.post.owner.set_clock(due)
            await self.post.deliver_all()

    async def fates(self) -> dict[UUID, Fate]:
        """What became of each transition that the campaign selects."""
        return await fates(self.world.account, self.campaign)

    async def replayed(self, **wanted: Any) -> Replay:
        """The replay of its campaign on the whole history."""
        asked = Wanted(**{"days": 40, "limit": 100, **wanted})
        return await replay_campaign(self.world.account, self.campaign, asked)


#: When the next survey is due; none while there is a pause, of one campaign or of all.
_DUE: Final = """
SELECT min(greatest(release, not_before, retour_now())) FROM outbox
WHERE account = $1
  AND NOT EXISTS (SELECT FROM campaign_pause WHERE account = $1 AND end_at IS NULL)
  AND NOT EXISTS (SELECT FROM sending_pause WHERE account = $1 AND end_at IS NULL)
"""

_FATES: Final = """
SELECT d.transition, d.outcome, d.release, i.typed_address FROM decision d
LEFT JOIN invitation i ON i.account = d.account AND i.campaign = d.campaign
  AND i.transition = d.transition AND d.outcome = 'scheduled'
WHERE d.account = $1 AND d.campaign = $2
"""


async def fates(account: int, campaign: UUID) -> dict[UUID, Fate]:
    """What became of each transition that a campaign selects; addresses of those that were sent."""
    async with tx(account) as opened:
        found = await opened.fetch(_FATES, account, campaign)
    return {
        row["transition"]: (row["outcome"], row["release"], row["typed_address"]) for row in found
    }


def fate_of(line: Line) -> Fate:
    """The same of a line of a replay."""
    if line.outcome == "scheduled":
        return line.outcome, line.release, line.address
    return line.outcome, None, None
