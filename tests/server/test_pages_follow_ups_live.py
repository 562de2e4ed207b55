"""Follow-ups in Chromium with scripts: they follow what happens and leave focus and notes alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.mail.sent import Sent, sent
from tests.support.api_process import Served
from tests.support.browser import DESK, visiting
from tests.support.form_browser import browsing
from tests.support.office import Office, in_database
from tests.support.signed_in import enter

pytestmark = pytest.mark.slow

BAD = {"rating": "1", "comment": "Trois heures de retard"}
CALL = {"rating": "4", "call_back": "yes", "phone": "418 555-0123"}


def asked(api: Served, office: Office, *titles: str) -> list[Sent]:
    """Surveys that were sent, each about a task of its own."""

    async def ask() -> list[Sent]:
        world = office.world
        return [await sent(world, await world.task(title=title)) for title in titles]

    return in_database(api.database.worker, ask)


def answer(api: Served, mail: Sent, fields: dict[str, str]) -> None:
    """The customer submits the form."""
    done = httpx.post(f"{api.base_url}/s/{mail.survey}", data=fields)
    assert done.status_code == 303, done.text


@contextmanager
def watching(browser: Browser, api: Served, office: Office, path: str) -> Iterator[Page]:
    """The office's dispatcher at a page, which listens already."""
    with visiting(browser, DESK, scripts=True, locale="en-CA") as page:
        enter(page.context, api.database, office.address("dispatcher"), api.base_url)
        page.context.add_cookies([{"name": "language", "value": "en", "url": api.base_url}])
        with page.expect_response("**/tasks/live"):
            page.goto(f"{api.base_url}{path}")
        yield page


def test_the_focus_stays_on_its_control_while_the_list_moves(
    api: Served, office: Office, browser: Browser
) -> None:
    first, second, third, fourth = asked(api, office, "Chaudière", "Robinet", "Toit", "Porte")
    answer(api, first, BAD)
    with watching(browser, api, office, "/follow-ups?show=negative") as page:
        rows = page.locator("tbody tr")
        button = rows.first.get_by_role("button", name="Mark as read")
        button.focus()
        answer(api, second, BAD)
        expect(rows).to_have_count(2)
        expect(button).to_be_focused()
        tab = page.get_by_role("link", name="Negative answers")
        tab.focus()
        answer(api, third, BAD)
        expect(tab).to_have_text("Negative answers 3")
        expect(tab).to_be_focused()
        button.focus()
        with browsing(api, office) as other:  # a colleague read the second one
            key = rows.nth(1).get_attribute("id")
            assert key is not None
            form = {"version": "1", "from": "list"}
            path = f"/follow-ups/{key.removeprefix('follow-up-')}/close"
            assert other.post(path, data=form).status_code == 303
        expect(rows).to_have_count(2)
        expect(button).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Read by")
        page.goto(f"{api.base_url}/follow-ups?show=handled")
        reopen = rows.first.get_by_role("button", name="Open again")
        reopen.focus()
        answer(api, fourth, CALL)
        expect(page.get_by_role("link", name="To call back 1")).to_be_visible()
        expect(reopen).to_be_focused()


def test_a_note_in_a_form_that_was_closed_again_is_kept(
    api: Served, office: Office, browser: Browser
) -> None:
    first, second = asked(api, office, "Chaudière", "Robinet")
    answer(api, first, CALL)
    with watching(browser, api, office, "/follow-ups?show=call_back") as page:
        opener = page.locator("summary").first
        opener.click()
        page.get_by_label("What came of it").fill("Elle rappellera")
        opener.click()
        answer(api, second, CALL)
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(opener).to_be_focused()
        opener.click()
        expect(page.get_by_label("What came of it").first).to_have_value("Elle rappellera")


def test_a_new_follow_up_of_a_task_takes_no_other_ones_place(
    api: Served, office: Office, browser: Browser
) -> None:
    [mail] = asked(api, office, "Chaudière")
    answer(api, mail, CALL)
    with watching(browser, api, office, f"/tasks/{mail.task}") as page:
        call = page.locator("article.asked").filter(has_text="Asks to be called back")
        call.locator("summary").click()
        call.get_by_label("What came of it").fill("Elle rappellera")
        answer(api, mail, CALL | BAD)
        expect(page.locator("article.asked")).to_have_count(2)
        expect(page.get_by_role("button", name="Mark as read")).to_be_visible()
        expect(call.get_by_label("What came of it")).to_have_value("Elle rappellera")
        expect(call.get_by_label("What came of it")).to_be_focused()
        expect(call.get_by_role("button", name="Mark as handled")).to_be_visible()
