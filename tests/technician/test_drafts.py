"""What was typed and not confirmed, on a phone that goes from hand to hand."""

from collections.abc import Callable
from uuid import UUID

from tests.technician.field import Field
from tests.technician.phone import Phone, Tab


def test_a_note_that_was_not_recorded_is_not_the_next_technicians(
    phone: Phone, alice: Tab, field: Field, code: Callable[[UUID], str]
) -> None:
    page = phone.context.new_page()
    page.goto(f"{phone.origin}/tech/#/task/{field.task}")
    note = page.locator("textarea")
    page.locator("details", has=note).locator("summary").click()
    note.fill("Le client ne paie pas")
    page.reload()
    assert note.input_value() == "Le client ne paie pas"
    alice.run("await engine.signOut()")
    page.get_by_label("Code").wait_for()
    field.reassign(field.task, field.world.bob)
    alice.enrol(code(field.world.bob))
    page.goto(f"{phone.origin}/tech/#/task/{field.task}")
    page.reload()
    assert note.input_value() == ""
    assert page.evaluate("Object.keys(sessionStorage)") == []
