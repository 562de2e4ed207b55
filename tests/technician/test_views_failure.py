"""What a page cannot show is said in words, with a way on: whatever kept it from that."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.api_process import served
from tests.support.databases import TestDatabase
from tests.support.office import Office
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone
from tests.technician.screen import ENGLISH, Screen, today, visit_type

Codes = Callable[[UUID], str]
#: Nothing that is stored can be read any more, until it is mended.
BREAK: Final = """() => {
  const { transaction } = IDBDatabase.prototype;
  window.mend = () => { IDBDatabase.prototype.transaction = transaction; };
  IDBDatabase.prototype.transaction = () => { throw new DOMException('broken', 'UnknownError'); };
}"""
LANGUAGES: Final = ["en", "fr"]
CANNOT: Final = {
    "en": re.compile("^This page cannot be shown$"),
    "fr": re.compile("^Cette page ne peut pas"),
}
AGAIN: Final = {"en": "Try again", "fr": "Réessayer"}
NOTHING: Final = "Nothing has opened. Check the network, then try again."
#: The name of a machine that is not this one, so that http to it is not trusted.
STRANGER: Final = "retour.test"


@pytest.mark.parametrize("zone", ["localtime", "America/Coyhaique_2", ""])
def test_a_zone_that_the_browser_does_not_know_is_the_phones_own(
    phone: Phone, field: Field, code: Codes, zone: str
) -> None:
    field.new_task(type=visit_type(field), title="Chaudière", scheduled_at=today(12))
    field.set_zone(zone)
    screen = Screen(phone, f"#enrol={code(field.world.alice)}")
    screen.press("Enrol")
    screen.says("You work for Plomberie Exemple.")
    screen.go("/")
    expect(screen.page.get_by_role("link", name="Chaudière")).to_be_visible()
    own = screen.page.evaluate("Intl.DateTimeFormat('en-CA', { timeStyle: 'short' }).format(given)"
        .replace("given", str(int(today(12).timestamp() * 1000))))  # fmt: skip
    expect(screen.page.get_by_role("listitem").filter(has_text="Chaudière")).to_contain_text(own)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_that_cannot_be_made_says_so_and_is_made_once_it_can(
    screen: Screen, visit: UUID, language: str
) -> None:
    if language == "fr":
        screen.page.evaluate("localStorage['retour-language'] = 'fr'")
        screen.page.reload()
    expect(screen.page.get_by_role("link", name="Fuite au sous-sol")).to_be_visible()
    screen.page.evaluate(BREAK)
    screen.open(visit)
    expect(screen.title).to_have_text(CANNOT[language])
    expect(screen.title).to_be_focused()
    expect(screen.button(AGAIN[language])).to_be_visible()
    # At once, for whatever happens on the device lets the page try again by itself.
    screen.page.evaluate("mend(); document.querySelector('main button').click()")
    expect(screen.title).to_have_text("Fuite au sous-sol")


def test_where_trying_again_does_not_help_the_app_starts_anew_if_there_is_a_network(
    screen: Screen, visit: UUID, gate: Gate
) -> None:
    expect(screen.page.get_by_role("link", name="Fuite au sous-sol")).to_be_visible()
    screen.page.evaluate(BREAK)
    screen.open(visit)
    gate.cut()
    with screen.page.expect_event("requestfailed", lambda one: one.method == "HEAD"):
        screen.press("Try again")
    expect(screen.title).to_have_text("This page cannot be shown")
    gate.listen()
    screen.press("Try again")  # loads the page anew, where nothing is broken
    expect(screen.title).to_have_text("Fuite au sous-sol")


def test_a_button_that_does_not_work_says_so(screen: Screen, visit: UUID) -> None:
    screen.open(visit)
    expect(screen.button("300 Sur place")).to_be_visible()
    # At once, for the page that shows itself anew would have no such button.
    screen.page.evaluate(
        f"() => {{ ({BREAK})(); document.querySelector('.moves button').click(); }}"
    )
    expect(screen.page.get_by_role("alert")).to_contain_text("That did not work. Try it again.")
    screen.page.evaluate("mend()")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_whose_module_has_not_arrived_says_so_and_comes_with_the_network(
    phone: Phone, language: str
) -> None:
    page = opened(phone, language, "views/me.js")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"{phone.origin}/tech/#/me")
    expect(page.get_by_role("heading", level=1)).to_have_text(CANNOT[language])
    words = {"en": "it needs a network, once", "fr": "il faut un réseau, une fois"}
    expect(page.get_by_role("main")).to_contain_text(words[language])
    page.unroute_all()
    page.get_by_role("button", name=AGAIN[language]).click()
    expect(page.get_by_label("Français")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_enrolled_phone_that_cannot_load_the_app_whole_says_so_in_both_languages(
    screen: Screen, language: str
) -> None:
    expect(screen.page.get_by_role("link", name="Fuite au sous-sol")).to_be_visible()
    page = opened(screen.phone, language, "engine/pulling.js")
    expect(page.get_by_text(NOTHING)).to_be_visible()
    expect(page.get_by_text("Vérifiez le réseau, puis réessayez.")).to_be_visible()
    page.unroute_all()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("link", name="Fuite au sous-sol")).to_be_visible()


def test_a_start_of_which_nothing_arrives_is_said_without_any_script(phone: Phone) -> None:
    page = opened(phone, "en", "main.js")
    words = page.get_by_text(NOTHING)
    expect(words).to_be_hidden()  # it may only take a while
    page.evaluate("document.getAnimations().forEach((one) => one.finish())")
    expect(words).to_be_visible()
    page.unroute_all()
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()


def test_texts_that_did_not_arrive_come_later(phone: Phone) -> None:
    page = opened(phone, "fr", "texts.fr.json")
    expect(page.get_by_role("heading", level=1)).to_have_text("Enrol this device")
    page.unroute_all()
    phone.context.clock.fast_forward(int(timedelta(seconds=21).total_seconds() * 1000))
    expect(page.get_by_role("heading", level=1)).to_have_text("Inscrire cet appareil")


def opened(phone: Phone, language: str, missing: str) -> Page:
    """The app in a new tab, one file of which does not arrive."""
    page = phone.context.new_page()
    page.add_init_script(ENGLISH.replace("'en'", f"'{language}'"))
    page.route(f"**/tech/{missing}", lambda route: route.abort())
    page.goto(f"{phone.origin}/tech/")
    return page


def test_plain_http_says_what_needs_https_and_promises_nothing_else(
    database: TestDatabase,
    office: Office,
    gate: Gate,
    browser: Browser,
    code: Codes,
    tmp_path: Path,
) -> None:
    origin = f"http://{STRANGER}:{gate.port}"
    flags = [f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1"]
    with served(database, origin=origin) as site:
        gate.upstream = int(site.base_url.rpartition(":")[2])
        folder = tmp_path / "profile"
        with Phone(browser, origin, installs=True, folder=folder, flags=flags) as phone:
            screen = Screen(phone, f"#enrol={code(office.world.alice)}")
            assert screen.page.evaluate("isSecureContext") is False
            says_what_needs_https(screen)
            screen.press("Enrol")
            expect(screen.title).to_contain_text("This device is Alice")
            for place in ("/enrol", "/me", "/queue", "/"):
                says_what_needs_https(screen)
                screen.go(place)
            expect(screen.page.get_by_role("link", name="Secret de north")).to_be_visible()
            screen.page.evaluate("localStorage['retour-language'] = 'fr'")
            screen.page.reload()
            screen.says("Cette adresse commence par http")


def says_what_needs_https(screen: Screen) -> None:
    """The page says so, and nothing of working without a network or on the home screen."""
    screen.says(
        "This address begins with http: the app opens only with a network.",
        "Ask dispatch for the address that begins with https, and enrol there.",
    )
    for untrue in ("without a network", "home screen", "Your work is safe"):
        expect(screen.main).not_to_contain_text(untrue)
