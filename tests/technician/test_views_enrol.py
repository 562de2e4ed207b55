"""Enrolling a device through the app's page."""

from collections.abc import Callable
from uuid import UUID

from playwright.sync_api import expect

from server.access.rate_limit import GUESSES
from tests.support.office import Office
from tests.technician.gate import Gate
from tests.technician.phone import Phone
from tests.technician.screen import Screen

Codes = Callable[[UUID], str]


def test_a_code_is_taken_however_it_is_typed(phone: Phone, office: Office, code: Codes) -> None:
    screen = Screen(phone)
    expect(screen.title).to_have_text("Enrol this device")
    typed = code(office.world.alice).lower().replace("-", " ").replace("1", "l").replace("0", "o")
    screen.page.get_by_label("Code").fill(f"  {typed}. ")
    screen.page.get_by_label("Name of this device").fill("Tablette 3")
    screen.press("Enrol")
    expect(screen.title).to_contain_text("This device is Alice")
    screen.says("You work for Plomberie Exemple.")
    screen.page.get_by_role("link", name="To my tasks").click()
    expect(screen.page.get_by_role("link", name="Secret de north")).to_be_visible()
    screen.go("/me")
    screen.says("Tablette 3")


def test_a_link_brings_its_code_and_does_not_stay_in_the_address(
    phone: Phone, office: Office, code: Codes
) -> None:
    given = code(office.world.alice)
    screen = Screen(phone, f"#enrol={given}")
    expect(screen.page.get_by_label("Code")).to_have_value(given)
    assert given not in screen.page.url
    screen.press("Enrol")
    expect(screen.title).to_contain_text("This device is Alice")


def test_a_link_opened_while_somebody_is_signed_in_says_so_first(
    screen: Screen, office: Office, code: Codes
) -> None:
    given = code(office.world.bob)
    screen.go(f"enrol={given}")
    screen.says("Alice is signed in on this device.", "A new code signs somebody else in.")
    expect(screen.page.get_by_label("Code")).to_have_value(given)
    screen.press("Enrol")
    expect(screen.title).to_contain_text("This device is Bob")


def test_a_wrong_code_is_told_in_both_languages_and_kept(phone: Phone) -> None:
    told = {
        True: ("Code", "Enrol", "This code is wrong, used or older than ten minutes."),
        False: ("Code", "Inscrire", "Ce code est erroné, déjà utilisé ou vieux de plus de"),
    }
    for english, (label, button, words) in told.items():
        screen = Screen(phone, english=english)
        if not english:
            screen.page.evaluate("localStorage['retour-language'] = 'fr'")
            screen.page.reload()
        screen.page.get_by_label(label, exact=True).fill("ABCD-EFGH-JKMN-PQRS")
        screen.press(button)
        expect(screen.page.get_by_role("alert")).to_contain_text(words)
        field = screen.page.get_by_label(label, exact=True)
        expect(field).to_have_value("ABCD-EFGH-JKMN-PQRS")
        expect(field).to_be_focused()


def test_an_incomplete_code_is_told_before_it_is_sent(phone: Phone, gate: Gate) -> None:
    screen = Screen(phone)
    screen.page.get_by_label("Code").fill("ABCD-EFGH")
    screen.press("Enrol")
    expect(screen.page.get_by_role("alert")).to_contain_text("The code is not complete")
    assert gate.count(b"POST /api/v1/devices/enrol") == 0


def test_without_a_network_the_code_stays_and_works_once_there_is_one(
    phone: Phone, office: Office, gate: Gate, code: Codes
) -> None:
    screen = Screen(phone, f"#enrol={code(office.world.alice)}")
    expect(screen.button("Enrol")).to_be_visible()
    gate.cut()
    screen.press("Enrol")
    expect(screen.page.get_by_role("alert")).to_contain_text("No network.")
    gate.listen()
    screen.press("Enrol")
    expect(screen.title).to_contain_text("This device is Alice")


def test_too_many_attempts_are_told(phone: Phone, gate: Gate) -> None:
    guess = {"code": "ABCD-EFGH-JKMN-PQRS", "name": "Tablette"}
    for _ in range(GUESSES.burst + 1):
        phone.context.request.post(f"{gate.origin}/api/v1/devices/enrol", data=guess)
    screen = Screen(phone, "#enrol=ABCD-EFGH-JKMN-PQRS")
    screen.press("Enrol")
    alert = screen.page.get_by_role("alert")
    expect(alert).to_have_text("Too many attempts. Wait a minute, then try again.")
