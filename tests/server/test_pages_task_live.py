"""The page of a task in Chromium with scripts: it follows what happens and disturbs nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from sync.ids import new_id
from tests.mail.sent import Sent, sent
from tests.support.api_process import Served
from tests.support.browser import DESK, visiting
from tests.support.form_browser import browsing
from tests.support.office import Office, in_database
from tests.support.signed_in import enter

pytestmark = pytest.mark.slow


@contextmanager
def watching(browser: Browser, api: Served, office: Office) -> Iterator[Page]:
    """The office's dispatcher at the page of its task, which listens already."""
    with visiting(browser, DESK, scripts=True, locale="en-CA") as page:
        enter(page.context, api.database, office.address("dispatcher"), api.base_url)
        page.context.add_cookies([{"name": "language", "value": "en", "url": api.base_url}])
        with page.expect_response("**/tasks/live"):
            page.goto(f"{api.base_url}/tasks/{office.task}")
        yield page


def push(api: Served, office: Office, state: str) -> None:
    """Alice's device tells a step that it made just now."""
    now = datetime.now(UTC)
    item = {
        "id": str(new_id()),
        "task": str(office.task),
        "state": state,
        "moment": (now - timedelta(seconds=1)).isoformat(),
        "sequence": 1,
        "note": f"Note de {state}",
    }
    body = {"device_now": now.isoformat(), "transitions": [item]}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=office.device)
    assert answer.json()["results"][0]["verdict"] == "accepted"


def test_an_open_page_follows_the_device_and_keeps_what_is_being_typed(
    api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as page:
        state, line = page.locator(".name .chip"), page.locator(".story")
        push(api, office, "300")
        expect(state).to_have_text("300 Sur place")
        expect(line).to_contain_text("Note de 300")
        expect(page.locator("#news")).to_have_text("The task is now at: 300 Sur place")
        # Closed and empty, the form is as new as the rest.
        page.get_by_text("Progress or correct the task").click()
        page.get_by_label("New state").select_option("610")
        note = page.get_by_role("textbox", name="Note")
        note.press_sequentially("Le client a app")
        link = page.get_by_role("link", name="Tasks with this name")
        push(api, office, "600")
        expect(state).to_have_text("600 Terminé")
        expect(line).to_contain_text("Note de 600")
        expect(note).to_be_focused()
        note.press_sequentially("elé")
        expect(note).to_have_value("Le client a appelé")
        expect(page.get_by_label("New state")).to_have_value("610")
        link.focus()
        push(api, office, "300")
        expect(state).to_have_text("300 Sur place")
        expect(link).to_be_focused()
        expect(note).to_be_visible()
        page.get_by_role("button", name="Save the step").click()
        expect(page.get_by_text("Step saved:")).to_be_visible()
        expect(line).to_contain_text("Le client a appelé")


def test_a_form_with_an_error_stays_while_the_page_follows(
    api: Served, office: Office, browser: Browser
) -> None:
    with watching(browser, api, office) as page:
        page.get_by_text("Progress or correct the task").click()
        page.get_by_role("textbox", name="Note").fill("Gardée")
        with page.expect_response("**/tasks/live"):
            page.get_by_role("button", name="Save the step").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose a state")
        push(api, office, "300")
        expect(page.locator(".name .chip")).to_have_text("300 Sur place")
        expect(page.get_by_role("alert")).to_contain_text("Choose a state")
        expect(page.get_by_role("textbox", name="Note")).to_have_value("Gardée")


def test_an_open_page_follows_customers_and_other_dispatchers(
    api: Served, office: Office, browser: Browser
) -> None:
    async def ask() -> Sent:
        return await sent(office.world, office.task)

    mail = in_database(api.database.worker, ask)
    with watching(browser, api, office) as page:
        result = page.locator(".result")
        expect(result).to_contain_text("The survey was sent")
        answer = httpx.post(
            f"{api.base_url}/s/{mail.survey}", data={"rating": "4", "comment": "Ponctuel"}
        )
        assert answer.status_code == 303
        expect(result).to_contain_text("Ponctuel")
        with browsing(api, office) as other:
            form = {"id": str(new_id()), "state": "700"}
            assert other.post(f"/tasks/{office.task}/transitions", data=form).status_code == 303
        expect(page.locator(".name .chip")).to_have_text("700 Fermé")
