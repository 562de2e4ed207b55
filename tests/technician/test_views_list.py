"""The list of tasks and the strip above it: what comes when, what waits, how things are."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Locator, expect

from tests.support.office import Office
from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone, Tab
from tests.technician.screen import Screen, today, visit_type

LEAK = "Fuite au sous-sol"
#: What one may tap.
TOUCHED = "a[href]:visible, button:visible, summary:visible"


def row(screen: Screen, title: str) -> Locator:
    """The task of the list that is called so."""
    return screen.main.get_by_role("listitem").filter(has_text=title)


def test_tasks_stand_by_day_and_in_order_of_time(screen: Screen, field: Field) -> None:
    day = timedelta(days=1)
    for title, moment in (
        ("Après-midi", today(15)),
        ("Plus tard", today(8) + 2 * day),
        ("Demain", today(10) + day),
        ("Matin", today(9)),
        ("Hier", today(9) - day),
    ):
        field.new_task(title=title, scheduled_at=moment)
    for title in ("Matin", "Après-midi", "Hier", "Demain", "Plus tard"):
        expect(row(screen, title)).to_be_visible()
    groups = screen.main.locator("section.day")
    names = groups.locator("h2").all_text_contents()
    assert names[0].startswith("Today, ")
    assert names[1] == "Overdue"
    assert names[2].startswith("Tomorrow, ")
    assert names[3] == f"{today(8) + 2 * day:%A, %B} {(today(8) + 2 * day).day}"
    assert names[4:] == ["Without a date"]
    assert groups.nth(0).locator("h3").all_text_contents() == ["Matin", "Après-midi"]
    assert groups.nth(0).locator("time").all_text_contents() == ["9:00 a.m.", "3:00 p.m."]
    assert groups.nth(1).locator("h3").all_text_contents() == ["Hier"]
    expect(groups.nth(4)).to_contain_text(LEAK)
    expect(groups.nth(4).locator("time")).to_have_count(0)


def test_a_task_says_that_its_step_waits_until_it_is_sent(
    screen: Screen, gate: Gate, visit: UUID
) -> None:
    expect(row(screen, LEAK)).to_be_visible()
    gate.cut()
    screen.open(visit)
    screen.record("300 Sur place")
    screen.go("/")
    expect(row(screen, LEAK)).to_contain_text("300 Sur place")
    expect(row(screen, LEAK)).to_contain_text("1 waits")
    expect(screen.strip).to_contain_text("1 waits")
    gate.listen()
    screen.settled()
    expect(row(screen, LEAK)).not_to_contain_text("waits")


def test_what_is_finished_is_folded_away(screen: Screen, field: Field) -> None:
    task = field.new_task(type=visit_type(field), title="Chaudière", state="300")
    expect(row(screen, "Chaudière")).to_be_visible()
    screen.open(task)
    screen.record("600 Terminé")
    screen.go("/")
    expect(row(screen, "Chaudière")).to_be_hidden()
    screen.page.get_by_text("1 finished", exact=True).click()
    expect(row(screen, "Chaudière")).to_contain_text("600 Terminé")


def test_a_task_given_to_somebody_else_leaves_the_list(
    screen: Screen, field: Field, visit: UUID
) -> None:
    expect(row(screen, LEAK)).to_be_visible()
    field.reassign(visit, field.world.bob)
    expect(row(screen, LEAK)).to_have_count(0)


def test_the_strip_says_whether_there_is_a_network_and_when_it_was_of_use(
    screen: Screen, gate: Gate
) -> None:
    expect(screen.strip).to_contain_text("Online")
    expect(screen.strip).to_contain_text("nothing waits")
    expect(screen.strip).to_contain_text("just now")
    gate.cut()

    def looked() -> bool:
        screen.phone.context.clock.fast_forward(30_000)  # from whenever the last look was over
        return "Offline" in screen.strip.inner_text()

    until(looked, "the app has seen that there is no network")
    screen.phone.context.clock.fast_forward(10 * 60_000)
    expect(screen.strip).to_contain_text(re.compile(r"Offline.*\d+ (min|hr)"))
    expect(screen.page.locator("[role=status]")).to_contain_text("Offline.")
    gate.listen()
    screen.phone.context.clock.fast_forward(60_000)
    expect(screen.strip).to_contain_text("Online")
    expect(screen.strip).to_contain_text("just now")


def test_the_first_sync_says_in_words_how_far_it_is(
    phone: Phone, office: Office, field: Field, gate: Gate, code: Callable[[UUID], str]
) -> None:
    field.new_tasks(1200)

    pull = gate.trap(b"GET /api/v1/sync/pull?limit=500&cursor=")
    pull.arm(gate.fall)
    screen = Screen(phone, f"#enrol={code(office.world.alice)}")
    screen.press("Enrol")
    until(pull.sprung.is_set, "the first sync is cut")
    screen.says("First sync: your tasks are arriving.", "tasks are here.")
    screen.strip_is_one_line("first sync")
    gate.listen()
    screen.phone.context.clock.fast_forward(60_000)
    expect(screen.strip).to_contain_text("just now")
    expect(screen.main).not_to_contain_text("First sync")


@pytest.mark.restarts
def test_the_language_that_was_chosen_is_spoken_after_a_restart(
    phone: Phone, office: Office, alice: Tab
) -> None:
    alice.page.close()
    screen = Screen(phone, "#/me", english=False)
    screen.page.get_by_label("English").check()
    expect(screen.title).to_have_text("Me")
    screen.page.get_by_label("Français").check()
    expect(screen.title).to_have_text("Moi")
    phone.restart()
    again = Screen(phone, english=False)
    expect(again.page.locator("html")).to_have_attribute("lang", "fr-CA")
    expect(again.title).to_have_text("Tâches")
    again.go("/me")
    again.page.get_by_label("English").check()
    expect(again.title).to_have_text("Me")
    phone.restart()
    expect(Screen(phone, english=False).title).to_have_text("Tasks")


def test_the_keyboard_reaches_everything(screen: Screen, field: Field, visit: UUID) -> None:
    expect(row(screen, LEAK)).to_be_visible()
    expect(screen.strip).to_contain_text("just now")
    wanted = set(screen.page.locator(TOUCHED).all_text_contents())
    reached = set()
    for _ in range(2 * screen.page.locator(TOUCHED).count()):
        screen.page.keyboard.press("Tab")
        reached.add(screen.page.evaluate("document.activeElement.textContent"))
    assert wanted <= reached
    row(screen, LEAK).get_by_role("link").focus()
    screen.page.keyboard.press("Enter")
    expect(screen.title).to_be_focused()
    expect(screen.title).to_have_text(LEAK)
    go = screen.button("300 Sur place")
    for _ in range(30):
        if go.evaluate("(one) => one === document.activeElement"):
            break
        screen.page.keyboard.press("Tab")
    screen.page.keyboard.press("Enter")
    expect(screen.strip).to_contain_text("1 waits")
    screen.settled()
    assert field.states(visit) == ["300"]


def test_two_tabs_show_the_same(screen: Screen, visit: UUID) -> None:
    other = Screen(screen.phone)
    expect(row(other, LEAK)).to_contain_text("100 Planifié")
    screen.open(visit)
    screen.press("300 Sur place")
    expect(row(other, LEAK)).to_contain_text("300 Sur place")
    expect(other.strip).to_contain_text("1 waits")
    screen.go("/me")
    screen.page.get_by_role("button", name="Sign out").click()
    screen.says("1 step waits. It stays here and is sent when you sign in again.")
    screen.main.get_by_label("Sign out").get_by_role("button", name="Sign out").click()
    expect(other.title).to_have_text("Enrol this device")
    other.says("1 step of Alice waits")
