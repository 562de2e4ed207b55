"""What pages say when something went wrong: what happened, what was kept, and the way on."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from server.access.kept_forms import MOST_BYTES
from server.runtime.mailbox import Mailbox
from sync.database import Tx
from sync.ids import new_id
from tests.mail.sent import Sent, sent
from tests.support.api_process import Served, served
from tests.support.browser import PHONE, visiting
from tests.support.databases import TestDatabase, clone
from tests.support.form_browser import HTML, browsing, words_of
from tests.support.office import PASSWORD, Office, in_database, open_office
from tests.support.signed_in import COOKIE, enter
from tests.support.stories import on

pytestmark = pytest.mark.slow

NOTE = 'Client absent ;\r\nrevenir <b>mardi</b> à "8 h"'
TYPED = {"state": "600", "note": NOTE, "moment": "2026-01-02T03:04", "unasked": "yes", "why": "Non"}


@pytest.fixture
def diane(api: Served, north: Office) -> Iterator[httpx.Client]:
    """The office's dispatcher in a browser that speaks French."""
    with browsing(api, north, language="fr") as browser:
        yield browser


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in fields}


def sign_in(browser: httpx.Client, office: Office, page: str, password: str) -> httpx.Response:
    """Send the login form of `page`."""
    typed = {"email": office.address("dispatcher"), "password": password}
    return browser.post("/login", data=hidden(page) | typed)


def recorded(api: Served, office: Office) -> int:
    """How many transitions the office's task has."""

    async def read(opened: Tx) -> int:
        sql = "SELECT count(*) FROM transition WHERE task = $1"
        return int(await opened.fetchval(sql, office.task))

    return on(api.database, office.world.account, read)


def test_what_was_typed_after_the_session_ended_is_in_the_form_again(
    api: Served, north: Office, diane: httpx.Client
) -> None:
    path = f"/tasks/{north.task}"
    form = hidden(diane.get(path).text)
    diane.cookies.delete(COOKIE)
    refused = diane.post(f"{path}/transitions", data=form | TYPED)
    assert refused.status_code == 401
    assert "<title>Erreur : Votre session est terminée" in refused.text.replace("\u00a0", " ")
    assert "Rien n\u2019a été enregistré" in refused.text
    wrong = sign_in(diane, north, refused.text, "wrong")
    assert wrong.status_code == 401
    assert hidden(wrong.text) == hidden(refused.text)
    assert "lang=en" not in refused.text + wrong.text
    entered = sign_in(diane, north, wrong.text, PASSWORD)
    assert (entered.status_code, entered.headers["location"]) == (303, f"{path}?kept=yes")
    page = diane.get(entered.headers["location"]).text
    assert "Rien n\u2019est encore enregistré" in page
    assert html.escape(NOTE.replace("\r\n", "\n"), quote=False) in page.replace("&#34;", '"')
    assert '<option value="600" selected>' in page
    assert 'value="2026-01-02T03:04"' in page
    assert hidden(page)["id"] == form["id"]
    before = recorded(api, north)
    for _ in range(2):
        saved = diane.post(f"{path}/transitions", data=hidden(page) | TYPED)
        assert saved.status_code == 303, words_of(saved.text)
    assert recorded(api, north) == before + 1
    assert "encore enregistré" not in diane.get(entered.headers["location"]).text


def test_a_reason_and_a_note_that_came_after_the_session_are_in_their_forms_again(
    shared: TestDatabase, api: Served, north: Office, diane: httpx.Client
) -> None:
    async def ask() -> Sent:
        world = north.world
        return await sent(world, await world.task(technician=world.bob, title="Chez Bob"))

    mail = in_database(shared.worker, ask)
    call = {"rating": "4", "call_back": "yes", "phone": "418 555-0123"}
    assert httpx.post(f"{api.base_url}/s/{mail.survey}", data=call).status_code == 303
    [close] = re.findall(
        r'action="(/follow-ups/[^"]+/close)"', diane.get(f"/tasks/{mail.task}").text
    )
    now = datetime.now(UTC)
    step = {"id": str(new_id()), "task": str(mail.task), "state": "600", "sequence": 1}
    step["moment"] = (now - timedelta(minutes=5)).isoformat()
    body = {"device_now": now.isoformat(), "transitions": [step]}
    pushed = api.client.post("/api/v1/sync/push", json=body, headers=north.device)
    assert pushed.json()["results"][0]["verdict"] == "refused"
    forms = {
        close: {"note": "Elle rappellera", "version": "1", "from": "task"},
        f"/refused/{step['id']}/dismiss": {"why": "Saisie deux fois"},
    }
    for path, typed in forms.items():
        above = path.rsplit("/", 1)[0]
        diane.cookies.delete(COOKIE)
        empty = diane.post(path, data={"version": "1", "note": "", "why": ""})
        assert hidden(empty.text) == {"next": above}
        refused = diane.post(path, data=typed)
        entered = sign_in(diane, north, refused.text, PASSWORD)
        assert entered.headers["location"] == f"{above}?kept=yes"
        page = diane.get(entered.headers["location"]).text
        assert "Rien n\u2019est encore enregistré" in page
        assert next(iter(typed.values())) in page
        saved = diane.post(path, data=hidden(page) | typed)
        assert saved.status_code == 303
        assert "encore enregistré" not in diane.get(above).text
    assert "Elle rappellera" in diane.get(f"/tasks/{mail.task}").text


def test_only_what_a_page_shows_again_is_said_to_be_kept(
    north: Office, diane: httpx.Client
) -> None:
    diane.cookies.delete(COOKIE)
    task = f"/tasks/{north.task}"
    for path, above in (
        (f"/devices/enrol/{north.task}", "/devices"),
        (f"/refused/{north.task}/accept", f"/refused/{north.task}"),
    ):
        refused = diane.post(path, data={"note": "Gardé"})
        assert hidden(refused.text) == {"next": above}
        assert "est gardé" not in refused.text
    large = diane.post(f"{task}/transitions", data={"note": "n" * (MOST_BYTES + 1)})
    assert (large.status_code, "kept" in hidden(large.text)) == (401, False)
    broken = diane.post(f"{task}/transitions", content=b"note=%ff", headers=FORM)
    assert hidden(broken.text)["next"] == task


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    "kept",
    [
        "{",
        "[]",
        '{"path": "/login", "fields": {}}',
        '{"path": "//evil", "fields": {}}',
        "0",
        '{"x": ' + 20_000 * "[",
        '{"fields": ' + 20_000 * "[",
    ],
    ids=range(7),
)
def test_a_kept_form_that_no_page_wrote_is_dropped(api: Served, north: Office, kept: str) -> None:
    with httpx.Client(base_url=api.base_url, headers=HTML) as browser:
        typed = {"email": north.address("dispatcher"), "password": PASSWORD}
        entered = browser.post("/login", data=typed | {"kept": kept})
        assert entered.headers["location"] == "/tasks"


def test_the_kept_form_of_one_task_is_not_shown_at_another(
    north: Office, diane: httpx.Client
) -> None:
    assert "encore enregistré" not in diane.get(f"/tasks/{north.task}?kept=yes").text


def test_addresses_that_only_take_forms_say_so_and_lead_on(
    north: Office, diane: httpx.Client
) -> None:
    for path, above in ((f"/tasks/{north.task}/transitions", f"/tasks/{north.task}"),):
        page = diane.get(path)
        assert page.status_code == 405
        assert "Cette adresse ne reçoit que des formulaires" in words_of(page.text)
        assert f'href="{above}"' in page.text


def test_who_may_not_is_still_signed_in_and_led_on(api: Served, north: Office) -> None:
    with browsing(api, north, role="manager", language="fr") as manager:
        page = manager.get(f"/devices/enrol/{north.people['technician']}")
    assert page.status_code == 403
    assert "Se déconnecter" in page.text
    assert '<a class="button second" href="/devices">' in page.text
    assert '<a href="/follow-ups">' in page.text


def test_who_is_not_known_is_led_to_the_front_page(
    api: Served, north: Office, diane: httpx.Client
) -> None:
    long = diane.get("/tasks?q=" + "x" * 9000)
    diane.cookies.delete(COOKIE)
    unknown = diane.get("/nowhere")
    assert (long.status_code, unknown.status_code) == (431, 404)
    for page in (long, unknown):
        assert '<a class="button second" href="/">' in page.text


def test_what_is_wrong_with_a_step_stands_below_the_heading(
    north: Office, diane: httpx.Client
) -> None:
    page = diane.post(f"/tasks/{north.task}/transitions", data={"state": ""}).text
    assert page.index("</h1>") < page.index('role="alert"')


def test_a_technician_at_the_console_is_led_to_the_app(api: Served, north: Office) -> None:
    with httpx.Client(base_url=api.base_url, headers=HTML) as browser:
        refused = browser.post(
            "/login", data={"email": north.address("technician"), "password": PASSWORD}
        )
    assert refused.status_code == 403
    assert 'href="/tech/"' in refused.text


def test_after_an_error_the_focus_is_on_what_happened(
    template: TestDatabase, browser: Browser
) -> None:
    # In a database of its own: elsewhere so many others guess that it is slowed down.
    with clone(template) as made, served(made) as api, visiting(browser, PHONE) as page:
        office = open_office(made)
        page.goto(f"{api.base_url}/login?lang=en")
        page.get_by_label("E-mail address").fill(office.address("dispatcher"))
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_focused()
        expect(page).to_have_title(re.compile("^Error: Sign in"))
        page.get_by_role("link", name="Wrong address or password").click()
        expect(page.get_by_label("E-mail address")).to_be_focused()
        enter(page.context, made, office.address("dispatcher"), api.base_url)
        page.goto(f"{api.base_url}/tasks/{office.task}")
        page.locator(".move summary").click()
        page.get_by_role("button", name="Save the step").click()
        expect(page.get_by_role("alert")).to_be_focused()
        expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)
        expect(page).to_have_title(re.compile("^Error: "))
        page.get_by_role("alert").get_by_role("link").click()
        expect(page.get_by_label("New state")).to_be_focused()
        page.goto(f"{api.base_url}/decisions?first_day=2026-02-02&last_day=2026-01-01")
        expect(page.get_by_role("alert")).to_be_focused()
        page.get_by_label("First day").fill("2020-01-01")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("alert")).to_be_focused()
        expect(page).to_have_title(re.compile("^Error: "))


def test_error_pages_and_the_mailbox_say_what_waits_as_other_pages_do(
    api: Served, south: Office, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    step = {"id": str(new_id()), "task": str(south.task), "state": "none", "sequence": 1}
    body = {
        "device_now": now.isoformat(),
        "transitions": [step | {"moment": (now - timedelta(minutes=5)).isoformat()}],
    }
    pushed = api.client.post("/api/v1/sync/push", json=body, headers=south.device)
    assert [result["verdict"] for result in pushed.json()["results"]] == ["refused"]
    api.services.mailbox = Mailbox(tmp_path / "mails")
    with browsing(api, south) as browser:
        pages = ["/tasks", "/mailbox", "/nowhere", f"/tasks/{new_id()}", "/tasks/x/transitions"]
        read = [browser.get(path).text for path in pages]
        bars = [re.findall(r"<nav.*?</nav>", page, re.DOTALL)[0] for page in read]
        counts = [re.findall(r'class="count">(\d+)<', bar) for bar in bars]
    api.services.mailbox = None
    assert counts == [["1"]] * len(pages)
