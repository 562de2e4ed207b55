"""The list of tasks in Chromium with scripts: it follows what happens and disturbs nobody."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from server.pages.console.task_list import SCREENFUL
from sync.ids import new_id
from tests.browser import DESK, chromium, visiting
from tests.databases import TestDatabase
from tests.server.office import PASSWORD, Office, in_database, open_office
from tests.server.serving import Served
from tests.server.stories import aside

OTHERS = 60


@pytest.fixture
def office(shared: TestDatabase) -> Office:
    """An office of the test's own, with more tasks than a screen shows."""
    made = open_office(shared, f"office-{new_id()}")

    async def fill() -> None:
        for place in range(OTHERS):
            await made.world.task(title=f"Tâche {place:02}")

    in_database(shared.api, fill)
    return made


@pytest.fixture
def browser(api: Served, office: Office) -> Iterator[Browser]:
    """Chromium; closed before the site and its database are."""
    with chromium() as one:
        yield one


@contextmanager
def watching(
    browser: Browser, api: Served, office: Office, path: str = "/tasks", **options: Any
) -> Iterator[Page]:
    """The office's dispatcher at the list, which listens already."""
    with visiting(browser, DESK, scripts=True, locale="en-CA", **options) as page:
        page.goto(f"{api.base_url}/login?lang=en")
        page.locator("#email").fill(office.address("dispatcher"))
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/tasks")
        with page.expect_response("**/tasks/live"):
            page.goto(f"{api.base_url}{path}")
        yield page


def push(api: Served, office: Office, *tasks: UUID, state: str = "600") -> None:
    """Alice's device tells steps that it made just now, all in one batch."""
    now = datetime.now(UTC)
    items = [
        {
            "id": str(new_id()),
            "task": str(task),
            "state": state,
            "moment": (now - timedelta(seconds=1)).isoformat(),
            "sequence": 1,
        }
        for task in tasks
    ]
    body = {"device_now": now.isoformat(), "transitions": items}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=office.device)
    assert {result["verdict"] for result in answer.json()["results"]} == {"accepted"}


def row_of(page: Page, task: UUID) -> Locator:
    """The row of a task."""
    return page.locator(f'tr[data-task="{task}"]')


def some_task(page: Page, place: int) -> UUID:
    """The task in a row of the list."""
    key = page.locator("tr[data-task]").nth(place).get_attribute("data-task")
    assert key is not None
    return UUID(key)


def test_the_list_follows_what_a_device_tells(
    api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as page:
        task = some_task(page, 3)
        page.evaluate("() => { document.querySelector('tr[data-task]').witness = true; }")
        push(api, office, task)
        first = page.locator("tr[data-task]").first
        expect(first).to_contain_text("600 Terminé")
        expect(first).to_have_attribute("data-task", str(task))
        expect(first).to_have_class(re.compile("changed"))
        expect(page.get_by_role("status")).to_have_text("1 task changed")
        kept = "() => [...document.querySelectorAll('tr')].filter((row) => row.witness).length"
        assert page.evaluate(kept) == 1


def test_what_changed_at_once_is_counted_together(
    api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as page:
        push(api, office, *(some_task(page, place) for place in (1, 2, 30)))
        expect(page.get_by_role("status")).to_have_text("3 tasks changed")
        expect(page.locator("tr.changed")).to_have_count(3)


def test_a_task_from_beyond_the_screenful_counts_alone(
    api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as page:
        shown = page.locator("tr[data-task]")
        expect(shown).to_have_count(SCREENFUL)
        last = some_task(page, SCREENFUL - 1)
        tasks = api.client.get("/api/v1/tasks?limit=100", headers=office.program).json()["items"]
        push(api, office, UUID(tasks[-1]["id"]))
        expect(row_of(page, last)).to_have_count(0)
        expect(page.get_by_role("status")).to_have_text("1 task changed")
        expect(shown).to_have_count(SCREENFUL)


def test_focus_and_the_rows_in_view_stay_where_they_are(
    api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as page:
        task = some_task(page, 40)
        link = row_of(page, some_task(page, 20)).get_by_role("link")
        link.focus()
        link.evaluate("(one) => one.scrollIntoView({ block: 'start' })")
        before = link.bounding_box()
        push(api, office, task)
        expect(page.locator("tr[data-task]").first).to_have_attribute("data-task", str(task))
        expect(link).to_be_focused()
        after = link.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) <= 1


def test_nothing_moves_while_somebody_types_in_the_filter(
    api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as page, watching(browser, api, office) as other:
        task = some_task(page, 3)
        page.get_by_label("Search").press_sequentially("chauff")
        push(api, office, task)
        expect(row_of(other, task)).to_contain_text("600 Terminé")
        expect(row_of(page, task)).to_contain_text("100 Planifié")
        expect(page.get_by_label("Search")).to_have_value("chauff")
        expect(page.get_by_label("Search")).to_be_focused()
        row_of(page, task).get_by_role("link").focus()
        expect(row_of(page, task)).to_contain_text("600 Terminé")
        expect(page.get_by_label("Search")).to_have_value("chauff")
        expect(row_of(page, task).get_by_role("link")).to_be_focused()


def test_a_filtered_list_stays_filtered(
    shared: TestDatabase, api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office, "/tasks?state=600") as page:
        expect(page.get_by_role("heading", name="No task matches")).to_be_visible()
        push(api, office, office.task)
        expect(page.locator("tr[data-task]")).to_have_count(1)
        expect(page.get_by_role("status")).to_have_text("1 task changed")
        other = aside(shared, lambda: office.world.task(title="Ailleurs"))
        push(api, office, other, state="300")
        push(api, office, office.task, state="610")
        expect(page.get_by_role("heading", name="No task matches")).to_be_visible()


@pytest.mark.parametrize(("motion", "animation"), [("reduce", "none"), ("no-preference", "settle")])
def test_changes_are_marked_without_motion_where_that_is_asked_for(
    api: Served, office: Office, browser: Browser, motion: str, animation: str
) -> None:
    with watching(browser, api, office, reduced_motion=motion) as page:
        push(api, office, office.task)
        expect(page.locator("tr.changed").first).to_have_css("animation-name", animation)


def test_a_stranger_hears_nothing(api: Served) -> None:
    answer = api.client.get("/tasks/live", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401
