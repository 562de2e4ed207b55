"""A task over HTTP: who has it, what happened to it, and its result."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from mail.responses.answers import submit
from mail.responses.rollup import roll
from mail.responses.submission import Submission
from sync.database import Tx
from sync.ids import new_id
from sync.intake.open_transitions import OPEN
from tests.support import stories
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.office import Office, open_office


@pytest.fixture(scope="module")
def told(template: TestDatabase) -> Iterator[tuple[TestDatabase, stories.Story]]:
    """A database in which a task was finished, its customer asked and answering."""
    with clone(template) as made:
        story = stories.tell(made)
        said = Submission(
            rating=2, reasons=["late"], comment="Trop tard", call_back=True, phone="418 555-0123"
        )
        stories.aside(made, lambda: submit(story.survey, said))
        stories.on(made, story.account, lambda opened: roll(opened, [story.invitation]))
        yield made, story


@pytest.fixture(scope="module")
def dispatcher(told: tuple[TestDatabase, stories.Story]) -> Iterator[httpx.Client]:
    """The story's dispatcher, signed in."""
    with served(told[0]) as serving:
        body = {"email": stories.EMAIL, "password": stories.PASSWORD}
        assert serving.client.post("/api/v1/sessions", json=body).status_code == 204
        yield serving.client


def task_of(client: httpx.Client, task: object) -> dict[str, Any]:
    """A task as the API tells it."""
    answer = client.get(f"/api/v1/tasks/{task}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_task_carries_state_result_and_timeline(
    dispatcher: httpx.Client, told: tuple[TestDatabase, stories.Story]
) -> None:
    story = told[1]
    task = task_of(dispatcher, story.task)
    assert task["state"] == "610"
    assert task["result"]["rating_mean"] == 2.0
    assert task["result"]["negative"] is True
    assert [turn["technician"] for turn in task["assignments"]] == [task["technician"]]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for entry in task["timeline"]:
        by_kind.setdefault(entry["kind"], []).append(entry)
    assert [entry["state"] for entry in by_kind["transition"]] == ["300", "600", "610"]
    assert {entry["outcome"] for entry in by_kind["decision"]} == {"scheduled", "not_first"}
    assert [entry["event"] for entry in by_kind["mail"]] == ["sent"]
    assert [entry["comment"] for entry in by_kind["answer"]] == ["Trop tard"]
    assert [entry["reason"] for entry in by_kind["open"]] == ["no_authority"]
    moments = [entry["at"] for entry in task["timeline"]]
    assert moments == sorted(moments)


def test_a_task_that_nobody_answered_for_has_no_result(
    dispatcher: httpx.Client, told: tuple[TestDatabase, stories.Story]
) -> None:
    assert task_of(dispatcher, told[1].waiting)["result"] is None


def test_what_was_refused_is_listed_for_everybody_or_one_technician(
    dispatcher: httpx.Client,
) -> None:
    (refused,) = dispatcher.get("/api/v1/refused").json()["items"]
    assert (refused["verdict"], refused["reason"]) == ("refused", "no_authority")
    path = "/api/v1/refused?technician="
    whose = dispatcher.get(path + refused["technician"]).json()["items"]
    assert whose == [refused]
    assert dispatcher.get(f"{path}{new_id()}").json()["items"] == []


def test_what_was_refused_comes_in_full_pages_however_much_was_accepted(
    api: Served, shared: TestDatabase
) -> None:
    office = open_office(shared, "refusing")
    stories.on(shared, office.world.account, lambda opened: accept_many(opened, office))
    analyse(shared)
    ids = sorted(str(new_id()) for _ in range(24))
    now = datetime.now(UTC).isoformat()
    steps = [
        {"id": one, "task": str(office.task), "state": "999", "moment": now, "sequence": place}
        for place, one in enumerate(ids)
    ]
    body = {"device_now": now, "transitions": steps}
    told = api.client.post("/api/v1/sync/push", json=body, headers=office.device).json()
    assert {one["verdict"] for one in told["results"]} == {"refused"}
    for whose in ("", f"technician={office.world.alice}&"):
        path, pages = f"/api/v1/refused?{whose}limit=8", []
        after: str | None = ""
        while after is not None:
            page = api.client.get(path + after, headers=office.program).json()
            pages.append([one["id"] for one in page["items"]])
            after = page["next"] and f"&after={page['next']}"
        assert pages == [ids[:8], ids[8:16], ids[16:]]
    plan = stories.on(shared, office.world.account, explained)
    assert "transition_open " in plan
    assert "Filter" not in plan.replace("One-Time Filter", "")


async def accept_many(opened: Tx, office: Office) -> None:
    """What a busy year brings."""
    await opened.execute(
        "INSERT INTO transition (account, id, technician, digest, arrived_at, verdict, task, state,"
        " moment, sequence, device_moment, received_at, survey, unexpected, type, unit, tags,"
        " customer_tags) SELECT $1, gen_random_uuid(), $2, '', $4, 'accepted', id, '300', $4, n,"
        " $4, $4, true, false, type, unit, '{}', '{}' FROM task, generate_series(1, 5000) AS n"
        " WHERE account = $1 AND id = $3",
        opened.account,
        office.world.alice,
        office.task,
        opened.now,
    )


def analyse(database: TestDatabase) -> None:
    """Let the planner know how much there is."""

    async def analysed() -> None:
        owner = await asyncpg.connect(database.owner)
        await owner.execute("ANALYZE transition")
        await owner.close()

    asyncio.run(analysed())


async def explained(opened: Tx) -> str:
    """How a page in the middle is found."""
    rows = await opened.fetch(f"EXPLAIN {OPEN}", opened.account, 9, new_id())
    return "\n".join(row[0] for row in rows)


def test_a_task_is_given_from_one_technician_to_another(api: Served, north: Office) -> None:
    path = f"/api/v1/tasks/{north.task}/assignments"
    body = {"technician": str(north.world.bob)}
    answer = api.client.post(path, json=body, headers=north.program)
    assert answer.status_code == 201
    first, second = answer.json()["items"]
    assert (first["technician"], second["technician"]) == (
        str(north.world.alice),
        str(north.world.bob),
    )
    assert first["end_at"] == second["start_at"]
    pool = api.client.post(path, json={"unit": str(north.world.site)}, headers=north.program)
    assert pool.json()["items"][-1]["unit"] == str(north.world.site)


def test_a_task_is_not_given_to_a_technician_and_a_pool_at_once(api: Served, north: Office) -> None:
    body = {"technician": str(north.world.bob), "unit": str(north.world.site)}
    path = f"/api/v1/tasks/{north.task}/assignments"
    assert api.client.post(path, json=body, headers=north.program).status_code == 400
