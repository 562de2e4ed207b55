"""The list of tasks in Chromium with scripts: it follows what happens and disturbs nobody."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from server.console.task_list import SCREENFUL
from sync.ids import new_id
from tests.mail.sent import Sent, sent
from tests.support.api_process import Served
from tests.support.browser import DESK, visiting
from tests.support.databases import TestDatabase
from tests.support.office import Office, in_database, open_office
from tests.support.signed_in import enter
from tests.support.stories import aside

pytestmark = pytest.mark.slow

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


@contextmanager
def watching(
    browser: Browser, api: Served, office: Office, path: str = "/tasks", **options: Any
) -> Iterator[Page]:
    """The office's dispatcher at the list, which listens already."""
    with visiting(browser, DESK, scripts=True, locale="en-CA", **options) as page:
        enter(page.context, api.database, office.address("dispatcher"), api.base_url)
        page.context.add_cookies([{"name": "language", "value": "en", "url": api.base_url}])
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


def test_the_list_follows_what_a_customer_answers(
    api: Served, office: Office, browser: Browser
) -> None:
    async def ask() -> Sent:
        return await sent(office.world, await office.world.task(title="Demandée"))

    mail = in_database(api.database.worker, ask)
    with watching(browser, api, office, "/tasks?q=Demandée") as page:
        row = row_of(page, mail.task)
        expect(row.locator(".is-survey")).to_contain_text("Sent")
        answer = httpx.post(f"{api.base_url}/s/{mail.survey}", data={"rating": "4"})
        assert answer.status_code == 303
        expect(row.locator(".is-survey")).to_contain_text("Answered")
        expect(page.get_by_role("status")).to_have_text("1 task changed")


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


TITLES = ("Chaudière", "Robinet")


def test_follow_ups_and_their_badge_follow_and_leave_what_is_typed(
    api: Served, office: Office, browser: Browser
) -> None:
    async def ask() -> list[Sent]:
        world = office.world
        return [await sent(world, await world.task(title=title)) for title in TITLES]

    first, second = in_database(api.database.worker, ask)
    call = {"rating": "4", "call_back": "yes", "phone": "418 555-0123"}
    with watching(browser, api, office, "/follow-ups") as page:
        badge = page.get_by_role("navigation", name="Main").locator(".count")
        expect(page.get_by_role("heading", name="Nothing to do here")).to_be_visible()
        httpx.post(f"{api.base_url}/s/{first.survey}", data=call)
        expect(badge).to_have_text("1")
        expect(page.get_by_role("link", name="418 555-0123")).to_have_count(1)
        page.locator("summary").click()
        page.get_by_label("What came of it").fill("Elle rappellera")
        httpx.post(f"{api.base_url}/s/{second.survey}", data=call)
        expect(badge).to_have_text("2")
        expect(page.get_by_role("link", name="Robinet")).to_be_visible()
        expect(page.get_by_label("What came of it").first).to_have_value("Elle rappellera")
        expect(page.get_by_label("What came of it").first).to_be_focused()
        page.get_by_role("button", name="Mark as handled").click()
        expect(page.get_by_role("status")).to_contain_text("Handled by")
        expect(badge).to_have_text("1")


#: As many windows as a browser has lines to one server, and one more.
WINDOWS = 7
#: What a window says when it is hidden, and when it is shown again.
TURN = """(hidden) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def streams_of(context: BrowserContext) -> list[Page]:
    """The windows that opened a stream, in their order, filled as they do."""
    opened: list[Page] = []

    def note(request: Request) -> None:
        if request.url.endswith("/tasks/live"):
            opened.append(request.frame.page)

    context.on("request", note)
    return opened


def test_all_windows_of_a_browser_are_live_by_one_stream(
    shared: TestDatabase, api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as first:
        streams = streams_of(first.context)
        windows = [first, *(first.context.new_page() for _ in range(WINDOWS - 1))]
        for window in windows[1:]:
            window.goto(f"{api.base_url}/tasks")
        assert [window.evaluate("document.hidden") for window in windows] == [False] * WINDOWS
        assert len(api.client.get("/api/v1/tasks", headers=office.program).json()["items"]) > 0
        task = some_task(first, 3)
        push(api, office, task)
        for window in windows:
            expect(row_of(window, task)).to_contain_text("600 Terminé")
        assert streams == []  # but the first one's, which was open already

        first.evaluate(TURN, True)  # who listens is not looked at any more: another one does
        push(api, office, task, state="610")
        for window in windows[1:]:
            expect(row_of(window, task)).to_contain_text("610 Terminé")
        assert len(streams) == 1
        streams[0].close()
        left = [window for window in windows[1:] if window is not streams[0]]
        push(api, office, task, state="300")
        for window in left:
            expect(row_of(window, task)).to_contain_text("300 Sur place")
        assert len(streams) == 2
        first.evaluate(TURN, False)  # what was missed is there as soon as it is looked at
        expect(row_of(first, task)).to_contain_text("300 Sur place")
        assert len(streams) == 2


@pytest.mark.parametrize("missing", ["Navigator.prototype.locks", "window.BroadcastChannel"])
def test_a_window_that_cannot_share_looks_by_itself(
    api: Served, office: Office, browser: Browser, missing: str
) -> None:
    with watching(browser, api, office) as first:
        window = first.context.new_page()
        window.add_init_script(f"delete {missing};")
        streams = streams_of(first.context)
        window.clock.install()
        window.goto(f"{api.base_url}/tasks")
        task = some_task(window, 3)
        push(api, office, task)
        expect(row_of(first, task)).to_contain_text("600 Terminé")
        window.clock.run_for(25_000)
        expect(row_of(window, task)).to_contain_text("600 Terminé")
        assert streams == []


def test_a_stranger_hears_nothing(api: Served) -> None:
    answer = api.client.get("/tasks/live", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401
