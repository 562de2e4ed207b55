"""The ledger's page: completed tasks by outcome, the decisions behind, and where they lead."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from mail.ledger.reading import MOST_DAYS
from mail.planning.history import read_histories
from mail.planning.writes import write_completions
from sync.database import tx
from tests.server.test_api_decisions import count_all
from tests.server.test_pages_console import words_of
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.office import in_database
from tests.support.signed_in import let_in
from tests.support.stories import EMAIL, Story, found, tell

pytestmark = pytest.mark.slow

NAME: Final = "Who was asked, and why not"


@pytest.fixture
def story(database: TestDatabase) -> Story:
    """An account with a survey sent, one scheduled, and a refused transition."""
    told = tell(database)

    async def complete() -> None:
        async with tx(told.account) as opened:
            await write_completions(opened, await read_histories(opened, [told.task, told.waiting]))
        await count_all(told.account)

    in_database(database.worker, complete)
    return told


@pytest.fixture
def site(database: TestDatabase, story: Story) -> Iterator[Served]:
    """The pages, with the dispatcher signed in."""
    with served(database) as one:
        one.client.headers["Accept"] = "text/html"
        let_in(one.client, one.database, EMAIL)
        yield one


def test_t8_the_page_counts_completed_tasks_and_leads_to_each(site: Served, story: Story) -> None:
    campaign = site.client.get(f"/campaigns/{story.campaign}?lang=en").text
    link = re.search(rf'href="(/decisions[^"]*)">{NAME}', campaign)
    assert link is not None
    page = site.client.get(link[1]).text
    said = words_of(page)
    assert "Asked: a survey is scheduled or was sent 2" in said
    assert "Completed 2" in said
    assert f'href="/tasks/{story.task}"' in page
    assert "It was not the first visit to these states, and only the first may ask" in said
    asked = site.client.get(f"/decisions?outcome=scheduled&campaign={story.campaign}").text
    rows = asked.split("<table")[-1]
    assert rows.count("Asked: a survey") == 2
    assert "not the first visit" not in rows


def test_t8_it_says_what_cannot_be_shown(site: Served) -> None:
    for days in ("first_day=2026-02-02&last_day=2026-02-01", "first_day=2026-02-30"):
        page = site.client.get(f"/decisions?{days}&lang=en")
        assert page.status_code == 200
        assert f"at most {MOST_DAYS} are shown at once" in words_of(page.text)
        assert f"<title>Error: {NAME}" in page.text
    assert "at most" not in words_of(site.client.get("/decisions").text)


def test_what_cannot_be_read_of_the_url_is_ignored(site: Served, story: Story) -> None:
    page = site.client.get("/decisions?campaign=x&unit=1&outcome=asked&after=1_2&lang=fr")
    assert page.status_code == 200
    assert f'href="/tasks/{story.task}"' in page.text


def test_where_nothing_happened_it_says_what_will_appear(database: TestDatabase) -> None:
    found(database)
    with served(database) as site:
        let_in(site.client, database, EMAIL)
        said = words_of(site.client.get("/decisions?lang=en").text)
    assert "No task was completed on these days." in said
    assert "No decision here" in said
