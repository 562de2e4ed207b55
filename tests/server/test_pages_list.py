"""The list of tasks: going back to where one was, rows that lead on, and how many one sees."""

import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.mail.campaigns import active, happened, plan_all, time_of
from tests.mail.sent import Sent, left
from tests.support.api_process import Served
from tests.support.browser import DESK, PHONE, TABLET, visiting
from tests.support.form_browser import browsing
from tests.support.office import Office, in_database
from tests.support.signed_in import enter

pytestmark = pytest.mark.slow

TASKS: Final = 12
#: As customers write it.
NUMBER: Final = "450 555-0177, poste 2401"
#: On how many lines the text of each element stands.
LINES: Final = """all => all.map((one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  const boxes = [...range.getClientRects()].filter((box) => box.width > 0);
  return boxes.filter((box, place) => place === 0
    || box.top >= boxes[place - 1].bottom - 2).length;
})"""


@pytest.fixture(scope="module", autouse=True)
def filled(api: Served, north: Office) -> None:
    """More tasks than the screen of a dispatcher shows, with texts as long as people write them."""

    async def fill() -> None:
        world = north.world
        for number in range(TASKS):
            customer = await world.customer(name="Résidence Les Jardins de l\u2019Ancienne-Lorette")
            await world.task(
                title="Vérification du système de ventilation",
                external_id=f"BT-{number}",
                customer=customer,
                state="610",
            )

    in_database(api.database.api, fill)


@pytest.fixture
def diane(api: Served, north: Office) -> Iterator[httpx.Client]:
    """The office's dispatcher in a browser that speaks English."""
    with browsing(api, north) as browser:
        yield browser


def link(page: str, pattern: str) -> str:
    """The first address in a page that `pattern` matches."""
    found = re.search(f'(?:href|action)="({pattern})"', page)
    assert found is not None, pattern
    return html.unescape(found[1])


def test_from_a_task_one_comes_back_to_the_list_as_it_was(api: Served, diane: httpx.Client) -> None:
    narrowed = "/tasks?q=syst%C3%A8me+ventilation&state=610"
    task = diane.get(link(diane.get(narrowed).text, '/tasks/[0-9a-f-]+[^"]*')).text
    assert link(task, '/tasks[?][^"]*') == narrowed
    form = link(task, '/tasks/[^"]*/transitions[^"]*')
    refused = diane.post(form, data={"state": ""})
    assert (refused.status_code, link(refused.text, '/tasks[?][^"]*')) == (422, narrowed)
    saved = diane.post(form, data={"state": "600"})
    assert saved.status_code == 303
    assert link(diane.get(saved.headers["location"]).text, '/tasks[?][^"]*') == narrowed


@pytest.mark.parametrize(
    ("carried", "back"),
    [
        ("", "/tasks"),
        ("//evil.example", "/tasks"),
        ("https://evil.example/?q=x", "/tasks"),
        ("q=%0d%0aLocation: x", "/tasks?q=Location%3A+x"),
        ('q="><script>', "/tasks?q=%22%3E%3Cscript%3E"),
        ("q=a&lang=en&next=//evil&state=600&after=nonsense", "/tasks?q=a&state=600"),
        ("q=" + "x" * 5000, "/tasks?q=" + "x" * 200),
    ],
)
def test_the_way_back_leads_to_the_list_alone(
    north: Office, diane: httpx.Client, carried: str, back: str
) -> None:
    for below in ("", "/survey", "/round"):
        page = diane.get(f"/tasks/{north.task}{below}?list={quote(carried)}").text
        trail = re.search(r'class="trail"[^>]*><a href="([^"]*)"', page)
        assert trail is not None, below
        assert html.unescape(trail[1]) == back


def test_behind_the_last_task_one_is_led_back_to_the_first(
    north: Office, diane: httpx.Client
) -> None:
    page = diane.get(f"/tasks?state=610&after=2001-01-01T00:00:00%2B00:00_{north.task}").text
    assert "No older task" in page
    assert link(page, "/tasks[?]state=610") == "/tasks?state=610"


def listed(page: Page, api: Served, office: Office, path: str) -> None:
    """Open the list as the office's dispatcher."""
    enter(page.context, api.database, office.address("dispatcher"), api.base_url)
    page.goto(f"{api.base_url}{path}")


#: What is cut off by the window or by the table, which hides what overflows it.
CUT: Final = """() => {
  const edge = document.querySelector('.rows').getBoundingClientRect().right;
  return [...document.querySelectorAll('[data-task] *')]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > edge + 0.5)
    .map((one) => one.outerHTML.slice(0, 80));
}"""


@pytest.fixture(scope="module")
def answered(api: Served, filled: None, north: Office) -> None:
    """Three customers at the top of the list who were not content and ask to be called back."""

    async def ask() -> list[Sent]:
        world = north.world
        campaign = await active(world)
        made = []
        for number in range(3):
            customer = await world.customer(name="Garderie Les Petits Castors")
            made.append(
                await world.task(
                    title="Vérification du système de ventilation",
                    external_id=f"BT-2466{number}",
                    customer=customer,
                    state="610",
                    created_at=await time_of(world),
                )
            )
            await happened(world, made[-1], "600", await time_of(world))
        await plan_all()
        return [await left(world, task, campaign) for task in made]

    typed = {"rating": "2", "call_back": "yes", "phone": NUMBER}
    for mail in in_database(api.database.worker, ask):
        assert httpx.post(f"{api.base_url}/s/{mail.survey}", data=typed).status_code == 303


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("language", ["fr", "en"])
def test_eight_tasks_are_seen_and_no_state_or_name_wraps(
    api: Served, north: Office, browser: Browser, language: str
) -> None:
    with visiting(browser, DESK) as page:
        listed(page, api, north, f"/tasks?lang={language}")
        expect(page.get_by_role("link", name=NUMBER)).to_have_count(3)
        for call in page.get_by_role("link", name=NUMBER).all():
            expect(call).to_be_in_viewport(ratio=1)
        expect(page.locator("[data-task]").nth(7)).to_be_in_viewport(ratio=1)
        for part in (".chip", ".is-name a", ".is-technician", ".is-survey > span"):
            lines = page.locator(f"tbody {part}").evaluate_all(LINES)
            assert set(lines) <= {0, 1}, part
        assert page.evaluate(CUT) == []


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("size", [PHONE, TABLET])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_of_a_task_is_cut_off_in_narrow_windows(
    api: Served, north: Office, browser: Browser, size: tuple[int, int], language: str
) -> None:
    with visiting(browser, size) as page:
        listed(page, api, north, f"/tasks?lang={language}")
        expect(page.get_by_role("link", name=NUMBER)).to_have_count(3)
        assert page.evaluate(CUT) == []


def test_on_a_tablet_six_tasks_are_seen_under_one_row_of_filters(
    api: Served, north: Office, browser: Browser
) -> None:
    with visiting(browser, TABLET) as page:
        listed(page, api, north, "/tasks?lang=fr")
        expect(page.locator("[data-task]").nth(5)).to_be_in_viewport(ratio=1)
        [select, button] = [page.locator(one).bounding_box() for one in ("#state", ".press button")]
        assert select is not None
        assert button is not None
        assert select["y"] == button["y"]


def test_a_row_leads_where_its_name_does(api: Served, north: Office, browser: Browser) -> None:
    with visiting(browser, DESK, scripts=True) as page:
        listed(page, api, north, "/tasks?q=BT-3&lang=en")
        cell = page.locator("[data-task] .is-customer")
        with page.context.expect_page() as opened:
            cell.click(modifiers=["ControlOrMeta"])
        expect(opened.value).to_have_url(re.compile("/tasks/.*list=q"))
        opened.value.close()
        with page.context.expect_page() as opened:
            cell.click(button="middle")
        opened.value.close()
        box = cell.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 14, box["y"] + 16)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 16, steps=4)
        page.mouse.up()
        assert page.evaluate("getSelection().toString()") != ""
        expect(page).to_have_url(re.compile("/tasks[?]q="))
        page.mouse.click(5, 700)
        cell.click()
        expect(page).to_have_url(re.compile("/tasks/.*list=q"))
        page.get_by_role("link", name="Tasks", exact=True).last.click()
        expect(page).to_have_url(re.compile("/tasks[?]q=BT-3$"))


def test_a_phone_shows_whole_rows_that_lead_on(
    api: Served, north: Office, browser: Browser
) -> None:
    with visiting(browser, PHONE) as page:
        listed(page, api, north, "/tasks?q=BT-3&lang=en")
        page.locator("[data-task]").click(position={"x": 300, "y": 120})
        expect(page).to_have_url(re.compile("/tasks/.*list=q"))
