"""What list, task page and flash say of a survey that waits: what the rules will make of it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from mail import contacts
from mail.campaigns.lifecycle import pause_campaign, resume_campaign
from sync.database import tx
from sync.ids import new_id
from tests.mail.campaigns import active, change, plan_all
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database
from tests.support.stories import aside

WEEK = "07:00:00"


@pytest.fixture
def campaign(shared: TestDatabase, office: Office) -> UUID:
    """Its campaign, which asks twelve hours after 600 and 610."""

    async def make() -> UUID:
        return await active(office.world, delay="00:12:00", mute=WEEK, opt_out_allowed=True)

    return in_database(shared.worker, make)


@pytest.fixture
def diane(api: Served, office: Office, campaign: UUID) -> Iterator[httpx.Client]:
    """The office's dispatcher, reading English."""
    with browsing(api, office) as browser:
        yield browser


def saved(diane: httpx.Client, task: UUID, state: str, **fields: str) -> str:
    """The URL that the console leads to once it moved the task to `state`."""
    form = {"id": str(new_id()), "state": state, **fields}
    answer = diane.post(f"/tasks/{task}/transitions", data=form)
    assert answer.status_code == 303
    return answer.headers["location"]


def save(diane: httpx.Client, task: UUID, state: str, **fields: str) -> str:
    """The page after the task was moved to `state` in the console."""
    return words_of(diane.get(saved(diane, task, state, **fields)).text)


def planned(shared: TestDatabase) -> None:
    """A worker has planned what changed."""
    in_database(shared.worker, plan_all)


def row_of(diane: httpx.Client, language: str = "en") -> str:
    """The list, in which the office has one task."""
    return words_of(diane.get(f"/tasks?lang={language}").text)


def test_a_corrected_task_does_not_promise_its_survey(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    page = save(diane, office.task, "600")
    promise = "Step saved: 600 Terminé . The survey will leave on"
    assert promise in page  # before any worker has planned it, and afterwards
    assert "No answer yet. The survey leaves in 12 hours" in page
    planned(shared)
    page = words_of(diane.get(f"/tasks/{office.task}").text)
    assert "No answer yet. The survey leaves in 1" in page
    assert f"To customer@{office.name}.example.org, as things are." in page
    assert "Scheduled in 1" in row_of(diane)

    page = save(diane, office.task, "300")
    blocked = "The survey will not leave if the task stays at 300."
    assert f"Step saved: 300 Sur place . {blocked}" in page
    assert f"No answer yet. {blocked}" in page
    planned(shared)
    assert f"No answer yet. {blocked}" in words_of(diane.get(f"/tasks/{office.task}").text)
    assert "Will not leave if the task stays at 300" in row_of(diane)
    [link] = re.findall(r'href="(/sends/[^"]+)"', diane.get(f"/tasks/{office.task}").text)
    survey = words_of(diane.get(link).text)
    assert f"Why {blocked} Planned for" in survey
    assert "Leaves on" not in survey
    french = words_of(diane.get(f"/tasks/{office.task}?lang=fr").text)
    assert "Le sondage ne partira pas si la tâche reste à 300." in french
    assert "Ne partira pas si la tâche reste à 300" in row_of(diane, "fr")
    assert diane.get("/tasks?lang=en").status_code == 200

    page = save(diane, office.task, "900")
    assert "if the task stays cancelled, at 900." in page
    page = save(diane, office.task, "610")
    assert "Step saved: 610 Terminé (à recontacter) . The survey will leave on" in page
    planned(shared)
    assert "\u2013 Scheduled" in words_of(diane.get(f"/tasks/{office.task}").text)
    page = save(diane, office.task, "300")
    assert "\u2013 Will not leave" in page
    assert "\u2013 Scheduled" not in page


def test_who_has_no_address_is_promised_nothing(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    nobody = aside(shared, lambda: office.world.task(title="Sans adresse"))
    page = save(diane, nobody, "600")
    assert "The survey will not leave: there is no usable e-mail address" in page
    planned(shared)
    assert "Will not leave no address" in row_of(diane)


def test_a_paused_campaign_lets_its_surveys_wait(
    shared: TestDatabase, office: Office, campaign: UUID, diane: httpx.Client
) -> None:
    save(diane, office.task, "600")
    planned(shared)

    async def pause() -> None:
        async with tx(office.world.account) as opened:
            await pause_campaign(opened, campaign)

    async def resume() -> None:
        async with tx(office.world.account) as opened:
            await resume_campaign(opened, campaign)

    in_database(shared.api, pause)
    page = words_of(diane.get(f"/tasks/{office.task}").text)
    assert "No answer yet. The survey waits: its campaign is paused." in page
    assert "Waiting campaign paused" in row_of(diane)
    in_database(shared.api, resume)
    assert "Scheduled in 1" in row_of(diane)


def test_of_two_visits_to_one_customer_only_the_first_promises_a_survey(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    save(diane, office.task, "600")
    planned(shared)
    again = aside(shared, lambda: office.world.task(title="Encore", customer=office.customer))
    page = save(diane, again, "600")
    assert "by then the address, or the customer, was asked within" in page
    planned(shared)
    assert "Will not leave asked recently" in row_of(diane)
    assert "Scheduled in 1" in row_of(diane)


def test_a_step_that_asks_nobody_says_why(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    assert "No survey follows from this step." in save(diane, office.task, "300")
    page = save(diane, office.task, "600", unasked="yes", why="Fâché")
    assert "No survey follows: the survey was unticked for this task." in page
    planned(shared)
    page = save(diane, office.task, "610")
    assert "No survey follows: it was not the first visit to these states" in page
    planned(shared)
    page = words_of(diane.get(f"/tasks/{office.task}").text)
    assert "The first one: 600 Terminé" in page
    assert "The survey was unticked for this task opted_out_by_agent" in page
    assert "Not asked unticked" in row_of(diane)


def test_a_survey_that_is_due_is_leaving_and_not_late(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    save(diane, office.task, "600")
    planned(shared)

    async def fall_due() -> None:
        for column in ("invitation SET release", "outbox SET release", "outbox SET not_before"):
            due = f"UPDATE {column} = retour_now() - interval '1 minute' WHERE account = $1"
            await change(office.world, due, office.world.account)

    in_database(shared.worker, fall_due)
    page = words_of(diane.get(f"/tasks/{office.task}").text)
    assert "The survey is leaving now." in page
    assert "Being sent" in row_of(diane)
    assert "in 0 minutes" not in page + row_of(diane)


#: What a page that stays open says of the step that asked, and of one that asks nobody.
NOTHING_FOLLOWS = "No survey follows from this step."
SENT_BEFORE = "The survey was sent before: this step changes nothing about it."
LATER: list[tuple[str, str, str]] = [
    ("sent", "The survey of this step was sent.", SENT_BEFORE),
    ("uncertain", "Whether the survey of this step arrived is not known.", NOTHING_FOLLOWS),
    ("held", "The survey of this step is held back until someone decides.", NOTHING_FOLLOWS),
    ("failed", "did not arrive: the mail server refused the address.", NOTHING_FOLLOWS),
    ("expired", "did not arrive: the mail server did not accept it in time.", NOTHING_FOLLOWS),
    ("refused", "the mail server refused the sender for two days.", NOTHING_FOLLOWS),
]


def test_a_page_that_stays_open_says_what_became_of_the_survey_of_its_step(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    asked = saved(diane, office.task, "600")
    planned(shared)
    closed = saved(diane, office.task, "700")
    planned(shared)

    def stage(*assignments: str) -> None:
        async def write() -> None:
            for text in assignments:
                await change(
                    office.world, f"UPDATE {text} WHERE account = $1", office.world.account
                )

        in_database(shared.worker, write)

    def notice(page: str) -> str:
        return words_of(diane.get(page).text).partition("Step saved: ")[2].partition(" Result ")[0]

    stage(
        "invitation SET status = 'claimed', address = 'a@example.net', typed_address = address",
        "outbox SET attempt = 1, survey_token = '', not_before = retour_now() + interval '1 hour'",
    )
    for page in (asked, closed):
        assert "The mail server asked to try later. The next attempt is on" in notice(page)
    for status, own, other in LATER:
        stage(f"invitation SET status = '{status}', sent_at = retour_now()")
        assert own in notice(asked), status
        assert other in notice(closed), status
    assert "a refusé l\u2019expéditeur" in words_of(diane.get(f"{asked}&lang=fr").text)


def refused(api: Served, office: Office, task: UUID, state: str, **fields: str) -> str:
    """The id of a step that alice's device pushed for a task that was never hers."""
    moment = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    step = {"id": str(new_id()), "task": str(task), "state": state, "moment": moment}
    body = {
        "device_now": datetime.now(UTC).isoformat(),
        "transitions": [{**step, "sequence": 1, **fields}],
    }
    answer = api.client.post("/api/v1/sync/push", json=body, headers=office.device)
    assert answer.json()["results"][0]["verdict"] == "refused"
    return step["id"]


def test_accepting_a_refused_step_promises_what_comes_of_it(
    shared: TestDatabase, api: Served, office: Office, campaign: UUID, diane: httpx.Client
) -> None:
    world = office.world

    def visit(email: str | None = None) -> UUID:
        async def make() -> UUID:
            customer = await world.customer(email=email)
            return await world.task(technician=world.bob, customer=customer)

        return aside(shared, make)

    def said(task: UUID, state: str, expected: str, **fields: str) -> None:
        """Of accepting such a step `expected` is said before, and afterwards."""
        step = refused(api, office, task, state, **fields)
        assert expected in words_of(diane.get(f"/refused/{step}").text)
        accepted = diane.post(f"/refused/{step}/accept").headers["location"]
        assert expected in words_of(diane.get(accepted).text)
        planned(shared)
        assert expected in words_of(diane.get(accepted).text)

    leaves, no_address = "The survey will leave on", "there is no usable e-mail address"
    said(visit(), "600", no_address)
    said(visit(), "600", no_address, email="not an address")
    said(visit(), "600", leaves, email="new@example.org")
    moved = visit("later@example.org")
    save(diane, moved, "300")
    said(moved, "600", "The survey will not leave if the task stays at 300.")
    waiting = visit("back@example.org")
    said(waiting, "600", leaves)
    said(waiting, "900", "The survey will not leave if the task stays cancelled, at 900.")

    async def unsubscribe() -> None:
        async with tx(world.account) as opened:
            known = await contacts.create(opened, {"gone@example.org"})
            await contacts.suppress(opened, known["gone@example.org"].id, "unsubscribed")

    async def pause() -> None:
        async with tx(world.account) as opened:
            await pause_campaign(opened, campaign)

    aside(shared, unsubscribe)
    said(visit("gone@example.org"), "600", "The survey will not leave: its address unsubscribed")
    aside(shared, pause)
    said(visit("paused@example.org"), "600", "The survey waits: its campaign is paused.")
