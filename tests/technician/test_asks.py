"""One rule in two languages: the app promises a survey exactly where `rules` would make one."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from rules.history import Transition, by_rounds, ordered
from sync.feed.changes import Ask
from tests.rules.samples import CANCELLED, DONE, ON_SITE, TO_RECONTACT, at, campaign, decide
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
    text = msgspec.json.encode(order).decode()
    done = subprocess.run(
        ["node", str(HERE / script), str(folder), text], capture_output=True, check=True
    )
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
    """What was done on a task before a step into `state` at `HOUR`, in hours; `opened`: rounds.

    `told`: what the server has shown; `waits`: what waits on the phone. `already`: whether an
    earlier step asks, so that this one does not.
    """

    already: bool
    told: tuple[tuple[str, float], ...] = ()
    waits: tuple[tuple[str, float], ...] = ()
    opened: tuple[float, ...] = ()
    state: str = DONE


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
    "called off before the round": Visit(False, told=((DONE, 1), (CANCELLED, 2)), opened=(3,)),
}


def test_the_app_judges_by_rounds_as_the_server_does(tmp_path: Path) -> None:
    asked = campaign()
    states = sorted({state for rule in asked.rules for state in rule.states})
    ask = Ask("one", "one", states, "customer", None, False)
    order = {"asks": [ask], "cases": [on_the_phone(visit) for visit in VISITS.values()]}
    found = in_the_app(tmp_path, "rounds.mjs", order)
    assert dict(zip(VISITS, found, strict=True)) == {
        name: [visit.already] for name, visit in VISITS.items()
    }
    for name, visit in VISITS.items():
        last = by_rounds(on_the_server(visit), [at(hour) for hour in visit.opened])[-1]
        outcome = said(decide(last, asked), last)[-1]
        assert outcome == ("not_first" if visit.already else "schedule"), name


def on_the_phone(visit: Visit) -> dict[str, Any]:
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
    now = at(HOUR).timestamp() * 1000
    return {"task": task, "items": items, "state": visit.state, "now": now}


def on_the_server(visit: Visit) -> list[Transition]:
    """All that happened once the phone has told of it, the step that is thought of included."""
    steps = [*visit.told, *visit.waits, (visit.state, HOUR)]
    return [step(state, hour, number) for number, (state, hour) in enumerate(steps, 1)]
