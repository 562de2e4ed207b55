"""What was typed and not recorded: it outlives the app, and stays with whoever typed it."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import BLANK, Phone, Tab
from tests.technician.screen import DRAFTS, Screen

Codes = Callable[[UUID], str]
NOTE: Final = "Le client ne paie pas"
#: The database as a later version of the app leaves it.
LATER: Final = """async () => {
  const [{ name }] = (await indexedDB.databases()).filter((one) => one.name.startsWith('retour-'));
  const request = indexedDB.open(name, 99);
  await new Promise((done) => (request.onsuccess = done));
  request.result.close();
}"""


def note_on(page: Page) -> Locator:
    """The field on a task's page, unfolded."""
    field = page.locator("textarea")
    details = page.locator("details", has=field)
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    return field


@pytest.mark.restarts
def test_a_note_outlives_a_killed_app_without_a_network_until_its_step_is_recorded(
    handset: Phone, installed: Tab, field: Field, gate: Gate
) -> None:
    installed.run("await engine.sync()")
    installed.page.close()
    path = f"#/task/{field.task}"
    screen = Screen(handset, path)
    gate.cut()
    note_on(screen.page).fill(NOTE)
    screen.until_kept(NOTE)
    handset.kill()
    again = Screen(handset, path)
    expect(note_on(again.page)).to_have_value(NOTE)
    again.go(f"/task/{field.task}/other")
    again.press("300 Sur place")
    expect(again.page.get_by_role("blockquote")).to_contain_text(NOTE)
    expect(note_on(again.page)).to_have_value("")
    assert again.page.evaluate(DRAFTS) == []
    again.press("Undo 300")
    expect(note_on(again.page)).to_have_value(NOTE)
    again.page.reload()
    expect(note_on(again.page)).to_have_value(NOTE)


def test_a_note_that_went_with_its_step_leaves_the_field_empty(
    screen: Screen, field: Field, visit: UUID
) -> None:
    screen.open(visit)
    for state in ("200 En route", "300 Sur place"):
        note_on(screen.page).fill(state)
        screen.press(state)
        expect(screen.page.get_by_role("blockquote")).to_contain_text(state)
        expect(note_on(screen.page)).to_have_value("")
        screen.settled()
    sql = "SELECT note FROM transition WHERE account = $1 AND task = $2 ORDER BY sequence"
    rows = field.on(lambda tx: tx.fetch(sql, tx.account, visit))
    assert [row["note"] for row in rows] == ["200 En route", "300 Sur place"]


def test_a_note_that_was_not_recorded_is_not_the_next_technicians(
    phone: Phone, alice: Tab, field: Field, code: Codes
) -> None:
    screen = Screen(phone, f"#/task/{field.task}")
    note_on(screen.page).fill(NOTE)
    screen.until_kept(NOTE)
    screen.page.reload()
    expect(note_on(screen.page)).to_have_value(NOTE)
    screen.go("/me")
    screen.press("Sign out")
    screen.says("What you typed and did not record is deleted.")
    leaving = screen.main.get_by_label("Sign out")
    leaving.get_by_role("button", name="Sign out").click()
    screen.page.get_by_label("Code").wait_for()
    field.reassign(field.task, field.world.bob)
    alice.enrol(code(field.world.bob))
    screen.open(field.task)
    screen.page.reload()
    expect(note_on(screen.page)).to_have_value("")
    assert screen.page.evaluate(DRAFTS) == []


def test_a_note_goes_along_when_its_technician_enrols_anew_and_is_shown_where_the_task_left(
    phone: Phone, alice: Tab, field: Field, code: Codes
) -> None:
    screen = Screen(phone, f"#/task/{field.task}")
    note_on(screen.page).fill(NOTE)
    screen.until_kept(NOTE)
    field.revoke_devices(field.world.alice)
    alice.run("await engine.sync()")
    alice.until("engine.status.problem === 'signed_out'")
    alice.enrol(code(field.world.alice))
    alice.until("engine.status.problem === null")
    screen.open(field.task)
    expect(note_on(screen.page)).to_have_value(NOTE)
    field.reassign(field.task, field.world.bob)
    expect(screen.title).to_have_text("This task is no longer here")
    screen.says("Note that you had not recorded", NOTE)


def test_an_address_and_no_survey_wait_for_the_step_that_carries_them(
    screen: Screen, field: Field, visit: UUID
) -> None:
    field.campaign(opt_out_allowed=True)
    customer = field.do(lambda world: world.customer(name="Jean Roy", email=None))
    task = field.new_task(customer=customer)
    last = f"/task/{task}/step/600"
    address = screen.page.get_by_label("E-mail of Jean Roy (optional)")
    no_survey = screen.page.get_by_label("No survey for this visit")
    reason = screen.page.get_by_label("Your reason")
    note = screen.page.get_by_label("Note (optional)")
    screen.go(last)
    address.fill("jean@example.org")
    note.fill(NOTE)
    no_survey.check()
    screen.page.get_by_label("Another reason").check()
    reason.fill("Chien méchant")
    screen.go(f"/task/{task}/other")
    screen.press("300 Sur place")
    expect(screen.page.get_by_role("blockquote")).to_contain_text(NOTE)
    screen.go(last)
    expect(note).to_have_value("")
    expect(reason).to_have_value("Chien méchant")
    reason.fill("Chien dehors")
    screen.press("Undo 300")
    expect(note).to_have_value(NOTE)
    expect(reason).to_have_value("Chien dehors")
    screen.go(f"/task/{task}/other")
    screen.press("300 Sur place")
    expect(screen.page.get_by_role("blockquote")).to_contain_text(NOTE)
    screen.settled()
    screen.page.reload()
    screen.go(last)
    expect(reason).to_have_value("Chien dehors")
    no_survey.uncheck()
    expect(address).to_have_value("jean@example.org")
    screen.press("Confirm 600 Terminé")
    expect(screen.button("Undo 600")).to_be_visible()
    assert screen.page.evaluate(DRAFTS) == []
    screen.settled()
    sql = "SELECT email FROM customer WHERE account = $1 AND id = $2"
    assert field.on(lambda tx: tx.fetch(sql, tx.account, customer))[0]["email"] == (
        "jean@example.org"
    )


def test_what_a_later_app_has_kept_is_read_by_an_earlier_one(
    phone: Phone, alice: Tab, field: Field
) -> None:
    recorded = alice.record(field.task, "300")
    alice.page.goto(phone.origin + BLANK)
    alice.page.evaluate(LATER)
    alice.open()
    assert alice.queue() == {recorded: "held"}
    alice.settle()
    assert field.states(field.task) == ["300"]
