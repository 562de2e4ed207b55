"""What was refused or is parked, in the console: who, what, when, why, and accepting it."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from server.console.refused_list import SCREENFUL
from sync.database import Tx
from sync.ids import new_id
from tests.mail.campaigns import active, plan_all
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import HTML, browsing, words_of
from tests.support.office import Office, in_database
from tests.support.stories import on


def push(api: Served, office: Office, task: UUID, state: str, **fields: Any) -> dict[str, Any]:
    """What alice's device is told about a step of `task`."""
    now = datetime.now(UTC)
    clock = fields.pop("clock", timedelta())
    item = {
        "id": str(new_id()),
        "task": str(task),
        "state": state,
        "moment": (now + clock - timedelta(minutes=30)).isoformat(),
        "sequence": 1,
        **fields,
    }
    body = {"device_now": (now + clock).isoformat(), "transitions": [item]}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=office.device)
    (result,) = answer.json()["results"]
    found: dict[str, Any] = result
    return found


def task_of_bob(shared: TestDatabase, office: Office, title: str = "Chez Bob") -> UUID:
    """A task that alice never had."""
    world = office.world
    return in_database(shared.api, lambda: world.task(technician=world.bob, title=title))


def count_in(page: str) -> str | None:
    """What the navigation says waits in /refused."""
    found = re.search(r'href="/refused"[^>]*>Refusals <span class="count">(.+?)<', page)
    return found[1] if found else None


def test_a_refused_step_is_shown_with_all_that_the_device_told(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    task = task_of_bob(shared, office)
    push(
        api, office, task, "600", clock=timedelta(hours=2),
        note="Réparé <b>quand même</b>", survey=False, survey_reason="Fâché",
        email="nouveau@example.org",
    )  # fmt: skip
    page = diane.get("/refused").text
    told = words_of(page)
    for part in (
        "600 Terminé",
        "Chez Bob",
        "Alice",
        "Téléphone",
        "Sent by Alice",
        "Responsible then Bob",
        "The task was not this technician\u2019s at that moment.",
        "by the device:",
        "Réparé <b>quand même</b>",
        "Fâché",
        "nouveau@example.org",
    ):
        assert part in told, part
    assert "no_authority" not in told
    assert f'href="/tasks/{task}"' in page


def test_accepting_makes_it_a_fact_at_its_moment_and_says_so(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    task = task_of_bob(shared, office)
    refused = push(api, office, task, "600")
    assert (refused["verdict"], count_in(diane.get("/tasks").text)) == ("refused", "1")
    asked = words_of(diane.get(f"/refused/{refused['id']}").text)
    for part in (
        "as the work of Alice.",
        "The task comes to 600 Terminé.",
        "No survey follows from this step.",
        "It cannot be taken back",
    ):
        assert part in asked, part
    rung = len(api.rung)
    done = diane.post(f"/refused/{refused['id']}/accept")
    assert (done.status_code, api.rung[rung:]) == (303, ["plan"])
    told = diane.get(done.headers["location"]).text
    assert "Step accepted: 600 Terminé Chez Bob . It counts on" in words_of(told)
    assert "No survey follows from this step." in words_of(told)
    assert "Nothing was refused" in words_of(told)
    assert count_in(told) is None
    timeline = words_of(diane.get(f"/tasks/{task}").text)
    assert f"and refused; accepted by Dispatcher.{office.name.title()} on" in timeline
    shown = words_of(diane.get(f"/refused/{refused['id']}").text)
    assert f"Accepted by Dispatcher.{office.name.title()} on" in shown


def test_what_accepting_leads_to_is_said_before_and_after(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    world = office.world
    in_database(shared.worker, lambda: active(world, delay="00:12:00", opt_out_allowed=True))
    task = in_database(
        shared.api, lambda: world.task(technician=world.bob, customer=office.customer)
    )
    asks = push(api, office, task, "600")
    quiet = push(api, office, task, "610", survey=False)
    page = words_of(diane.get(f"/refused/{quiet['id']}").text)
    assert "No survey follows: the survey was unticked for this task." in page
    page = words_of(diane.get(f"/refused/{asks['id']}").text)
    assert "The survey will leave on" in page
    done = diane.post(f"/refused/{asks['id']}/accept")
    assert "The survey will leave on" in words_of(diane.get(done.headers["location"]).text)
    in_database(shared.worker, plan_all)
    assert "The survey will leave on" in words_of(diane.get(done.headers["location"]).text)
    page = words_of(diane.get(f"/refused/{quiet['id']}").text)
    assert "No survey follows: it was not the first visit" in page


def test_a_refused_step_is_dismissed_with_a_reason_and_kept(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    task = task_of_bob(shared, office)
    refused = push(api, office, task, "600")
    path = f"/refused/{refused['id']}"
    for wrong in ("", "  ", "x" * 201, "a\nb"):
        answer = diane.post(f"{path}/dismiss", data={"why": wrong})
        assert answer.status_code == 422
        assert "The step was not dismissed yet" in words_of(answer.text)
        [link] = re.findall(r'class="tongue" href="([^"]+)"', answer.text)
        assert diane.get(link).status_code == 200
    done = diane.post(f"{path}/dismiss", data={"why": "Saisie <b>deux</b> fois"})
    told = diane.get(done.headers["location"]).text
    assert "Step dismissed: 600 Terminé Chez Bob . It counts for nothing" in words_of(told)
    assert "Nothing was refused" in words_of(told)
    assert count_in(told) is None
    name = f"Dispatcher.{office.name.title()}"
    for place in ("/refused?show=dismissed", path, f"/tasks/{task}"):
        page = words_of(diane.get(place).text)
        assert "Saisie <b>deux</b> fois" in page, place
        assert name in page, place
    assert f"Dismissed by {name}" in words_of(diane.get(path).text)
    twice = diane.post(f"{path}/dismiss", data={"why": "Saisie <b>deux</b> fois"})
    assert "Step dismissed" in words_of(diane.get(twice.headers["location"]).text)
    again = diane.post(f"{path}/dismiss", data={"why": "Autre"})
    assert again.status_code == 409
    for part in ("Your reason was not kept", "Autre", name, "Saisie <b>deux</b> fois"):
        assert part in words_of(again.text), part
    assert "Autre" not in diane.get(path).text
    accepted = diane.post(f"{path}/accept", data={"dismissed": "yes"})
    assert "Step accepted" in words_of(diane.get(accepted.headers["location"]).text)
    assert "Nothing was dismissed" in words_of(diane.get("/refused?show=dismissed").text)


def test_a_page_from_before_a_dismissal_shows_it_before_it_accepts(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    refused = push(api, office, task_of_bob(shared, office), "600")
    path = f"/refused/{refused['id']}"
    assert 'name="dismissed"' not in diane.get(path).text
    diane.post(f"{path}/dismiss", data={"why": "Saisie deux fois"})
    rung = len(api.rung)
    late = diane.post(f"{path}/accept")
    assert (late.status_code, api.rung[rung:]) == (409, [])
    assert "<title>Error:" in late.text
    [link] = re.findall(r'class="tongue" href="([^"]+)"', late.text)
    assert diane.get(link).status_code == 200
    for part in ("The step was not accepted Somebody dismissed it", "Saisie deux fois"):
        assert part in words_of(late.text), part
    assert "Saisie deux fois" in words_of(diane.get("/refused?show=dismissed").text)
    [seen] = re.findall(r'type="hidden" name="(\w+)" value="yes"', late.text)
    accepted = diane.post(f"{path}/accept", data={seen: "yes"})
    assert "Step accepted" in words_of(diane.get(accepted.headers["location"]).text)


def test_who_decides_too_late_reads_who_accepted_it(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    task = task_of_bob(shared, office)
    path = f"/refused/{push(api, office, task, '600')['id']}"
    with browsing(api, office, "administrator") as colleague:
        assert colleague.post(f"{path}/accept").status_code == 303
    late = diane.post(f"{path}/dismiss", data={"why": "Saisie deux fois"})
    assert late.status_code == 409
    shown = words_of(late.text)
    for part in ("Your reason was not kept", "Saisie deux fois", "Accepted by Administrator."):
        assert part in shown, part
    page = diane.get(path).text
    assert f'<h1><a class="touch" href="/tasks/{task}">Chez Bob</a></h1>' in page
    assert "as the work of Alice." in words_of(page)
    assert "Your reason" not in page
    counted = push(api, office, office.task, "600")  # nobody had to decide on this one
    assert diane.get(f"/refused/{counted['id']}").status_code == 404


def test_accepting_twice_is_once_and_says_the_same(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    task = task_of_bob(shared, office)
    refused = push(api, office, task, "600")
    path = f"/refused/{refused['id']}/accept"
    told = []
    for _ in range(2):
        answer = diane.post(path)
        told.append(words_of(diane.get(answer.headers["location"]).text))
    assert told[0] == told[1]

    async def entered(tx: Tx) -> int:
        found: int = await tx.fetchval("SELECT count(*) FROM transition WHERE task = $1", task)
        return found

    assert on(shared, office.world.account, entered) == 1


def test_what_cannot_be_accepted_offers_no_button_and_says_what_is_missing(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    refused = push(api, office, office.task, "999")
    assert refused["reason"] == "unknown_state"
    page = diane.get("/refused").text
    assert "/accept" not in page
    asked = diane.get(f"/refused/{refused['id']}").text
    assert "This cannot be accepted: the account has no state 999." in words_of(asked)
    assert f'href="/tasks/{office.task}#move"' in asked
    assert "/accept" not in asked
    assert "/dismiss" in asked
    answer = diane.post(f"/refused/{refused['id']}/accept")
    assert "This cannot be accepted" in words_of(diane.get(answer.headers["location"]).text)
    state = {"code": "999", "name": "Reporté", "kind": "planned"}
    api.client.post("/api/v1/states", json=state, headers=office.program)
    diane.post(f"/refused/{refused['id']}/accept")
    assert "999 Reporté" in words_of(diane.get(f"/tasks/{office.task}").text)


def test_parked_steps_wait_on_a_page_of_their_own(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    unknown = new_id()
    assert push(api, office, unknown, "600")["verdict"] == "parked"
    refused, parked = diane.get("/refused").text, diane.get("/refused?show=parked").text
    assert str(unknown) not in refused
    assert "Nothing was refused" in words_of(refused)
    assert "Unknown task " + str(unknown) in words_of(parked)
    assert "Its task does not exist yet." in words_of(parked)
    assert "/accept" not in parked
    assert count_in(parked) is None
    assert "Waiting for their task 1" in words_of(refused)
    assert "parked" not in words_of(parked)


def test_managers_look_and_do_not_accept(shared: TestDatabase, api: Served, office: Office) -> None:
    refused = push(api, office, task_of_bob(shared, office), "600")
    path = f"/refused/{refused['id']}/accept"
    with browsing(api, office, "manager") as manager:
        for page in (manager.get("/refused").text, manager.get(f"/refused/{refused['id']}").text):
            assert "Chez Bob" in page
            assert "/accept" not in page
            assert "/dismiss" not in page
        assert manager.post(path).status_code == 403
        dismissal = manager.post(f"/refused/{refused['id']}/dismiss", data={"why": "x"})
        assert dismissal.status_code == 403
    assert api.client.get("/refused", headers=HTML).status_code == 303
    assert api.client.post(path).status_code == 401


def test_nothing_of_another_account_is_shown_or_accepted(
    shared: TestDatabase, api: Served, office: Office, south: Office
) -> None:
    refused = push(api, office, task_of_bob(shared, office, "Secret"), "600")
    with browsing(api, south) as stranger:
        keys = (refused["id"], new_id())
        for verb in ("accept", "dismiss"):
            paths = [f"/refused/{key}/{verb}" for key in keys]
            answers = [stranger.post(path, data={"why": "x"}) for path in paths]
            assert [answer.status_code for answer in answers] == [404, 404]
        assert [stranger.get(f"/refused/{key}").status_code for key in keys] == [404, 404]
        for query in ("", "?show=parked", f"?settled={refused['id']}"):
            page = stranger.get(f"/refused{query}").text
            assert "Secret" not in page
            assert 'role="status"' not in page


def test_many_come_a_screenful_at_a_time_the_last_received_first(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    task = task_of_bob(shared, office)
    notes = [f"Note {place:03}" for place in range(SCREENFUL + 3)]
    for note in notes:
        push(api, office, task, "600", note=note)
    seen: list[str] = []
    path = "/refused"
    while path:
        page = diane.get(path).text
        seen += re.findall(r"Note \d{3}", page)
        more = re.search(r'href="(/refused\?[^"]*after=[^"]*)"', page)
        path = html.unescape(more[1]) if more else ""
    assert seen == notes[::-1]


@pytest.mark.parametrize(
    "query", ["show=nonsense", "after=x_y", "settled=zzz", "after=2026-01-01", "task=x"]
)
def test_an_address_that_says_nothing_shows_the_whole_list(diane: httpx.Client, query: str) -> None:
    assert diane.get(f"/refused?{query}").status_code == 200
