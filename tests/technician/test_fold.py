"""Two folds of one history: the app shows what the server will, whatever the clock said."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from rules.history import Transition, current, ordered
from tests.support.npm import require_node

HERE: Final = Path(__file__).parent
ENGINE: Final = HERE.parents[1] / "server" / "technician" / "app" / "engine"

PHONE: Final = UUID(int=500)
TYPE: Final = UUID(int=600)
START: Final = datetime(2026, 6, 1, 8, tzinfo=UTC)
STATES: Final = ("200", "300", "600", "610")
#: Hours by which the clock was wrong as each of the steps was made.
CLOCKS: Final = tuple(product((-2, 0, 2), repeat=4))


def steps_of(wrong: tuple[int, ...], received: datetime) -> list[Transition]:
    """Four steps of the phone, half an hour apart, and one of the office in the middle."""
    own = [
        Transition(
            id=UUID(int=place + 1),
            type=TYPE,
            state=STATES[place],
            moment=min(START + timedelta(hours=place / 2 + wrong[place]), received),
            sequence=place,
            received=received,
            device=PHONE,
        )
        for place in range(4)
    ]
    moment = START + timedelta(minutes=40)
    return [*own, Transition(UUID(int=9), TYPE, "900", moment, 0, moment)]


def case(wrong: tuple[int, ...], told: int) -> tuple[dict[str, Any], list[Transition]]:
    """What the phone holds when `told` of its steps are settled, and what the server will say."""
    soon, later = START + timedelta(hours=3), START + timedelta(hours=4)
    first = steps_of(wrong, soon)
    known = [*first[:told], first[-1]]
    waiting = steps_of(wrong, later)[told:4]
    history = [
        {"id": str(one.id), "state": one.state, "moment": one.moment.isoformat(), "survey": True}
        for one in ordered(known)
    ]
    items = [
        {
            "id": str(one.id),
            "state": one.state,
            "moment": (START + timedelta(hours=place / 2 + wrong[place])).timestamp() * 1000,
            "sequence": place,
            "after": 0,
            "status": "accepted" if place < told else "held",
            "pulled": place < told,
            "note": None,
            "survey": True,
        }
        for place, one in enumerate(first[:4])
    ]
    return {"task": {"state": "100", "history": history}, "items": items}, [*known, *waiting]


def test_the_app_folds_the_steps_of_its_device_in_their_sequence_as_the_server_does(
    tmp_path: Path,
) -> None:
    require_node()
    shutil.copy(ENGINE / "fold.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    cases = [case(wrong, told) for wrong in CLOCKS for told in range(5)]
    done = subprocess.run(
        ["node", str(HERE / "fold.mjs"), str(tmp_path)],
        input=json.dumps([one for one, _ in cases]).encode(),
        capture_output=True,
        check=True,
    )
    for (said, history), (ids, state) in zip(cases, json.loads(done.stdout), strict=True):
        last = current(history)
        assert last is not None
        assert ids == [str(one.id) for one in ordered(history)], said
        assert state == last.state
