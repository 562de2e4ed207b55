"""Ratings that are chosen on the page and not sent: kept apart once a person touched the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from mail.responses.rollup import roll
from sync.database import Tx
from tests.support.api_process import Served, served
from tests.support.browser import PHONE, visiting
from tests.support.databases import TestDatabase
from tests.support.form_browser import words_of
from tests.support.processes import until
from tests.support.signed_in import let_in
from tests.support.stories import EMAIL, Story, on, tell

pytestmark = pytest.mark.slow

VISITS = 100


@pytest.fixture
def story(database: TestDatabase) -> Story:
    return tell(database)


@pytest.fixture
def site(database: TestDatabase, story: Story) -> Iterator[Served]:
    with served(database) as one:
        one.client.headers["Accept"] = "text/html"
        yield one


def kept(site: Served, story: Story) -> list[tuple[str, int]]:
    """What was chosen and not sent."""

    async def read(tx: Tx) -> list[tuple[str, int]]:
        rows = await tx.fetch(
            "SELECT kind, value FROM answer_partial WHERE invitation = $1", story.invitation
        )
        return [(row["kind"], row["value"]) for row in rows]

    return on(site.database, story.account, read)


def tell_unsent(site: Served, story: Story, rating: str) -> None:
    answer = site.client.post(f"/s/{story.survey}/unsent", data={"rating": rating})
    assert (answer.status_code, answer.content) == (204, b"")


def test_it_is_kept_apart_until_there_is_an_answer(site: Served, story: Story) -> None:
    for rating in ("2", "4"):
        tell_unsent(site, story, rating)
    assert kept(site, story) == [("stars", 4)]
    on(site.database, story.account, lambda tx: roll(tx, [story.invitation]))
    let_in(site.client, site.database, EMAIL)
    task = f"/tasks/{story.task}"
    said = "Choisi sur la page sans être envoyé, donc non compté : 4 / 5"
    assert said in words_of(site.client.get(task).text).replace("\u00a0", " ")
    assert site.client.get(f"/api/v1{task}").json()["result"] is None
    assert site.client.post(f"/s/{story.survey}", data={"rating": "3"}).status_code == 303
    tell_unsent(site, story, "1")
    assert kept(site, story) == []
    assert "sans être envoyé" not in words_of(site.client.get(task).text)


@pytest.mark.parametrize("rating", ["", "0", "6", "10", "four", "4.5", "٤"])
def test_what_is_no_value_of_the_scale_is_not_kept(site: Served, story: Story, rating: str) -> None:
    tell_unsent(site, story, rating)
    assert kept(site, story) == []


def test_of_a_survey_that_is_not_open_nothing_is_kept(site: Served, story: Story) -> None:
    assert site.client.post("/s/unknown/unsent", data={"rating": "4"}).status_code == 204

    async def end(tx: Tx) -> None:
        sql = "UPDATE invitation SET deadline = $2 WHERE id = $1"
        await tx.execute(sql, story.invitation, tx.now)

    on(site.database, story.account, end)
    tell_unsent(site, story, "4")
    assert kept(site, story) == []


def test_a_link_that_is_used_too_often_is_slowed_down(site: Served, story: Story) -> None:
    for _ in range(20):
        tell_unsent(site, story, "4")
    late = site.client.post(f"/s/{story.survey}/unsent", data={"rating": "4"})
    assert late.status_code == 429


@pytest.mark.browser
def test_what_a_person_leaves_unsent_is_kept(site: Served, story: Story, browser: Browser) -> None:
    with visiting(browser, PHONE, scripts=True) as page:
        page.goto(f"{site.base_url}/s/{story.survey}?rating=5")
        page.get_by_role("radio", name="2 sur 5").check()
        page.goto("about:blank")
        until(lambda: kept(site, story) == [("stars", 2)], "the choice is kept")


@pytest.mark.browser
def test_what_was_sent_is_no_choice_left(site: Served, story: Story, browser: Browser) -> None:
    with visiting(browser, PHONE, scripts=True) as page:
        page.goto(f"{site.base_url}/s/{story.survey}")
        page.get_by_role("radio", name="2 sur 5").check()
        page.get_by_role("button", name="Envoyer").click()
        expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    assert kept(site, story) == []


@pytest.mark.browser
def test_a_hundred_visits_without_a_gesture_record_nothing(
    site: Served, story: Story, browser: Browser
) -> None:
    asked = []
    with visiting(browser, PHONE, scripts=True) as page:
        page.on("request", lambda request: asked.append(request.method))
        for _ in range(VISITS):
            page.goto(f"{site.base_url}/s/{story.survey}?rating=1")
        page.evaluate(
            "document.querySelector('input[name=rating][value=\"3\"]').click();"
            "dispatchEvent(new KeyboardEvent('keydown'))"
        )
        page.goto("about:blank")
    assert "POST" not in asked
    assert kept(site, story) == []
    opened = "SELECT count(*) FROM answer_version"
    assert on(site.database, story.account, lambda tx: tx.fetchval(opened)) == 0
