"""Short ways to say a transition, a campaign and a history in these tests."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from rules import decide as deciding
from rules.calendar import ALWAYS, Calendar
from rules.campaign import AddressField, Campaign, Pause, Period, Rule, Status
from rules.criteria import Criteria, Facts
from rules.decide import FRESH, Decision, RoundSoFar, Schedule
from rules.history import Transition

SERVICE_CALL = UUID(int=1)
INSTALLATION = UUID(int=2)
NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
"""A Monday. Every campaign here was activated ten days before, unless said otherwise."""

TASK = UUID(int=7)
DONE, TO_RECONTACT, ON_SITE, CLOSED, CANCELLED = "600", "610", "300", "700", "900"


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def at(hour: float) -> datetime:
    """The moment `hour` hours after noon."""
    return NOON + hours(hour)


def entered(state: str, hour: float, number: int | None = None, **rest: Any) -> Transition:
    """A transition `hour` hours after noon, received at once; its id is 1000 + the hour."""
    moment = at(hour)
    rest.setdefault("received", moment)
    rest.setdefault("sequence", 0)
    rest.setdefault("type", SERVICE_CALL)
    which = 1000 + int(hour) if number is None else number
    return Transition(id=UUID(int=which), state=state, moment=moment, **rest)


def campaign(**rest: Any) -> Campaign:
    """An active campaign on 600 and 610 of service calls, at once, with a 7-day mute."""
    defaults: dict[str, Any] = {
        "id": UUID(int=77),
        "version": 1,
        "rules": (Rule(frozenset({SERVICE_CALL}), frozenset({DONE, TO_RECONTACT})),),
        "primary": AddressField.CUSTOMER,
        "mute": days(7),
        "status": Status.ACTIVE,
        "activated_at": NOON - days(10),
    }
    return Campaign(**(defaults | rest))


def decide(
    history: Sequence[Transition],
    asked: Campaign,
    past: RoundSoFar = FRESH,
    calendar: Calendar = ALWAYS,
) -> dict[UUID, Decision]:
    """What `asked` decides on the history of `TASK`, whose location has this `calendar`."""
    return deciding.decide(history, asked, TASK, past, calendar)


def told(decisions: dict[UUID, Decision], history: Iterable[Transition]) -> list[str]:
    """The decisions of `history` as words, in the order given: schedule, or the reason."""
    found = [decisions[one.id] for one in history if one.id in decisions]
    return ["schedule" if isinstance(one, Schedule) else str(one.reason) for one in found]


def facts() -> st.SearchStrategy[Facts]:
    """Facts of few values, so that they often meet and often miss `criteria`."""
    word = st.none() | st.sampled_from(["a", "b"])
    key = st.sampled_from([UUID(int=1), UUID(int=2)])
    words = st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(tuple)
    return st.builds(Facts, key, word, word, word, st.none() | key, words, words)


def criteria() -> st.SearchStrategy[Criteria]:
    """Criteria, most of them naming nothing."""
    words = st.frozensets(st.sampled_from(["a", "b", "c"]), max_size=1)
    keys = st.frozensets(st.sampled_from([UUID(int=1), UUID(int=2)]), max_size=1)
    return st.builds(Criteria, keys, words, words, words, keys, words, words)


@st.composite
def histories(draw: st.DrawFn, most: int = 8) -> list[Transition]:
    """Up to `most` transitions of one task over two weeks, some late, unticked or silent."""
    count = draw(st.integers(0, most))
    found = []
    for number in range(count):
        hour = draw(st.integers(-14 * 24, 0))
        late = draw(st.sampled_from([0, 0, 1, 24, 9 * 24]))
        found.append(
            entered(
                draw(st.sampled_from([DONE, DONE, TO_RECONTACT, ON_SITE, CLOSED, CANCELLED])),
                hour,
                number,
                sequence=draw(st.integers(0, 2)),
                received=at(hour + late),
                survey=draw(st.integers(0, 4)) > 0,
                silent=draw(st.integers(0, 9)) == 0,
                facts=draw(facts()),
            )
        )
    return found


@st.composite
def clocks(draw: st.DrawFn, devices: int = 2) -> list[Transition]:
    """Up to 6 steps of each device, a minute apart, whose clocks are up to two hours wrong.

    Receptions are in the order of a shuffle; no moment is later than its reception.
    """
    found = []
    for device in range(devices):
        count = draw(st.integers(0, 6))
        waits = draw(st.permutations(range(count)))
        for number in range(count):
            received = (waits[number] + 1) / 4
            wrong = draw(st.integers(-120, 120))
            found.append(
                entered(
                    draw(st.sampled_from([DONE, TO_RECONTACT, ON_SITE, CLOSED])),
                    min((number + wrong) / 60, received),
                    100 * device + number,
                    sequence=number,
                    received=at(received),
                    device=UUID(int=500 + device),
                )
            )
    return found


_SELDOM = st.integers(0, 4).map(lambda drawn: drawn == 4)


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    """Campaigns that differ in all that deciding looks at; about half of them ask somebody."""
    pauses = st.builds(
        lambda start, length: Pause(at(start), length and at(start + length)),
        st.integers(-10 * 24, 0),
        st.none() | st.integers(1, 48),
    )
    return campaign(
        delay=hours(draw(st.integers(0, 72))),
        stale=draw(st.none() | st.just(days(7))),
        activated_at=draw(st.sampled_from([*[NOON - days(15)] * 6, NOON - days(3), None])),
        pauses=tuple(draw(st.lists(pauses, max_size=2))) if draw(_SELDOM) else (),
        opt_out_allowed=draw(st.booleans()),
        period=draw(st.sampled_from([*[Period()] * 6, Period(at(-150), at(-24))])),
        criteria=draw(criteria()) if draw(_SELDOM) else Criteria(),
        sample_percent=draw(st.sampled_from([*[100] * 6, 1, 50])),
    )
