"""The timeline tells what happened once, and as it was."""

import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from sync.database import tx
from sync.ids import new_id
from tests.mail.campaigns import active, happened, plan_all, time_of
from tests.mail.delivering import HOUR, SECOND, Post, posting
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database, open_office
from tests.support.owner import owning

pytestmark = pytest.mark.slow


@pytest.fixture
def office(database: TestDatabase) -> Office:
    """An account of the test's own."""
    return open_office(database)


@pytest.fixture
def site(database: TestDatabase) -> Iterator[Served]:
    """The pages, listening."""
    with served(database) as one:
        yield one


@pytest.fixture
def diane(site: Served, office: Office) -> Iterator[httpx.Client]:
    """The office's dispatcher, reading English."""
    with browsing(site, office) as browser:
        yield browser


def at_work(
    database: TestDatabase, office: Office, work: Callable[[Post], Awaitable[UUID]]
) -> UUID:
    """A task that `work` did something with, as a worker."""

    async def run() -> UUID:
        async with posting(database, office.world) as post:
            return await work(post)

    return in_database(database.worker, run)


def page_of(diane: httpx.Client, task: UUID) -> str:
    """The task's page in words."""
    return words_of(diane.get(f"/tasks/{task}").text)


def push(site: Served, office: Office, task: UUID, state: str, ago: timedelta) -> str:
    """The id of a step that alice's device tells now."""
    now, key = datetime.now(UTC), str(new_id())
    moment = (now - ago).isoformat()
    item = {"id": key, "task": str(task), "state": state, "moment": moment, "sequence": 1}
    body = {"device_now": now.isoformat(), "transitions": [item]}
    answer = site.client.post("/api/v1/sync/push", json=body, headers=office.device)
    assert answer.status_code == 200
    return key


def test_a_dropped_survey_is_told_once(
    database: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    async def drop(post: Post) -> UUID:
        await active(post.world, delay="00:01:00")
        task = await post.visit()
        await post.later(SECOND)
        await post.moved(task, "300")
        await post.later(2 * HOUR)
        await post.deliver_all()
        assert await post.status(task) == ("dropped", "left_state")
        assert await post.events(task) == ["dropped"]
        return task

    task = at_work(database, office, drop)
    page = page_of(diane, task)
    _, _, line = page.partition("Timeline")
    assert line.count("Not sent:") == 1
    assert line.count("left_state") == 1
    assert "Survey not sent" not in line


def test_what_made_a_step_not_the_first_is_named(
    database: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    async def tell(post: Post) -> UUID:
        campaign = await active(post.world)
        now = await time_of(post.world)
        async with tx(post.world.account) as opened:
            await opened.execute(
                "INSERT INTO campaign_pause (account, campaign, start_at, end_at)"
                " VALUES ($1, $2, $3, $4)",
                opened.account, campaign, now - 3 * HOUR, now - 2 * HOUR,
            )  # fmt: skip
        task = await post.world.task()
        await happened(post.world, task, "600", now - 2.5 * HOUR)
        await happened(post.world, task, "610", now - HOUR)
        await plan_all()
        return task

    task = at_work(database, office, tell)
    page = page_of(diane, task)
    assert re.search(
        "The first one: 600 Terminé [^\u2013]+ \u2013 Not sent: sending was paused", page
    )
    result, _, _ = page.partition("Timeline")
    assert re.search(r"Sending was paused at that moment, or [^.]+ paused", result)
    assert "not_first" not in result
    assert "Not asked sending paused" in words_of(diane.get("/tasks").text)


def test_an_accepted_refusal_says_when_it_came_and_when_it_was_accepted(
    database: TestDatabase, site: Served, office: Office, diane: httpx.Client
) -> None:
    world = office.world
    task = in_database(database.api, lambda: world.task(technician=world.bob))
    key = push(site, office, task, "600", timedelta(seconds=10))
    page = page_of(diane, task)
    assert "600 Terminé refused" in page
    assert f"/refused?show=refused&amp;task={task}" in diane.get(f"/tasks/{task}").text

    async def later() -> None:
        async with owning(database.owner) as owner:
            await owner.move_clock(timedelta(minutes=25))

    in_database(database.api, later)
    assert diane.post(f"/refused/{key}/accept").status_code == 303
    page = page_of(diane, task)
    name = f"Dispatcher.{office.name.title()}"
    times = re.search(
        f"Received on (.+?) and refused; accepted by {name} on (.+?[ap]\\.m\\.)", page
    )
    assert times is not None
    assert times[1] != times[2]
    assert "without network" not in page

    async def as_from_an_older_release() -> None:
        async with owning(database.owner) as owner:
            await owner.connection.execute(
                "UPDATE transition SET arrived_at = received_at WHERE id = $1", key
            )

    in_database(database.api, as_from_an_older_release)
    assert f"Refused at first, accepted by {name}" in page_of(diane, task)


def test_what_a_device_told_late_was_told_without_network(
    site: Served, office: Office, diane: httpx.Client
) -> None:
    push(site, office, office.task, "300", timedelta(hours=2))
    page = page_of(diane, office.task)
    assert "Received 2 hours later, after a time without network" in page
    assert "Entered" not in page


def test_a_new_task_says_since_when_it_exists(office: Office, diane: httpx.Client) -> None:
    page = page_of(diane, office.task)
    assert "100 Planifié Created" in page
    assert "Created on December 31, 2008" in page
    assert "Changed" not in page


def test_whom_to_call_and_where_the_survey_goes_stand_beside_the_task(
    database: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    async def make() -> UUID:
        world = office.world
        customer = await world.customer(name="Zoé & fils", phone="418 555-0142 poste 7")
        place = await world.location(email="chalet@example.net", phone="au chalet")
        return await world.task(
            customer=customer, location=place, contact_email="contact@example.net"
        )

    task = in_database(database.api, make)
    page = diane.get(f"/tasks/{task}").text
    assert 'href="tel:+14185550142;ext=7">418 555-0142 poste 7</a>' in page
    assert 'href="/tasks?q=Zo%C3%A9+%26+fils"' in page or "q=Zo%C3%A9%20%26%20fils" in page
    for said in ("chalet@example.net", "au chalet", "contact@example.net"):
        assert said in words_of(page)
    found = diane.get("/tasks", params={"q": "Zoé & fils"}).text
    assert f'href="/tasks/{task}?list=' in found
