"""What opens at the end of a page: in view, above the dock, and read."""

from uuid import UUID

from playwright.sync_api import Locator, expect

from tests.technician.field import Field
from tests.technician.screen import Screen


def stands_above_the_dock(screen: Screen, opened: Locator) -> None:
    """Wait until all of `opened` is in view."""
    expect(opened).to_be_in_viewport(ratio=1)
    screen.page.wait_for_function(
        """(one) => one.getBoundingClientRect().bottom
          <= document.querySelector('.dock').getBoundingClientRect().top""",
        arg=opened.element_handle(),
    )


def test_the_question_before_signing_out_is_seen_whole_and_read(screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 390, "height": 640})
    screen.go("/me")
    screen.press("Sign out")
    question = screen.main.get_by_label("Sign out")
    expect(question).to_be_focused()
    stands_above_the_dock(screen, question.get_by_role("button", name="Stay signed in"))
    question.get_by_role("button", name="Stay signed in").click()
    expect(screen.button("Sign out")).to_be_focused()
    stands_above_the_dock(screen, screen.button("Sign out"))


def test_a_note_unfolds_above_the_dock(screen: Screen, visit: UUID) -> None:
    screen.page.set_viewport_size({"width": 390, "height": 640})
    screen.open(visit)
    screen.main.get_by_text("Note for the next step").click()
    stands_above_the_dock(screen, screen.main.get_by_label("Note", exact=True))


def test_reasons_for_no_survey_unfold_above_the_dock(screen: Screen, field: Field) -> None:
    field.campaign(opt_out_allowed=True)
    customer = field.do(lambda world: world.customer(name="Jean Roy", email=None))
    task = field.new_task(customer=customer)
    screen.page.set_viewport_size({"width": 390, "height": 640})
    screen.go(f"/task/{task}/step/600")
    screen.main.get_by_label("No survey for this visit").check()
    screen.main.get_by_label("Another reason").check()
    stands_above_the_dock(screen, screen.main.get_by_label("Your reason"))
