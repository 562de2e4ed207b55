"""Points 8 and 21: what an edit changes, and what it leaves as it was planned."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from sync.ids import new_id
from tests.mail import campaigns
from tests.server.test_api_campaigns import definition
from tests.server.test_api_criteria import active, decided, finish, put
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.office import Office, in_database

NOW: Final = timedelta(0)
LONG_AGO: Final = timedelta(days=20)


class Edit(msgspec.Struct, frozen=True):
    """A step is planned under `before`, and again under `after` when its task is closed.

    `age`: of the step. `decided`: what is decided on it by both.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    decided: list[str]
    age: timedelta = NOW
    state: str = "600"
    survey: bool = True


def on(*states: str) -> dict[str, Any]:
    """Rules that select these states."""
    return {"rules": [{"task_types": [], "states": list(states)}]}


def day(later: int) -> str:
    """A day so many days from now."""
    return (datetime.now(UTC) + timedelta(days=later)).date().isoformat()


EDITS: Final = {
    "first day": Edit({"first_day": day(3)}, {"first_day": None}, ["before_activation"]),
    "last day": Edit({"last_day": day(-3)}, {"last_day": day(9)}, ["after_period"]),
    "stale later": Edit({"stale_days": 7}, {"stale_days": 60}, ["stale"], LONG_AGO),
    "stale never": Edit({"stale_days": 7}, {"stale_days": None}, ["stale"], LONG_AGO),
    "unticked": Edit(
        {"opt_out_allowed": True}, {"opt_out_allowed": False}, ["opted_out_by_agent"], survey=False
    ),
    "wider criteria": Edit({"criteria": {"priorities": ["haute"]}}, {"criteria": {}}, ["criteria"]),
    "another state": Edit(on("610"), on("600", "610"), []),
    "other states": Edit(
        {"first_day": day(3)} | on("600"),
        {"first_day": None} | on("700"),
        ["before_activation", "not_first"],
    ),
    "another task type": Edit(
        {"rules": [{"task_types": ["installation"], "states": ["600"]}]}, on("600"), []
    ),
}


def said(office: Office, fields: dict[str, Any]) -> dict[str, Any]:
    """A definition whose rules name the account's task types."""
    whole = definition(office, **fields)
    for rule in whole["rules"]:
        world = office.world
        named = rule["task_types"] == ["installation"]
        rule["task_types"] = [str(world.installation if named else world.service_call)]
    return whole


def step(api: Served, office: Office, task: UUID, state: str, edit: Edit) -> None:
    """Alice's device tells of a step: of its age, or now where it closes the task."""
    now, closes = datetime.now(UTC), state == "700"
    item = {"id": str(new_id()), "task": str(task), "state": state, "survey": edit.survey}
    item |= {"moment": (now if closes else now - edit.age).isoformat(), "sequence": 1 + closes}
    push = {"device_now": now.isoformat(), "transitions": [item]}
    answer = api.client.post("/api/v1/sync/push", json=push, headers=office.device)
    assert [one["verdict"] for one in answer.json()["results"]] == ["accepted"]


@pytest.fixture(scope="module")
def asked(api: Served, shared: TestDatabase, north: Office) -> dict[str, list[str]]:
    """What was decided at last on the task of each edit by the campaign that was edited."""
    made: dict[str, tuple[UUID, UUID]] = {}
    for name in EDITS:
        campaign = in_database(shared.worker, partial(campaigns.active, north.world))
        made[name] = campaign, in_database(shared.api, north.world.task)
    for is_after in (False, True):
        for name, (campaign, _) in made.items():
            fields = EDITS[name].after if is_after else EDITS[name].before
            body = {"name": name, "definition": said(north, fields)}
            path = f"/api/v1/campaigns/{campaign}"
            answer = api.client.put(path, json=body, headers=north.program)
            assert answer.status_code == 200, answer.text
        for name, (_, task) in made.items():
            step(api, north, task, "700" if is_after else EDITS[name].state, EDITS[name])
        in_database(shared.worker, campaigns.plan_all)
    return {
        name: decided(api, shared, north, task, str(campaign))
        for name, (campaign, task) in made.items()
    }


@pytest.mark.parametrize("name", EDITS)
def test_8_no_edit_asks_about_what_is_past(asked: dict[str, list[str]], name: str) -> None:
    assert asked[name] == EDITS[name].decided


def test_21_what_waits_stays_whatever_becomes_of_the_tree_of_units(
    api: Served, shared: TestDatabase, office: Office
) -> None:
    """A survey was scheduled by the unit that its step has; a step after the move is outside."""
    world = office.world
    east = {"criteria": {"units": [str(world.region)]}}
    campaign = active(api, office, "Est", delay="00:12:00", **east)
    finish(api, office, office.task)
    assert decided(api, shared, office, office.task, campaign) == ["scheduled"]
    put(api, office, "units", world.site, parent=str(world.head_office))
    finish(api, office, office.task, "700")
    assert decided(api, shared, office, office.task, campaign) == ["scheduled"]
    other = in_database(shared.api, world.task)
    finish(api, office, other)
    assert decided(api, shared, office, other, campaign) == ["criteria"]
