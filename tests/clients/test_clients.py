"""Other people's libraries, as they come from npm, under Node against a live Retour."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.clients.days import (
    ACCEPTED,
    TRANSITIONS,
    Planned,
    plan_day,
    read_tasks,
    read_verdicts,
)
from tests.clients.line import CUTS, Line
from tests.clients.programs import Program
from tests.clients.starting import LIBRARIES, prepare, started, verdicts
from tests.protocol.apps import House
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.office import in_database
from tests.support.world import World

TASKS = 30
#: Two phones of one technician, who see each other's work, and one of another.
PHONES = {"first": "alice", "second": "alice", "third": "bob"}


@pytest.fixture
def api(database: TestDatabase) -> Iterator[Served]:
    """A live Retour."""
    with served(database, hosts="127.0.0.1") as serving:
        yield serving


class Day(msgspec.Struct):
    """An account, who does what in it, and what opens it to each phone."""

    world: World
    own: dict[str, list[UUID]]
    plans: dict[str, list[Planned]]
    credentials: dict[str, str]


async def begin() -> Day:
    """Tasks for alice and for bob, a plan and a device for each phone."""
    world = await World.create()
    own = {
        name: [await world.task(technician=getattr(world, name)) for _ in range(TASKS)]
        for name in ("alice", "bob")
    }
    others = {"alice": own["bob"], "bob": own["alice"]}
    plans = {phone: plan_day(own[name], others[name]) for phone, name in PHONES.items()}
    credentials = {
        phone: f"rtd_{(await world.enrolled(getattr(world, name)))[1]}"
        for phone, name in PHONES.items()
    }
    return Day(world, own, plans, credentials)


@pytest.mark.parametrize("library", LIBRARIES)
def test_three_phones_settle_a_thousand_offline_transitions_each_over_a_line_that_is_cut(
    library: str, database: TestDatabase, api: Served, tmp_path: Path
) -> None:
    name = prepare(library, "day", tmp_path)
    day = in_database(database.api, begin)
    with Line(api.base_url) as line:
        ended = live_through(day, tmp_path, name, line)
        assert line.cuts >= len(CUTS)
    account = day.world.account
    told = in_database(database.api, lambda: read_verdicts(account))
    states = in_database(database.api, lambda: read_tasks(account))
    expected = {phone: verdicts(plan) for phone, plan in day.plans.items()}
    for phone, name in PHONES.items():
        assert ended[phone]["waiting"] == 0
        assert ended[phone]["verdicts"] == expected[phone]
        own = [str(task) for task in day.own[name]]
        assert ended[phone]["states"] == {task: states[task] for task in own}
    everything = {key: one for plan in expected.values() for key, one in plan.items()}
    assert told == {key: one for key, one in everything.items() if one[1] != "malformed"}
    assert len(set(states.values())) > 1


def live_through(day: Day, folder: Path, name: str, line: Line) -> dict[str, dict[str, Any]]:
    """The phones' day: in sync, a day without network, a bad network, a good one."""
    with ExitStack() as stack:
        programs = {}
        for phone, plan in day.plans.items():
            credential = day.credentials[phone]
            program = started(credential, line.origin, plan, folder, name, phone)
            programs[phone] = stack.enter_context(program)
        for program in programs.values():
            assert program.hear("synced")["tasks"] == TASKS
        line.go_away()
        for program in programs.values():
            program.say("record")
        for program in programs.values():
            assert program.hear("recorded")["waiting"] == TRANSITIONS
        line.come_back(bad=True)
        for program in programs.values():
            program.hear("settled")
        line.heal()
        for program in programs.values():
            program.say("finish")
        return {phone: program.hear("done") for phone, program in programs.items()}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_phone_ends_right_after_a_restore_and_hears_what_a_dispatcher_accepts(
    library: str, database: TestDatabase, api: Served, tmp_path: Path
) -> None:
    name = prepare(library, "day", tmp_path)
    phone = House(database, api).phone()
    theirs = phone.task(technician=phone.office.world.bob)
    _, backup = phone.head()
    lost = phone.task()
    plan = plan_day([phone.office.task], [theirs], count=10)
    with started(phone.office.credential, api.base_url, plan, tmp_path, name) as program:
        assert program.hear("synced")["tasks"] == 2
        phone.restore(backup)
        program.say("record")
        assert program.hear("recorded")["waiting"] == len(plan)
        program.hear("settled")
        (refused,) = [written["id"] for written, verdict in plan if verdict != ACCEPTED]
        phone.accept(refused)
        program.say("finish")
        ended = program.hear("done")
    assert ended["waiting"] == 0
    assert ended["verdicts"] == {written["id"]: ACCEPTED for written, _ in plan}
    assert str(lost) not in ended["states"]
    states = in_database(database.api, lambda: read_tasks(phone.office.world.account))
    assert ended["states"] == {str(phone.office.task): states[str(phone.office.task)]}


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_open_app_gets_news_by_itself_also_after_its_line_was_cut(
    library: str, database: TestDatabase, api: Served, tmp_path: Path
) -> None:
    name = prepare(library, "live", tmp_path)
    phone = House(database, api).phone()
    with (
        Line(api.base_url) as line,
        started(phone.office.credential, line.origin, [], tmp_path, name) as program,
    ):
        until_held(program, 1)
        phone.task()
        until_held(program, 2)
        line.go_away()
        phone.task()
        line.come_back(bad=False)
        until_held(program, 3)


def until_held(program: Program, count: int) -> None:
    """Return when the phone holds so many tasks."""
    while program.hear("tasks")["count"] != count:
        pass
