"""Criteria, samples and periods of campaigns over HTTP: taken, refused, and what comes of them."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from mail.campaigns.criteria import CriteriaNamed
from rules.criteria import in_sample
from sync.ids import new_id
from tests.mail import campaigns
from tests.mail.campaigns import plan_all
from tests.server.test_api_campaigns import act, create, definition
from tests.server.test_pages_promised import refused
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import words_of
from tests.support.office import Office, in_database

#: A unit or user that nobody has.
NOBODY: Final = "00000000-0000-7000-8000-000000000000"
TEXTS: Final = ("priorities", "reasons", "channels", "tags", "customer_tags")


def active(api: Served, office: Office, name: str, **fields: Any) -> str:
    """A campaign that is active; its id."""
    made = create(api, office, name=name, definition=definition(office, **fields))
    assert made.status_code == 201, made.text
    campaign: str = made.json()["id"]
    assert act(api, office, campaign, "activate").status_code == 200
    return campaign


def put(api: Served, office: Office, plural: str, key: object, **fields: Any) -> None:
    """Create or change a record."""
    body = {"items": [{"id": str(key), **fields}]}
    answer = api.client.post(f"/api/v1/{plural}/upsert", json=body, headers=office.program)
    assert answer.status_code == 200, answer.text


def finish(api: Served, office: Office, task: object, state: str = "600") -> None:
    """Alice's device tells that `task` is done."""
    now = datetime.now(UTC).isoformat()
    item = {"id": str(new_id()), "task": str(task), "state": state, "moment": now, "sequence": 1}
    push = {"device_now": now, "transitions": [item]}
    answer = api.client.post("/api/v1/sync/push", json=push, headers=office.device)
    assert [one["verdict"] for one in answer.json()["results"]] == ["accepted"]


def decided(
    api: Served, shared: TestDatabase, office: Office, task: object, campaign: str
) -> list[str]:
    """What `campaign` decided on the steps of `task`, once planned."""
    in_database(shared.worker, plan_all)
    answer = api.client.get(f"/api/v1/tasks/{task}", headers=office.program).json()
    return [
        entry["outcome"]
        for entry in answer["timeline"]
        if entry["kind"] == "decision" and entry["campaign"] == campaign
    ]


def test_all_that_a_definition_says_of_tasks_is_kept(api: Served, north: Office) -> None:
    world = north.world
    said = {
        "criteria": {
            "units": [str(world.region)],
            "priorities": ["haute", "urgente"],
            "reasons": ["Panne"],
            "channels": ["phone"],
            "account_managers": [str(world.dispatcher)],
            "tags": ["sous garantie"],
            "customer_tags": ["école"],
        },
        "sample_percent": 25,
        "first_day": "2026-09-01",
        "last_day": "2026-09-30",
    }
    assert said["criteria"].keys() == set(CriteriaNamed.__struct_fields__)  # type: ignore[attr-defined]
    made = create(api, north, definition=definition(north, **said))
    kept = made.json()["definition"]
    assert {name: kept[name] for name in said} == said


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"criteria": {"units": [NOBODY]}}, "/definition/criteria/units"),
        ({"criteria": {"account_managers": [NOBODY]}}, "/definition/criteria/account_managers"),
        ({"criteria": {"units": ["north"]}}, "/definition/criteria/units/0"),
        ({"criteria": {"colours": ["red"]}}, "/definition/criteria"),
        ({"sample_percent": 0}, "/definition/sample_percent"),
        ({"sample_percent": 101}, "/definition/sample_percent"),
        ({"first_day": "yesterday"}, "/definition/first_day"),
        ({"first_day": "2026-03-02", "last_day": "2026-03-01"}, "/definition/last_day"),
        *(
            ({"criteria": {name: ["a", value]}}, f"/definition/criteria/{name}/1")
            for name in TEXTS
            for value in ("", " a", "a\n")
        ),
    ],
)
def test_what_cannot_be_kept_says_where(
    api: Served, north: Office, fields: dict[str, Any], pointer: str
) -> None:
    answer = create(api, north, definition=definition(north, **fields))
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


def test_another_accounts_unit_is_unknown(api: Served, north: Office, south: Office) -> None:
    criteria = {"units": [str(south.world.site)]}
    answer = create(api, north, definition=definition(north, criteria=criteria))
    assert answer.json()["type"] == "urn:retour:problem:unknown_reference"


def test_21_criteria_are_judged_on_what_was_frozen_at_the_step(
    api: Served, shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    """Whatever task and customer become before a worker plans it; and the page says why not."""
    criteria = {"priorities": ["haute"], "customer_tags": ["école"]}
    campaign = active(api, office, "Écoles", criteria=criteria)
    world = office.world
    put(api, office, "customers", office.customer, tags=["école"])
    other = in_database(shared.api, lambda: world.task(customer=office.customer))
    put(api, office, "tasks", office.task, priority="haute")
    finish(api, office, office.task)
    finish(api, office, other)
    put(api, office, "tasks", office.task, priority="basse")
    put(api, office, "customers", office.customer, tags=[])
    put(api, office, "tasks", other, priority="haute")

    assert decided(api, shared, office, office.task, campaign) == ["scheduled"]
    assert decided(api, shared, office, other, campaign) == ["criteria"]

    page = words_of(diane.get(f"/tasks/{other}").text)
    assert "the task is outside the campaign\u2019s criteria" in page
    assert "outside the criteria" in words_of(diane.get("/tasks").text)
    page = words_of(diane.get(f"/tasks/{other}?lang=fr").text)
    assert "la tâche ne répond pas aux critères de la campagne" in page


def test_a_unit_counts_with_those_below_it_as_the_tree_stands(
    api: Served, shared: TestDatabase, office: Office
) -> None:
    """A site that is moved under the region that a campaign names is asked about from then on."""
    world = office.world
    far = str(new_id())
    put(api, office, "units", far, kind="region", name="Ouest", parent=str(world.head_office))
    put(api, office, "units", world.other_site, parent=far)
    campaign = active(api, office, "Est", criteria={"units": [str(world.region)]})

    def visited() -> list[str]:
        made = in_database(shared.api, lambda: world.task(unit=world.other_site))
        finish(api, office, made)
        return decided(api, shared, office, made, campaign)

    finish(api, office, office.task)
    assert decided(api, shared, office, office.task, campaign) == ["scheduled"]
    assert visited() == ["criteria"]
    put(api, office, "units", world.other_site, parent=str(world.region))
    assert visited() == ["scheduled"]


def test_12_a_sample_is_drawn_by_campaign_task_and_round(
    api: Served, shared: TestDatabase, office: Office
) -> None:
    """And a larger share keeps those who were in it."""
    world = office.world
    tasks = in_database(shared.api, lambda: world.tasks(*[{} for _ in range(24)]))
    campaign = active(api, office, "Un sur deux", sample_percent=50)
    for task in tasks:
        finish(api, office, task)
    expected = [
        ["scheduled" if in_sample(UUID(campaign), task, 1, 50) else "sampled_out"] for task in tasks
    ]
    found = [decided(api, shared, office, task, campaign) for task in tasks]
    assert found == expected
    assert ["scheduled"] in found
    assert ["sampled_out"] in found


def test_a_period_ends_at_the_last_days_end_in_the_accounts_zone(
    api: Served, shared: TestDatabase, office: Office
) -> None:
    today = datetime.now(UTC).date()
    far, near = timedelta(days=9), timedelta(days=3)
    days: dict[str, tuple[date | None, date | None]] = {
        "scheduled": (today - far, today + near),
        "after_period": (today - far, today - near),
        "before_activation": (today + near, None),
    }
    made = {
        expected: active(
            api,
            office,
            expected,
            first_day=first and first.isoformat(),
            last_day=last and last.isoformat(),
        )
        for expected, (first, last) in days.items()
    }
    finish(api, office, office.task)
    for expected, campaign in made.items():
        assert decided(api, shared, office, office.task, campaign) == [expected]


def test_the_campaigns_page_says_it_in_words(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    world = office.world
    campaign = active(
        api,
        office,
        "Écoles",
        criteria={
            "units": [str(world.region)],
            "priorities": ["haute"],
            "channels": ["phone", "fax"],
            "account_managers": [str(world.dispatcher)],
            "customer_tags": ["école"],
        },
        sample_percent=25,
        first_day="2026-09-01",
        last_day="2026-09-30",
    )
    page = words_of(diane.get(f"/campaigns/{campaign}?lang=en").text)
    assert (
        "Which tasks Those that have one of the values of each criterion, as they were when the"
        " step was received. Units, with those below Est Priority High"
        " Channel of the request Phone fax Account manager Diane Tags of the customer école"
        " Sample 25% of them, drawn for each visit"
        " Period From September 1, 2026 to September 30, 2026"
    ) in page
    page = words_of(diane.get(f"/campaigns/{campaign}?lang=fr").text)
    assert "Échantillon 25 % d\u2019entre elles, tirées au sort à chaque visite" in page
    assert "Période Du 1er septembre 2026 au 30 septembre 2026" in page

    plain = active(api, office, "Toutes", last_day="2026-09-30")
    over = "asks about no new step: its period ended on January 31, 2020"
    ended = active(api, office, "Finie", last_day="2020-01-31")
    for path in ("/campaigns", f"/campaigns/{ended}"):
        assert f"Active {over}" in words_of(diane.get(f"{path}?lang=en").text)
    page = words_of(diane.get(f"/campaigns/{plain}?lang=en").text)
    assert (
        "Criteria None: any task of these types Sample All of them Period Until September 30, 2026"
    ) in page


def test_what_accepting_a_refused_step_leads_to_follows_the_criteria(
    api: Served, shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    """Judged as the task is, which accepting freezes."""
    world = office.world
    criteria = CriteriaNamed(tags=["vip"], customer_tags=["ecole"])
    since = partial(campaigns.active, world, criteria=criteria)
    campaign = str(in_database(shared.worker, since))

    async def visit(tag: str) -> UUID:
        customer = await world.customer(email=f"{tag}@example.org", tags=[tag])
        return await world.task(technician=world.bob, customer=customer, tags=["vip"])

    for tag, outcome, expected in (
        ("ecole", "scheduled", "The survey is leaving"),
        ("usine", "criteria", "the task is outside the campaign\u2019s criteria"),
    ):
        task = in_database(shared.api, partial(visit, tag))
        step = refused(api, office, task, "600")
        assert expected in words_of(diane.get(f"/refused/{step}").text)
        accepted = diane.post(f"/refused/{step}/accept").headers["location"]
        assert expected in words_of(diane.get(accepted).text)
        assert decided(api, shared, office, task, campaign) == [outcome]
