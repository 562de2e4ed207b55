"""The pages in Chromium without scripts: thumbs, keyboards, small windows, dark rooms."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from mail.campaigns.account_switch import pause_sending
from mail.campaigns.calendar import AccountCalendar, ClosedDay, save_calendar
from mail.consent import suppressions
from mail.planning.rounds import open_round
from server.runtime.mailbox import Mailbox
from sync.database import Tx
from tests.support.api_process import Served, served
from tests.support.browser import DESK, PHONE, visiting
from tests.support.databases import TestDatabase
from tests.support.legible import ILLEGIBLE
from tests.support.signed_in import enter
from tests.support.state_guard import staged
from tests.support.stories import EMAIL, Story, on, tell

pytestmark = pytest.mark.slow

#: CSS pixels that a thumb needs.
TOUCH: Final = 44

#: What a page must be for everybody, read from the page itself.
FAULTS: Final = """() => {
  const faults = [];
  const count = (selector) => document.querySelectorAll(selector).length;
  if (count('h1') !== 1) faults.push('headings: ' + count('h1'));
  if (count('main') !== 1) faults.push('main: ' + count('main'));
  if (!document.documentElement.lang || !document.title) faults.push('no language or title');
  const wide = document.documentElement.scrollWidth;
  if (wide > window.innerWidth) faults.push('scrolls sideways: ' + wide);
  for (const box of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!box.labels.length) faults.push('no label: ' + box.name);
  for (const one of document.querySelectorAll('[aria-label]:is(a, button, summary)')) {
    const plain = (text) => text.replace(/\\s+/g, ' ').trim().toLowerCase();
    const said = plain(one.getAttribute('aria-label'));
    if (!said.includes(plain(one.textContent))) faults.push('other label: ' + one.outerHTML);
  }
  for (const one of document.querySelectorAll('body *:not(option, optgroup, .on-light)'))
    if (getComputedStyle(one).color === 'rgb(0, 0, 0)') faults.push('no ink: ' + one.outerHTML);
  for (const image of document.querySelectorAll('img:not([alt]), iframe:not([title])'))
    faults.push('no text: ' + image.src);
  for (const link of document.querySelectorAll('a, button'))
    if (!link.textContent.trim()) faults.push('says nothing: ' + link.outerHTML);
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  for (const id of ids.filter((one, place) => ids.indexOf(one) !== place))
    faults.push('id twice: ' + id);
  for (const table of document.querySelectorAll('table'))
    if (!table.caption || !table.querySelector('th[scope]')) faults.push('bare table');
  return faults;
}"""

CALL: Final = {"rating": "4", "call_back": "yes", "phone": "418 555-0123"}

#: Buttons, boxes and stars, with the smaller of width and height; for thumbs links, too, but for
#: those within a sentence. A link that covers its row is as large as the row.
TARGETS: Final = """(thumbs) => [...document.querySelectorAll(
  '.button, .opener, .plain, .quiet, .tongue, .places a, .languages a, .step, .tick, select,'
  + ' .trail a, .foot a, .again a, .index a, .aside a, summary,'
  + ' textarea, input:not([type=hidden], [type=radio], [type=checkbox])'
  + (thumbs ? ', a[href]' : ''))]
  .filter((one) => one.checkVisibility() && !one.classList.contains('skip'))
  .filter((one) => getComputedStyle(one).display !== 'inline' || [...one.parentElement.childNodes]
    .every((near) => near.nodeType !== Node.TEXT_NODE || !near.data.trim()))
  .map((one) => {
    const covers = getComputedStyle(one, '::after').position === 'absolute';
    const box = (covers ? one.closest('tr, li') : one).getBoundingClientRect();
    return [one.outerHTML.slice(0, 90), Math.min(box.width, box.height)];
  })"""


@pytest.fixture
def story(database: TestDatabase) -> Story:
    """A survey that was sent an instant ago."""
    return tell(database)


@pytest.fixture
def site(database: TestDatabase, story: Story) -> Iterator[Served]:
    """The pages, listening."""
    with served(database) as one:
        yield one


def answer(database: TestDatabase, story: Story) -> list[Any]:
    """The survey's answer as it now stands."""

    async def read(tx: Tx) -> list[Any]:
        row = await tx.fetchrow(
            "SELECT v.value, v.choices, v.text, a.call_back FROM answer a"
            " JOIN answer_value v USING (account, invitation) WHERE invitation = $1",
            story.invitation,
        )
        return [] if row is None else list(row)

    return on(database, story.account, read)


def test_a_customer_answers_on_a_phone_without_scripts(
    database: TestDatabase, site: Served, story: Story, browser: Browser
) -> None:
    with visiting(browser, PHONE) as page:
        page.goto(f"{site.base_url}/s/{story.survey}?rating=4")
        expect(page.get_by_role("radio", name="4")).to_be_checked()
        expect(page.get_by_label("Qu\u2019est-ce qui n\u2019allait pas")).to_be_hidden()
        page.get_by_label("Commentaire").fill("Ponctuel\net poli")
        expect(page.get_by_label("À quel numéro")).to_be_hidden()
        page.get_by_label("Rappelez-moi").check()
        page.get_by_label("À quel numéro").fill("418 555-0123")
        page.get_by_role("button", name="Envoyer ma réponse").click()
        expect(page.get_by_role("heading", name="Merci")).to_be_visible()
        expect(page.get_by_text("4 / 5")).to_be_visible()
        page.get_by_role("link", name="Modifier ma réponse").click()
        expect(page.get_by_label("Commentaire")).to_have_value("Ponctuel\net poli")
    assert answer(database, story) == [4, [], "Ponctuel\net poli", True]


def test_a_customer_answers_in_english_by_keyboard_alone(
    database: TestDatabase, site: Served, story: Story, browser: Browser
) -> None:
    with visiting(browser) as page:
        page.goto(f"{site.base_url}/s/{story.survey}?lang=en")
        reason = page.get_by_label("What went wrong?")
        page.get_by_role("radio", name="1 out of 5 Very badly").focus()
        page.keyboard.press("Space")
        expect(reason).to_be_visible()
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        expect(page.get_by_role("radio", name="5 out of 5 Very well")).to_be_checked()
        expect(reason).to_be_hidden()
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        page.keyboard.press("Tab")
        expect(reason).to_be_focused()
        page.keyboard.type("Late")
        page.keyboard.press("Tab")
        page.keyboard.type("Two hours late.")
        for key in ("Tab", "Tab", "Enter"):
            page.keyboard.press(key)
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert answer(database, story) == [2, ["late"], "Two hours late.", False]


def test_what_is_missing_is_said_before_anything_is_kept(
    database: TestDatabase, site: Served, story: Story, browser: Browser
) -> None:
    with visiting(browser, PHONE) as page:
        page.goto(f"{site.base_url}/s/{story.survey}")
        page.get_by_label("Commentaire").fill("Gardé")
        page.get_by_role("button", name="Envoyer ma réponse").click()
        expect(page.get_by_role("alert")).to_contain_text("pas encore enregistrée")
        page.get_by_role("alert").get_by_role("link").click()
        expect(page).to_have_url(re.compile("#rating-1$"))
        expect(page.get_by_label("Commentaire")).to_have_value("Gardé")
    assert answer(database, story) == []


def test_the_result_of_a_task_is_seen_on_a_phone_without_scrolling(
    site: Served, story: Story, browser: Browser
) -> None:
    site.client.post(f"/s/{story.survey}", data=CALL)
    with visiting(browser, PHONE) as page:
        enter(page.context, site.database, EMAIL, site.base_url)
        page.goto(f"{site.base_url}/tasks/{story.task}")
        expect(page.get_by_text("4 / 5").first).to_be_in_viewport(ratio=1)
        expect(page.get_by_text("Demande un rappel").first).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(
    ("language", "devices", "leave"),
    [("fr", "Appareils", "Se déconnecter"), ("en", "Devices", "Sign out")],
)
@pytest.mark.usefixtures("mailbox")
def test_on_a_phone_one_button_leads_everywhere_without_scripts(
    site: Served, browser: Browser, language: str, devices: str, leave: str
) -> None:
    with visiting(browser, PHONE) as page:
        enter(page.context, site.database, EMAIL, site.base_url)
        page.goto(f"{site.base_url}/tasks?lang={language}")
        places = page.get_by_role("navigation").get_by_role("link")
        expect(places).to_have_count(0)
        page.get_by_role("button", name="Menu").click()
        expect(places).to_have_count(9)
        small = [(one, side) for one, side in page.evaluate(TARGETS, True) if side < TOUCH]
        assert small == []
        expect(page.get_by_role("button", name=leave)).to_be_in_viewport(ratio=1)
        page.get_by_role("link", name=devices).click()
        expect(page).to_have_url(f"{site.base_url}/devices")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_in_the_list_of_tasks_the_name_has_the_most_room(
    site: Served, story: Story, browser: Browser, language: str
) -> None:
    with visiting(browser) as page:
        enter(page.context, site.database, EMAIL, site.base_url)
        page.goto(f"{site.base_url}/tasks?lang={language}")
        cells = page.locator(f"[data-task='{story.task}'] > *")
        widths = cells.evaluate_all("all => all.map((one) => [one.clientWidth, one.className])")
        assert max(widths)[1] == "is-name"


def test_a_route_in_the_manual_leads_to_a_shape_that_unfolds(
    site: Served, browser: Browser
) -> None:
    with visiting(browser, PHONE) as page:
        page.goto(f"{site.base_url}/api/docs?lang=en")
        fields = page.locator("#Push").get_by_role("table")
        expect(fields).to_be_hidden()
        page.get_by_text("POST /api/v1/sync/push", exact=True).click()
        page.get_by_role("link", name="Push", exact=True).click()
        expect(fields).to_be_visible()


def devices_of(database: TestDatabase, story: Story) -> list[str]:
    """The pages of one device and of its technician."""

    async def read(tx: Tx) -> Any:
        return await tx.fetchrow("SELECT id, technician FROM device ORDER BY id LIMIT 1")

    row = on(database, story.account, read)
    return [f"/devices/{row['id']}/revoke", f"/devices/enrol/{row['technician']}"]


def refusal_of(database: TestDatabase, story: Story) -> str:
    """The page of a refused step."""

    async def read(tx: Tx) -> Any:
        return await tx.fetchval("SELECT id FROM transition WHERE verdict = 'refused' LIMIT 1")

    return f"/refused/{on(database, story.account, read)}"


_UNADDRESSED: Final = """
INSERT INTO completion (account, task, round, transition, moment, day, type, unit, customer, tags,
  customer_tags, technician, position)
SELECT account, task, 1, id, moment, moment::date, type, unit, customer, '{}', '{}', technician, 1
FROM transition t WHERE account = $1 AND id = $2
  AND NOT EXISTS (SELECT FROM completion c WHERE c.account = $1 AND c.task = t.task)
"""
_DECIDED: Final = (
    "UPDATE decision SET outcome = 'no_address' WHERE account = $1 AND transition = $2"
)


def addresses_of(database: TestDatabase, story: Story) -> list[str]:
    """The pages about addresses, with one that bounced and a completion that has none."""

    async def write(tx: Tx) -> UUID:
        added = await suppressions.add(tx, "perdue@example.net", "bounced")
        await tx.execute(_DECIDED, tx.account, story.transition)
        await tx.execute(_UNADDRESSED, tx.account, story.transition)
        return added.id

    pages = ["/addresses", "/addresses?q=zzz", "/addresses/missing", "/addresses/sender"]
    return [*pages, f"/addresses/{on(database, story.account, write)}/lift"]


_QUEUE: Final = """
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent)
SELECT account, id, release, release, 'waiting', 'first', 0, false
FROM invitation WHERE account = $1 AND task = $2 ON CONFLICT DO NOTHING
"""


def waiting_send(database: TestDatabase, story: Story) -> str:
    """The page of a survey that waits to be sent."""

    async def write(tx: Tx) -> UUID:
        await staged(tx)
        await tx.execute(_QUEUE, tx.account, story.waiting)
        found: UUID = await tx.fetchval("SELECT id FROM invitation WHERE task = $1", story.waiting)
        return found

    return f"/sends/{on(database, story.account, write)}"


def everything(
    database: TestDatabase, site: Served, story: Story, mailbox: Mailbox
) -> dict[str, list[str]]:
    """Every page, by whether one must be signed in."""
    outside = ["/login", f"/s/{story.survey}?rating=1", f"/s/{story.survey}", "/s/unknown"]
    outside += ["/api/docs"]
    inside = ["/tasks", f"/tasks/{story.task}", f"/tasks/{story.waiting}", "/tasks?q=zzz"]
    inside += ["/follow-ups", "/follow-ups?show=handled"]
    inside += ["/refused", "/refused?show=parked", "/refused?show=dismissed"]
    inside += ["/sends", "/sends?after=2999-01-01T00:00:00%2B00:00_" + str(story.task)]
    inside += [f"/sends/{story.invitation}", waiting_send(database, story)]
    inside += [refusal_of(database, story), "/devices", "/devices?q=zzz"]
    inside += [*devices_of(database, story), *addresses_of(database, story)]
    inside += ["/campaigns", f"/campaigns/{story.campaign}", "/tasks/unknown", "/mailbox"]
    replay = f"/campaigns/{story.campaign}/replay"
    inside += [replay, f"{replay}?days=0", f"/campaigns/{story.campaign}/try?task={story.task}"]
    inside += ["/calendar"]
    inside += [f"/tasks/{story.task}/round", f"/tasks/{story.task}/survey", "/campaigns/sending"]
    inside += ["/decisions", f"/decisions?campaign={story.campaign}&first_day=x"]
    inside += ["/tasks?q=zzz&state=600", "/follow-ups?show=negative", "/follow-ups?show=disputed"]
    inside += [f"/mailbox/{message.id}" for message in mailbox.messages()]
    return {"outside": [*outside, f"/u/{story.unsubscribe}"], "inside": inside}


CLOSED: Final = [ClosedDay(date(2027, 12, 24), "Veille de Noël")]

LETTER: Final = """Subject: Votre avis
To: client@example.net
Content-Type: text/html; charset=utf-8

<html><head><title>Votre avis</title></head><body><script>document.title = "ran"</script>
<a href="{origin}/s/{token}?rating=5">5 étoiles</a></body></html>
"""


@pytest.fixture
def mailbox(site: Served, story: Story, tmp_path: Path) -> Mailbox:
    """A mailbox with one mail in it."""
    box = Mailbox(tmp_path / "mails")
    letter = LETTER.format(origin=site.base_url, token=story.survey)
    box.keep("retour@localhost", ["client@example.net"], letter.replace("\n", "\r\n").encode())
    site.services.mailbox = box
    return box


@pytest.mark.parametrize("size", [PHONE, DESK])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_page_is_sound_in_every_window(
    database: TestDatabase,
    site: Served,
    story: Story,
    mailbox: Mailbox,
    browser: Browser,
    size: tuple[int, int],
    language: str,
) -> None:
    pages = everything(database, site, story, mailbox)
    with visiting(browser, size, scripts=True) as page:
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        for path in pages["outside"]:
            is_sound(page, f"{site.base_url}{path}", language)
        enter(page.context, site.database, EMAIL, site.base_url)
        for path in pages["inside"]:
            is_sound(page, f"{site.base_url}{path}", language)
        blocked = [text for text in told if "404" not in text]
        assert [text for text in blocked if "sandboxed" not in text] == []


@pytest.mark.parametrize(("size", "language"), [(PHONE, "fr"), (DESK, "en")])
def test_the_form_of_the_calendar_is_sound(
    database: TestDatabase,
    site: Served,
    story: Story,
    browser: Browser,
    size: tuple[int, int],
    language: str,
) -> None:
    async def promote(tx: Tx) -> None:
        await save_calendar(tx, AccountCalendar(region="CA-QC", closed=CLOSED))
        await tx.execute("UPDATE app_user SET role = 'administrator' WHERE role = 'dispatcher'")

    on(database, story.account, promote)
    with visiting(browser, size, scripts=False) as page:
        enter(page.context, site.database, EMAIL, site.base_url)
        is_sound(page, f"{site.base_url}/calendar", language)
        page.get_by_role("textbox").first.fill("8-20")
        page.locator("main form button").first.click()
        is_sound(page, page.url, language)
        assert page.get_by_role("textbox").first.input_value() == "08:00-20:00"


@pytest.mark.parametrize(("size", "language"), [(PHONE, "fr"), (DESK, "en")])
def test_every_page_of_a_manager_is_sound(
    database: TestDatabase,
    site: Served,
    story: Story,
    mailbox: Mailbox,
    browser: Browser,
    size: tuple[int, int],
    language: str,
) -> None:
    """All sending is off, and a task has a second round."""

    async def promote(tx: Tx) -> None:
        await tx.execute("UPDATE app_user SET role = 'manager' WHERE role = 'dispatcher'")

    why = "La fuite est revenue"
    on(database, story.account, lambda tx: open_round(tx, story.task, 2, None, why))
    on(database, story.account, lambda tx: pause_sending(tx, None, why))
    on(database, story.account, promote)
    with visiting(browser, size, scripts=True) as page:
        enter(page.context, site.database, EMAIL, site.base_url)
        for path in everything(database, site, story, mailbox)["inside"]:
            is_sound(page, f"{site.base_url}{path}", language)


def test_the_pages_of_an_administrator_are_sound(
    database: TestDatabase, site: Served, story: Story, browser: Browser
) -> None:
    async def promote(tx: Tx) -> None:
        await tx.execute("UPDATE app_user SET role = 'administrator' WHERE role = 'dispatcher'")

    paths = [*addresses_of(database, story), "/addresses/import"]
    on(database, story.account, promote)
    for size, language in ((PHONE, "fr"), (DESK, "en")):
        with visiting(browser, size, scripts=True) as page:
            enter(page.context, site.database, EMAIL, site.base_url)
            for path in paths:
                is_sound(page, f"{site.base_url}{path}", language)


def test_a_file_is_chosen_in_place_of_pasting_it(
    database: TestDatabase, site: Served, story: Story, browser: Browser, tmp_path: Path
) -> None:
    """A6: what a spreadsheet saves is Windows-1252, and is read as such."""

    async def promote(tx: Tx) -> None:
        await tx.execute("UPDATE app_user SET role = 'administrator' WHERE role = 'dispatcher'")

    on(database, story.account, promote)
    file = tmp_path / "liste.csv"
    file.write_bytes("Prénom;Courriel\r\nÉlise;elise@example.net\r\n".encode("cp1252"))
    with visiting(browser, DESK, scripts=True) as page:
        enter(page.context, site.database, EMAIL, site.base_url)
        page.goto(f"{site.base_url}/addresses/import?lang=fr")
        page.get_by_label("Fichier CSV").set_input_files(file)
        expect(page.get_by_label("Lignes")).to_have_value(re.compile("Élise;elise@example.net"))
        page.get_by_role("button", name="Essayer d\u2019abord").click()
        page.get_by_role("button", name="Importer").click()
        expect(page.get_by_role("status")).to_contain_text("Import terminé")
        expect(page.get_by_role("status")).to_contain_text("Ajoutées\u00a0: 1")


def is_sound(page: Page, address: str, language: str) -> None:
    """Open a page and whatever unfolds in it; nothing may be wrong with it, for thumbs neither."""
    mark = "&" if "?" in address else "?"
    page.goto(f"{address}{mark}lang={language}")
    unfold(page)
    assert page.evaluate(FAULTS) == [], address
    assert page.evaluate(ILLEGIBLE) == [], address
    thumbs = page.viewport_size == {"width": PHONE[0], "height": PHONE[1]}
    small = [(one, side) for one, side in page.evaluate(TARGETS, thumbs) if side < TOUCH]
    assert small == [], address


def unfold(page: Page) -> None:
    """Open the form of a task and make the code of a device, where the page has them."""
    for summary in page.locator(".move summary").all():
        summary.click()
        page.get_by_role("checkbox").check()
    for button in page.locator("main .panel form[action^='/devices/enrol/'] button").all():
        with page.expect_navigation():
            button.click()


def test_a_mail_in_the_mailbox_is_fenced_and_its_links_open(
    mailbox: Mailbox, site: Served, browser: Browser
) -> None:
    (message,) = mailbox.messages()
    with visiting(browser, scripts=True) as page:
        page.goto(f"{site.base_url}/mailbox/{message.id}")
        letter = page.frame_locator("iframe")
        with page.context.expect_page() as opened:
            letter.get_by_role("link", name="5 étoiles").click()
        survey = opened.value
        expect(survey.get_by_role("radio", name="5 sur 5 Très bien")).to_be_checked()
        frame = page.frames[1]
        assert frame.evaluate("document.title") == "Votre avis"


def test_dark_and_light_follow_the_readers_device(
    site: Served, story: Story, browser: Browser
) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with visiting(browser, scheme=scheme, scripts=True) as page:
            page.goto(f"{site.base_url}/s/{story.survey}")
            ground = "getComputedStyle(document.documentElement).backgroundColor"
            grounds.add(page.evaluate(ground))
    assert grounds == {"rgb(245, 247, 247)", "rgb(18, 23, 23)"}
