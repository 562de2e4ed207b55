"""A task's page: who, where, what happened, who will be asked, what comes next."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.screen import Screen, visit_type

EVIL = "<img src=x onerror=\"document.title='HACKED'\">"


def test_the_phone_and_the_map_are_one_tap_away(screen: Screen, field: Field) -> None:
    customer = field.do(lambda world: world.customer(phone="(418) 555-0199"))
    place = field.do(lambda world: world.location(customer=customer, address="12, rue des Pins"))
    task = field.new_task(customer=customer, location=place)
    screen.open(task)
    call = screen.page.get_by_role("link", name="(418) 555-0199")
    expect(call).to_have_attribute("href", "tel:+14185550199")
    road = screen.page.get_by_role("link", name="12, rue des Pins")
    expect(road).to_have_attribute(
        "href", "https://www.openstreetmap.org/search?query=12%2C%20rue%20des%20Pins"
    )
    screen.says("Marie Tremblay", "Chalet", "Appel de service")


def test_what_dispatch_wrote_is_in_the_list_too_in_the_readers_language_and_said_once(
    screen: Screen, field: Field
) -> None:
    customer = field.do(lambda world: world.customer(name="Bistro Roy", phone="418 555-0199"))
    place = field.do(lambda world: world.location(customer=customer, name="Bistro Roy"))
    said = {"customer": customer, "location": place, "tags": ["chien"]}
    field.new_task(title="Chambre froide", priority="urgente", **said)
    usual = field.new_task(title="Entretien", priority="normale", **said)
    row = screen.page.get_by_role("listitem").filter(has_text="Chambre froide")
    for text in ("Urgent", "chien", "Bistro Roy"):
        expect(row).to_contain_text(text)
    expect(row.get_by_text("Bistro Roy")).to_have_count(1)
    call = row.get_by_role("link", name="Call Bistro Roy")
    expect(call).to_have_attribute("href", "tel:+14185550199")
    other = screen.page.get_by_role("listitem").filter(has_text="Entretien")
    expect(other).not_to_contain_text("Normal")
    row.get_by_role("link", name="Chambre froide").click()
    screen.says("Urgent", "chien")
    screen.open(usual)
    screen.says("Normal", "12, rue des Pins")
    expect(screen.main.get_by_text("Bistro Roy")).to_have_count(1)


def test_what_is_written_beside_a_number_is_shown_and_not_dialled(
    screen: Screen, field: Field
) -> None:
    customer = field.do(lambda world: world.customer(phone="514 555-0199 poste 12"))
    place = field.do(lambda world: world.location(customer=customer, phone="voir le concierge"))
    screen.open(field.new_task(customer=customer, location=place))
    call = screen.page.get_by_role("link", name="514 555-0199 poste 12")
    expect(call).to_have_attribute("href", "tel:+15145550199;ext=12")
    screen.says("voir le concierge")
    expect(screen.page.get_by_role("link", name="voir le concierge")).to_have_count(0)


def test_what_the_office_wrote_is_text_and_never_a_program(screen: Screen, field: Field) -> None:
    customer = field.do(lambda world: world.customer(name=EVIL, phone="javascript:alert(1)"))
    place = field.do(lambda world: world.location(name=EVIL, address="javascript:alert(1)"))
    task = field.new_task(title=EVIL, customer=customer, location=place, reason=EVIL, tags=[EVIL])
    screen.page.get_by_role("link", name=EVIL).click()
    expect(screen.title).to_have_text(EVIL)
    screen.page.get_by_text("Note for the next step").click()
    screen.page.get_by_label("Note", exact=True).fill(EVIL)
    screen.page.get_by_role("link", name="Another state").click()
    screen.press("300 Sur place")
    expect(screen.page.get_by_role("blockquote")).to_contain_text(EVIL)
    assert screen.page.locator("img").count() == 0
    links = screen.page.locator("a").evaluate_all("all => all.map((one) => one.protocol)")
    assert set(links) <= {"http:", "https:", "tel:"}
    screen.go(f"/task/{task}/step/javascript:alert(1)")
    expect(screen.title).to_have_text("This task is no longer here")


def test_one_tap_is_enough_where_nobody_is_asked(screen: Screen, field: Field, visit: UUID) -> None:
    screen.open(visit)
    screen.press("300 Sur place")
    expect(screen.main.locator(".marks").first).to_contain_text("300 Sur place")
    history = screen.main.locator(".steps")
    expect(history).to_contain_text("waits")
    expect(history).to_contain_text("Alice")
    screen.settled()
    expect(history).not_to_contain_text("waits")
    assert field.states(visit) == ["300"]


def test_a_mis_tap_is_taken_back_and_never_leaves(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    screen.open(visit)
    screen.press("300 Sur place")
    expect(screen.button("Undo 300")).to_be_focused()
    screen.press("Undo 300")
    expect(screen.main.locator(".marks").first).to_contain_text("100 Planifié")
    expect(screen.button("Undo 300")).to_be_hidden()
    expect(screen.page.locator("[role=status]")).to_have_text("300 Sur place: undone")
    screen.go("/")
    expect(screen.page.get_by_role("listitem").filter(has_text="Fuite")).to_contain_text("100")
    screen.settled()
    assert gate.count(b"POST /api/v1/sync/push") == 0
    assert field.states(visit) == []


def test_after_ten_seconds_there_is_nothing_to_undo(screen: Screen, visit: UUID) -> None:
    screen.open(visit)
    screen.press("300 Sur place")
    expect(screen.page.get_by_label("Undo", exact=True).first).to_contain_text("300 Sur place")
    screen.wait_out()
    expect(screen.button("Undo 300")).to_have_count(0)


def test_on_a_wide_screen_the_bar_is_as_wide_as_the_column(screen: Screen, visit: UUID) -> None:
    screen.page.set_viewport_size({"width": 1280, "height": 800})
    screen.open(visit)
    screen.record("300 Sur place")
    bar, *column = screen.page.evaluate(
        "['.undo', 'main > *'].flatMap((name) => [...document.querySelectorAll(name)])"
        ".map((one) => one.getBoundingClientRect()).map((box) => [box.left, box.right])"
    )
    assert bar == [min(left for left, _ in column), max(right for _, right in column)]


def test_a_reload_leaves_the_time_to_undo(screen: Screen, field: Field, visit: UUID) -> None:
    screen.open(visit)
    screen.press("300 Sur place")
    expect(screen.button("Undo 300")).to_be_visible()
    screen.page.reload()
    bar = screen.page.get_by_role("region", name="Undo")
    expect(bar).to_contain_text("300 Sur place")
    screen.press("Undo 300")
    expect(screen.main.locator(".marks").first).to_contain_text("100 Planifié")
    screen.settled()
    assert field.states(visit) == []


def test_after_the_last_step_the_next_task_is_a_tap_away(screen: Screen, field: Field) -> None:
    kind = visit_type(field)
    later = field.new_task(type=kind, title="Chauffe-eau", scheduled_at=datetime.now(UTC))
    first = field.new_task(type=kind, title="Chaudière", state="300")
    screen.open(first)
    screen.press("600 Terminé")
    screen.page.get_by_role("link", name="Next task Chauffe-eau").click()
    expect(screen.title).to_have_text("Chauffe-eau")
    for state in ("300 Sur place", "600 Terminé"):
        screen.press(state)
        expect(screen.main.locator(".marks").first).to_contain_text(state)
    assert screen.page.url.endswith(str(later))
    moves = screen.page.get_by_role("region", name="Next state")
    expect(moves.get_by_role("link").first).to_contain_text("Next task")


def test_a_state_that_leads_back_is_set_apart(screen: Screen, field: Field) -> None:
    flow = {"300": ["100", "600"], "600": ["100", "610", "300"]}
    kind = field.do(lambda world: world.task_type("Tournée", flow))
    task = field.new_task(type=kind, state="300", title="Thermopompe")
    screen.open(task)
    moves = screen.page.get_by_role("region", name="Next state").get_by_role("button")
    expect(moves).to_have_text([re.compile("600")])
    moves.click()
    expect(moves).to_have_text([re.compile("610")])
    screen.page.get_by_role("link", name="Other state or correction").click()
    back = screen.main.locator("section").filter(has_text="Back to an earlier state")
    expect(back.get_by_role("button")).to_have_text([re.compile("100"), re.compile("300")])
    back.get_by_role("button", name="100 Planifié").click()
    expect(screen.main.locator(".marks").first).to_contain_text("100 Planifié")


def test_a_note_goes_with_the_next_step_and_survives_a_reload(
    screen: Screen, field: Field, visit: UUID
) -> None:
    screen.open(visit)
    screen.page.get_by_text("Note for the next step").click()
    screen.page.get_by_label("Note", exact=True).fill("Chien dans la cour")
    screen.until_kept("Chien dans la cour")
    screen.page.reload()
    expect(screen.page.get_by_label("Note", exact=True)).to_have_value("Chien dans la cour")
    screen.press("200 En route")
    expect(screen.page.get_by_role("blockquote")).to_contain_text("Chien dans la cour")
    expect(screen.page.get_by_label("Note", exact=True)).to_have_value("")
    screen.settled()
    sql = "SELECT note FROM transition WHERE account = $1 AND task = $2"
    assert field.on(lambda tx: tx.fetchval(sql, tx.account, visit)) == "Chien dans la cour"


def test_a_task_that_left_is_told(screen: Screen, field: Field, visit: UUID) -> None:
    screen.open(visit)
    expect(screen.title).to_have_text("Fuite au sous-sol")
    field.reassign(visit, field.world.bob)
    expect(screen.title).to_have_text("This task is no longer here")
    screen.says("What you did on it is kept and shown in the queue.")
    screen.page.get_by_role("link", name="Tasks").first.click()
    expect(screen.title).to_have_text("Tasks")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_scrolls_sideways(screen: Screen, field: Field, width: int) -> None:
    long = "Remplacement-du-chauffe-eau-et-vérification-des-conduites " * 3
    customer = field.do(lambda world: world.customer(name=long, email=f"{'x' * 60}@example.org"))
    place = field.do(lambda world: world.location(address=long, customer=customer))
    kind = visit_type(field)
    task = field.new_task(
        type=kind,
        title=long,
        customer=customer,
        location=place,
        scheduled_at=datetime.now(UTC) + timedelta(minutes=1),
        tags=["x" * 90],
    )
    field.campaign()
    screen.page.set_viewport_size({"width": width, "height": 700})
    screen.open(task)
    screen.record("300 Sur place")
    for place_ in ("/", f"/task/{task}", f"/task/{task}/step/600", f"/task/{task}/other"):
        screen.go(place_)
        expect(screen.page.locator("h1")).to_be_focused()
        wide = screen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, place_
    for place_ in ("/queue", "/me", "/enrol"):
        screen.go(place_)
        expect(screen.page.locator("h1")).to_be_focused()
        assert screen.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
