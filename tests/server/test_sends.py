"""What is to be sent, over HTTP and in the console: by release, with what becomes of each."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from mail.campaigns.lifecycle import pause_campaign
from mail.delivery.upcoming import _LIST, START
from server.console.sends import SCREENFUL
from sync.database import tx
from sync.ids import new_id
from tests.mail.campaigns import active, change, happened, plan_all, time_of
from tests.mail.sent import sent
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database

PATH = "/api/v1/sends"
HOUR = timedelta(hours=1)


@pytest.fixture
def campaign(shared: TestDatabase, office: Office) -> UUID:
    """Its campaign, which asks twelve hours after 600 and 610."""
    return in_database(shared.worker, lambda: active(office.world, delay="00:12:00", mute=None))


@pytest.fixture
def diane(api: Served, office: Office, campaign: UUID) -> Iterator[httpx.Client]:
    """The office's dispatcher, reading English."""
    with browsing(api, office) as browser:
        yield browser


def visits(shared: TestDatabase, office: Office, *ago: int, **customer: Any) -> list[str]:
    """Tasks that were done so many hours ago, each of a customer of its own."""

    async def work() -> list[str]:
        world, now = office.world, await time_of(office.world)
        made = []
        for hours in ago:
            fields = {"name": f"Client {hours}", "email": f"h{hours}@example.net"} | customer
            task = await world.task(
                customer=await world.customer(**fields), title=f"Visite {hours}"
            )
            await happened(world, task, "600", now - hours * HOUR)
            await change(world, "UPDATE task SET state = '600' WHERE id = $1", task)
            made.append(str(task))
        await plan_all()
        return made

    return in_database(shared.worker, work)


def page(api: Served, office: Office, **query: Any) -> dict[str, Any]:
    """What a program of `office` is answered."""
    answer = api.client.get(PATH, params=query, headers=office.program)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_program_reads_what_is_to_be_sent_by_release_page_by_page(
    api: Served, shared: TestDatabase, office: Office, south: Office, campaign: UUID
) -> None:
    """D3: tonight's sends in one list."""
    tasks = visits(shared, office, 1, 5, 3, 20)
    first = page(api, office, limit=3)
    assert [item["title"] for item in first["items"]] == ["Visite 20", "Visite 5", "Visite 3"]
    last = page(api, office, limit=3, after=first["cursor"])
    assert ([item["task"] for item in last["items"]], last["cursor"]) == ([tasks[0]], None)
    [shown] = last["items"]
    assert shown["expected"] == "leaves"
    assert (shown["address"], shown["at"]) == ("h1@example.net", shown["release"])
    assert (shown["customer"], shown["campaign"], shown["purpose"]) == (
        "Client 1",
        str(campaign),
        "first",
    )
    assert page(api, south)["items"] == []


@pytest.mark.parametrize("cursor", ["x", "", "é", "k/////8", "wA"])
def test_what_is_no_cursor_is_refused(api: Served, north: Office, cursor: str) -> None:
    answer = api.client.get(PATH, params={"after": cursor}, headers=north.program)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:retour:problem:bad_cursor")


def test_a_row_says_what_holds_it(
    api: Served, shared: TestDatabase, office: Office, campaign: UUID
) -> None:
    visits(shared, office, 2, email=None)
    [nowhere] = page(api, office)["items"]
    assert (nowhere["expected"], nowhere["reason"], nowhere["at"]) == (
        "dropped",
        "no_address",
        None,
    )
    visits(shared, office, 1)

    async def pause() -> None:
        async with tx(office.world.account) as opened:
            await pause_campaign(opened, campaign)

    in_database(shared.api, pause)
    assert [item["reason"] for item in page(api, office)["items"]] == [
        "no_address",
        "campaign_paused",
    ]


def test_held_mails_stand_among_those_that_wait(
    api: Served, shared: TestDatabase, office: Office, campaign: UUID, diane: httpx.Client
) -> None:
    held, _ = visits(shared, office, 2, 1)

    async def hold() -> None:
        for sql in (
            "UPDATE invitation SET status = 'held', reason = 'broken' WHERE task = $1",
            "UPDATE outbox SET phase = 'held' WHERE invitation ="
            " (SELECT id FROM invitation WHERE task = $1)",
        ):
            await change(office.world, sql, UUID(held))

    in_database(shared.worker, hold)
    items = page(api, office)["items"]
    assert [(item["title"], item["expected"]) for item in items] == [
        ("Visite 2", "held"),
        ("Visite 1", "leaves"),
    ]
    assert items[0]["reason"] == "broken"
    assert "Visite 2 Client 2 Held back" in words_of(diane.get("/sends").text)


def test_the_console_lists_them_by_day_with_where_they_go(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    """D3: task, customer, campaign, address, and what becomes of it."""
    empty = words_of(diane.get("/sends").text)
    assert "No survey is to come" in empty
    [task] = visits(shared, office, 1)
    shown = diane.get("/sends").text
    assert f'href="/tasks/{task}"' in shown
    assert (
        "Visite 1 Client 1 Scheduled in 11 hours Address h1@example.net Campaign Satisfaction"
        in words_of(shown).replace("\u00a0", " ")
    )
    assert "Surveys to come" in words_of(diane.get("/tasks").text)


def test_a_long_list_goes_on_behind_the_last_row(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    visits(shared, office, *range(1, SCREENFUL + 2))
    first = diane.get("/sends").text
    assert first.count("/tasks/") == SCREENFUL
    more = first.split('href="/sends?after=')[1].split('"')[0]
    rest = diane.get(f"/sends?after={more}").text
    assert (rest.count("/tasks/"), "Visite 1 " in words_of(rest)) == (1, True)
    assert "No later survey" in words_of(
        diane.get("/sends?after=2999-01-01T00:00:00%2B00:00_" + str(office.task)).text
    )
    assert diane.get("/sends?after=nonsense").status_code == 200


def form_of(page: str, verb: str) -> tuple[str, dict[str, str]]:
    """Where the form is sent that does `verb`, and its hidden fields."""
    form = re.search(rf'action="(/sends/[^"]+/{verb})"(.*?)</form>', page, re.DOTALL)
    assert form is not None
    return form[1], dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[2]))


def test_a_dispatcher_cancels_a_survey_from_the_list_with_a_reason(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    """D3, from the list and from the task's page."""
    [task] = visits(shared, office, 1)
    [link] = re.findall(r'href="(/sends/[0-9a-f-]{36})"', diane.get("/sends").text)
    assert link in diane.get(f"/tasks/{task}").text
    action, _ = form_of(diane.get(link).text, "cancel")
    empty = diane.post(action, data={"why": " "})
    assert (empty.status_code, "Write the reason in one line" in empty.text) == (422, True)
    done = diane.post(action, data={"why": "Cliente fâchée"})
    assert (done.status_code, done.headers["location"]) == (303, f"{link}?done=yes")
    shown = diane.get(done.headers["location"]).text
    assert "Done: the timeline of the task says so" in words_of(shown)
    assert "Somebody of the office cancelled it" in words_of(shown)
    assert "No survey is to come" in words_of(diane.get("/sends").text)
    story = words_of(diane.get(f"/tasks/{task}").text)
    assert "Mail cancelled by the office cancelled" in story
    assert f"Cliente fâchée \u2013 Dispatcher.{office.name.title()}" in story
    assert "Not sent: somebody of the office cancelled it cancelled" not in story
    assert diane.post(action, data={"why": "Cliente fâchée"}).status_code == 303


def test_a_program_cancels_and_is_told_what_was_not(
    api: Served, shared: TestDatabase, office: Office, campaign: UUID
) -> None:
    [_] = visits(shared, office, 1)
    [item] = page(api, office)["items"]
    path = f"{PATH}/{item['id']}/cancel"
    blank = api.client.post(path, json={"reason": " "}, headers=office.program)
    assert (blank.status_code, blank.json()["errors"][0]["pointer"]) == (400, "/reason")
    done = api.client.post(path, json={"reason": "erreur"}, headers=office.program)
    assert done.status_code == 200, done.text
    assert (done.json()["status"], done.json()["reason"], done.json()["expected"]) == (
        "dropped",
        "cancelled",
        "nothing",
    )
    assert api.client.post(path, json={"reason": "erreur"}, headers=office.program).is_success
    asked = api.client.post(
        f"{PATH}/{item['id']}/resend",
        json={"id": str(new_id()), "reason": "erreur"},
        headers=office.program,
    )
    assert (asked.status_code, asked.json()["type"]) == (409, "urn:retour:problem:not_sent")
    missing = api.client.post(
        f"{PATH}/{new_id()}/cancel", json={"reason": "erreur"}, headers=office.program
    )
    assert missing.status_code == 404


def test_a_survey_that_left_is_sent_again_from_its_tasks_page(
    api: Served, shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    """D3 and point 16: with a reason, to an address of the task."""
    world = office.world

    async def leave() -> UUID:
        customer = await world.customer(email="nouvelle@example.net")
        return (await sent(world, await world.task(customer=customer))).task

    task = in_database(shared.worker, leave)
    [link] = re.findall(r'href="(/sends/[0-9a-f-]{36})"', diane.get(f"/tasks/{task}").text)
    cancelled = diane.post(f"{link}/cancel", data={"why": "trop tard"})
    assert (cancelled.status_code, "It was sent, is leaving" in cancelled.text) == (409, True)
    action, hidden = form_of(diane.get(link).text, "resend")
    form = {**hidden, "why": "Perdu", "field": "customer"}
    for _ in range(2):  # a form that is sent twice asks once
        assert diane.post(action, data=form).status_code == 303
    assert api.rung[-1] == "deliver"
    [item] = [one for one in page(api, office)["items"] if one["purpose"] == "resend"]
    assert (item["expected"], item["address"]) == ("leaves", "nouvelle@example.net")
    other = diane.post(action, data={**form, "id": str(new_id())})
    assert (other.status_code, "Another mail of it waits" in other.text) == (409, True)
    story = words_of(diane.get(f"/tasks/{task}").text)
    assert "The office asked for the survey to be sent again" in story
    assert "nouvelle@example.net · Perdu \u2013 Dispatcher." in story
    action, _ = form_of(diane.get(link).text, "cancel")
    assert diane.post(action, data={"why": "Retrouvé"}).status_code == 303
    assert "resend" not in {one["purpose"] for one in page(api, office)["items"]}


def test_nothing_is_sent_again_to_an_address_that_takes_nothing(
    shared: TestDatabase, office: Office, api: Served, campaign: UUID
) -> None:
    async def leave() -> UUID:
        return (await sent(office.world, await office.world.task())).invitation

    survey = in_database(shared.worker, leave)
    answer = api.client.post(
        f"{PATH}/{survey}/resend",
        json={"id": str(new_id()), "reason": "perdu"},
        headers=office.program,
    )
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:retour:problem:unreachable")
    assert answer.json()["errors"][0]["pointer"] == "/field"


def reminding(shared: TestDatabase, office: Office) -> UUID:
    """A task whose survey was sent, and of which a reminder leaves in a week."""
    world = office.world

    async def wait() -> UUID:
        customer = await world.customer(email="nouvelle@example.net")
        made = await sent(world, await world.task(customer=customer, title="Visite"))
        await change(
            world,
            """
            INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt,
              resent, own_address, own_typed_address, own_message_id)
            SELECT account, id, sent_at + interval '7 days', sent_at + interval '7 days',
              'waiting', 'reminder', 1, true, address, typed_address, '<r@example.test>'
            FROM invitation WHERE id = $1
            """,
            made.invitation,
        )
        return made.task

    return in_database(shared.worker, wait)


def further(api: Served, office: Office) -> list[dict[str, Any]]:
    """The mails to come of surveys that were sent."""
    return [item for item in page(api, office)["items"] if item["purpose"] != "first"]


def test_a_reminder_that_waits_is_foretold_and_cancelled(
    api: Served, shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    """W5: on the task, in the list of sends, and to programs; one of two forms is wrong alone."""
    task = reminding(shared, office)
    [item] = further(api, office)
    assert (item["purpose"], item["status"], item["expected"]) == ("reminder", "sent", "leaves")
    assert (item["address"], item["at"]) == ("marie@example.net", item["release"])
    assert "Scheduled Reminder in 1 week Address marie@example.net" in words_of(
        diane.get("/sends").text
    ).replace("\u00a0", " ")
    shown = diane.get(f"/tasks/{task}").text
    assert "A reminder leaves on" in words_of(shown)
    assert {"Cancel the reminder", "Send the survey again"} <= set(
        re.findall(rf'<a class="button second" href="/sends/{item["id"]}">([^<]+)</a>', shown)
    )
    link = f"/sends/{item['id']}"
    for verb in ("cancel", "resend"):
        wrong = diane.post(f"{link}/{verb}", data={"why": ""}).text
        assert wrong.count('aria-invalid="true"') == 1
        assert 'id="wrong-why"' in re.search(rf'/{verb}".*?</form>', wrong, re.DOTALL)[0]  # type: ignore[index]
    action, _ = form_of(diane.get(link).text, "cancel")
    assert diane.post(action, data={"why": "Rencontrée"}).status_code == 303
    story = words_of(diane.get(f"/tasks/{task}").text)
    assert "Mail cancelled by the office cancelled" in story
    assert "A reminder leaves on" not in story
    assert further(api, office) == []


def test_a_resend_takes_the_place_of_a_reminder(
    api: Served, shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    reminding(shared, office)
    [item] = further(api, office)
    action, hidden = form_of(diane.get(f"/sends/{item['id']}").text, "resend")
    form = {**hidden, "why": "Perdu", "field": "customer"}
    assert diane.post(action, data=form).status_code == 303
    [item] = further(api, office)
    assert (item["purpose"], item["address"]) == ("resend", "nouvelle@example.net")
    assert "No reminder follows either." in diane.get(f"/sends/{item['id']}").text


@pytest.mark.parametrize(
    ("sql", "said", "reason"),
    [
        (
            "UPDATE campaign SET status = 'archived'",
            "No reminder follows: sending was paused at that moment",
            "paused",
        ),
        ("UPDATE campaign SET status = 'paused'", "A reminder waits. The", "campaign_paused"),
        (
            "UPDATE invitation SET deadline = sent_at + interval '6 days'",
            "No reminder follows: the time to answer was over.",
            "deadline",
        ),
        ("UPDATE outbox SET phase = 'held'", "A reminder is held back", None),
        ("UPDATE outbox SET phase = 'data'", "A reminder is leaving now", None),
    ],
)
def test_the_task_says_why_no_reminder_leaves(
    api: Served,
    shared: TestDatabase,
    office: Office,
    diane: httpx.Client,
    sql: str,
    said: str,
    reason: str | None,
) -> None:
    task = reminding(shared, office)

    async def act() -> None:
        await change(office.world, sql)
        await change(office.world, "UPDATE campaign_set SET revision = revision + 1")

    in_database(shared.worker, act)
    is_leaving = "leaving" in said  # which the list does not show
    assert said in words_of(diane.get(f"/tasks/{task}").text)
    assert [item["reason"] for item in further(api, office)] == ([] if is_leaving else [reason])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def test_a_page_is_read_along_indexes_of_the_queue(shared: TestDatabase, office: Office) -> None:
    """As the role of the API, whatever the length of the queue."""

    async def explain() -> dict[str, Any]:
        async with tx(office.world.account) as opened:
            for scan in ("seqscan", "bitmapscan"):
                await opened.execute(f"SET LOCAL enable_{scan} = off")
            place: datetime = START.release
            [row] = await opened.fetch(
                f"EXPLAIN (FORMAT JSON) {_LIST}", office.world.account, place, START.invitation, 51
            )
        plan: dict[str, Any] = json.loads(row[0])[0]["Plan"]
        return plan

    found = list(nodes(in_database(shared.api, explain)))
    scans = {
        node["Index Name"]: node["Index Cond"]
        for node in found
        if node.get("Relation Name") == "outbox"
    }
    assert set(scans) == {"outbox_release", "outbox_held"}
    assert all("ROW(release, invitation) >" in condition for condition in scans.values())
    assert not [node for node in found if node["Node Type"] in ("Seq Scan", "Sort")]
