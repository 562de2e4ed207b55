"""One rule in two languages: the app promises a survey exactly where `rules` would make one."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeGuard

import msgspec

from rules.at_release import drop_reason_for_state
from rules.decide import FRESH, Decision, RoundSoFar, Schedule
from rules.history import StateKind, Transition, by_rounds, current, ordered
from sync.feed.changes import Ask
from tests.rules.samples import (
    CANCELLED,
    CLOSED,
    DONE,
    ON_SITE,
    TO_RECONTACT,
    at,
    campaign,
    decide,
    hours,
)
from tests.rules.samples import entered as step
from tests.rules.samples import told as said
from tests.rules.test_criteria import CASES
from tests.support.npm import require_node

HERE: Final = Path(__file__).parent
ENGINE: Final = HERE.parents[1] / "server" / "technician" / "app" / "engine"
START: Final = datetime(2026, 3, 8, 5, tzinfo=UTC)
END: Final = datetime(2026, 4, 1, 4, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)


def ask(name: str, **period: datetime) -> dict[str, Any]:
    """A campaign on 600, as devices are told of it."""
    told = {field: moment.isoformat() for field, moment in period.items()}
    return {"campaign": name, "name": name, "states": ["600"], "may_untick": False, **told}


#: As a device gets it, and as an older server told of it.
ASKS: Final = [
    ask("always"),
    ask("from", starts_at=START),
    ask("until", ends_at=END),
    ask("between", starts_at=START, ends_at=END),
]
MOMENTS: Final = {
    START - SECOND: ["always", "until"],
    START: ["always", "from", "until", "between"],
    END - SECOND: ["always", "from", "until", "between"],
    END: ["always", "from"],
}


def in_the_app(folder: Path, script: str, order: dict[str, Any]) -> Any:
    """What `script` prints of `order`, with the app's modules in `folder`."""
    require_node()
    for name in ("asks.js", "address.js", "domain.js", "fold.js"):
        shutil.copy(ENGINE / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    command = ["node", str(HERE / script), str(folder)]
    text = msgspec.json.encode(order)
    done = subprocess.run(command, input=text, capture_output=True, check=True)
    return json.loads(done.stdout)


def test_the_app_judges_criteria_and_periods_as_the_server_does(tmp_path: Path) -> None:
    order = {
        "cases": CASES,
        "asks": ASKS,
        "now": [moment.timestamp() * 1000 for moment in MOMENTS],
    }
    found = in_the_app(tmp_path, "asks.mjs", order)
    expected = {case["name"]: case["admits"] for case in CASES}
    assert dict(zip(expected, found["admitted"], strict=True)) == expected
    assert found["asked"] == list(MOMENTS.values())


class Visit(NamedTuple):
    """What was done on a task before it enters 600 at `HOUR`, in hours; `opened`: rounds.

    `told`: what the server has shown; `waits`: what waits on the phone. `already`: whether an
    earlier step asks, so that this one does not.
    """

    already: bool
    told: tuple[tuple[str, float], ...] = ()
    waits: tuple[tuple[str, float], ...] = ()
    opened: tuple[float, ...] = ()


HOUR: Final = 10
VISITS: Final = {
    "nothing happened": Visit(False),
    "it asked": Visit(True, told=((DONE, 1),)),
    "another of its states asked": Visit(True, told=((TO_RECONTACT, 1),)),
    "it never asked": Visit(False, told=((ON_SITE, 1),)),
    "a round after the step": Visit(False, told=((DONE, 1),), opened=(2,)),
    "a round before the step": Visit(True, told=((DONE, 3),), opened=(2,)),
    "a round as the step happened": Visit(True, told=((DONE, 2),), opened=(2,)),
    "a round of a task that never asked": Visit(False, told=((ON_SITE, 1),), opened=(2,)),
    "a round of a task on which nothing happened": Visit(False, opened=(2,)),
    "on site since the round": Visit(False, told=((DONE, 1), (ON_SITE, 3)), opened=(2,)),
    "done before the round and since": Visit(True, told=((DONE, 1), (DONE, 3)), opened=(2,)),
    "a second state since the round": Visit(True, told=((DONE, 1), (TO_RECONTACT, 3)), opened=(2,)),
    "waits, done before the round": Visit(False, waits=((DONE, 1),), opened=(2,)),
    "waits, done since the round": Visit(True, waits=((DONE, 3),), opened=(2,)),
    "waits, one before and one since": Visit(True, waits=((DONE, 1), (DONE, 3)), opened=(2,)),
    "told before the round, and on site waits": Visit(
        False, told=((DONE, 1),), waits=((ON_SITE, 3),), opened=(2,)
    ),
    "three rounds, asked in both before": Visit(False, told=((DONE, 1), (DONE, 3)), opened=(2, 4)),
    "three rounds, asked in the last": Visit(
        True, told=((DONE, 1), (DONE, 3), (DONE, 5)), opened=(2, 4)
    ),
    "three rounds, nothing in the second": Visit(False, told=((DONE, 1),), opened=(2, 4)),
    "two rounds opened at once": Visit(False, told=((DONE, 1),), opened=(2, 2)),
    "waits, done and back on site": Visit(True, waits=((DONE, 1), (ON_SITE, 3))),
    "called off before the round": Visit(False, told=((DONE, 1), (CANCELLED, 2)), opened=(3,)),
}


KINDS: Final = {
    ON_SITE: StateKind.ACTIVE,
    DONE: StateKind.DONE,
    TO_RECONTACT: StateKind.ACTIVE,
    CLOSED: StateKind.CLOSED,
    CANCELLED: StateKind.CANCELLED,
}
ASKED: Final = campaign()
SELECTED: Final = frozenset({DONE, TO_RECONTACT})


def test_the_app_judges_by_rounds_as_the_server_does(tmp_path: Path) -> None:
    cases = [on_the_phone(visit) for visit in VISITS.values()]
    found = in_the_app(tmp_path, "rounds.mjs", {"kinds": KINDS, "cases": cases})
    assert dict(zip(VISITS, found, strict=True)) == {
        name: [["step" if visit.already else None, False]] for name, visit in VISITS.items()
    }
    for name, visit in VISITS.items():
        last = by_rounds(on_the_server(visit), [at(hour) for hour in visit.opened])[-1]
        outcome = said(decide(last, ASKED), last)[-1]
        assert outcome == ("not_first" if visit.already else "schedule"), name


def on_the_phone(visit: Visit, delay: int = 0) -> dict[str, Any]:
    """The task as the feed tells it, what waits, and the step that is thought of."""
    history = ordered(on_the_server(visit)[: len(visit.told)])
    items = [
        {
            "id": f"waits-{place}",
            "state": state,
            "moment": at(hour).timestamp() * 1000,
            "sequence": place,
            "after": 0,
            "status": "waiting",
            "pulled": False,
        }
        for place, (state, hour) in enumerate(visit.waits)
    ]
    task = {
        "state": "100",
        "round_opened_at": at(visit.opened[-1]) if visit.opened else None,
        "history": [{"id": one.id, "state": one.state, "moment": one.moment} for one in history],
    }
    ask = Ask("one", "one", sorted(SELECTED), "customer", None, False, f"00:{delay:02}:00")
    now = at(HOUR).timestamp() * 1000
    return {"asks": [ask], "byHand": [], "task": task, "items": items, "state": DONE, "now": now}


def on_the_server(visit: Visit) -> list[Transition]:
    """All that happened once the phone has told of it, the step that is thought of included."""
    steps = [*visit.told, *visit.waits, (DONE, HOUR)]
    return [step(state, hour, number) for number, (state, hour) in enumerate(steps, 1)]


def test_where_a_task_went_back_the_app_promises_no_more_than_the_rules_may_do(
    tmp_path: Path,
) -> None:
    """Whatever the delay and however late mail may go: it is sure only where they are."""
    passed = [
        tuple((state, hour) for state, hour in zip(states, (1, 3, 5), strict=True) if state)
        for states in product([*KINDS, None], repeat=3)
    ]
    visits = [
        (Visit(False, told=told, opened=opened), delay)
        for told, opened, delay in product(passed, [(), (2,)], [0, 3, 6])
    ]
    order = {"kinds": KINDS, "cases": [on_the_phone(*one) for one in visits]}
    found = in_the_app(tmp_path, "rounds.mjs", order)
    unsure_of = set()
    for (visit, delay), [[already, unsure]] in zip(visits, found, strict=True):
        outcomes = {outcome(visit, delay, late) for late in (0, 0.5, 2, 3, 5, 99)}
        expected = {"not_first"} if already else {"schedule"}
        assert outcomes == expected or (unsure and "schedule" in outcomes), (visit, delay)
        unsure_of |= outcomes if unsure else set()
    assert unsure_of == {"schedule", "not_first"}


def outcome(visit: Visit, delay: float, late: float) -> str:
    """What the rules decide on the step where mails go `late` hours after they are due."""
    history = by_rounds(on_the_server(visit), [at(hour) for hour in visit.opened])[-1]
    known = history[:-1]
    asked = campaign(delay=hours(delay))
    so_far = FRESH
    while waits := [one for one in decide(known, asked, so_far).values() if is_new(one, so_far)]:
        [scheduled] = waits
        release = scheduled.release + hours(late)
        if release >= at(HOUR):
            break
        last = current(one for one in known if one.moment <= release)
        assert last is not None
        drop = drop_reason_for_state(last.state, KINDS[last.state], SELECTED)
        if drop is None:
            so_far = RoundSoFar(scheduled.transition, {}, None)
        else:
            dropped = {**so_far.dropped, scheduled.transition: drop.reason}
            so_far = RoundSoFar(None, dropped, last.id)
    return said(decide(history, asked, so_far), history)[-1]


def is_new(decision: Decision, so_far: RoundSoFar) -> TypeGuard[Schedule]:
    """Whether a survey waits for its release."""
    return isinstance(decision, Schedule) and decision.transition != so_far.standing
