"""A phone whose enrolment was ended: what it pulled goes at the next contact, what waits stays."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import pytest
from playwright.sync_api import expect

from sync.enrolment import revoke
from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.phone import BLANK, Phone, Tab
from tests.technician.screen import Screen

Codes = Callable[[UUID], str]
#: How many things of each kind any device keeps in this browser.
KEPT: Final = """async () => {
  const ended = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const count = {};
  for (const { name } of await indexedDB.databases()) {
    if (!name.startsWith('retour-')) continue;
    const database = await ended(indexedDB.open(name));
    for (const kind of ['task', 'customer', 'location', 'task_type', 'gone', 'outbox']) {
      const store = database.transaction([kind]).objectStore(kind);
      count[kind] = (count[kind] ?? 0) + (await ended(store.count()));
    }
    database.close();
  }
  return count;
}"""
NOTHING: Final = dict.fromkeys(("task", "customer", "location", "task_type", "gone"), 0)
#: What would be said of a device that is enrolled.
UNTRUE: Final = {
    "en": (
        "First sync",
        "It is sent by itself",
        "about to be sent",
        "until there is a network",
        "given to somebody",
        "Sync now",
    ),
    "fr": (
        "Première synchronisation",
        "de lui-même",
        "sur le point",
        "retour du réseau",
        "confiée",
        "Synchroniser maintenant",
    ),
}
#: What the strip says of a device that the server hears.
WELL: Final = re.compile("Online|En ligne")


def visit(field: Field) -> UUID:
    """A task of alice's with a customer and a place."""
    customer = field.do(lambda world: world.customer(phone="418 555-0199"))
    place = field.do(lambda world: world.location(customer=customer, address="12, rue des Pins"))
    return field.new_task(customer=customer, location=place, title="Fuite au sous-sol")


def revoke_properly(field: Field) -> None:
    """End the enrolment of alice's devices as the console does."""

    async def work(opened: Any) -> None:
        sql = "SELECT id FROM device WHERE account = $1 AND technician = $2"
        for row in await opened.fetch(sql, opened.account, field.world.alice):
            await revoke(opened, row["id"])

    field.on(work)


def set_active(field: Field, *, active: bool) -> None:
    """Close alice's access, or open it again."""
    sql = "UPDATE app_user SET active = $3 WHERE account = $1 AND id = $2"
    field.on(lambda opened: opened.execute(sql, opened.account, field.world.alice, active))


def test_what_was_pulled_is_gone_at_the_next_contact_and_what_waits_is_sent_after_enrolling_anew(
    alice: Tab, field: Field, code: Codes
) -> None:
    task = visit(field)
    alice.run("await engine.sync()")
    assert alice.page.evaluate(KEPT)["customer"] > 0
    recorded = alice.record(task, "300", note="Chien dans la cour")
    revoke_properly(field)
    alice.until("engine.status.problem === 'signed_out'")
    assert alice.page.evaluate(KEPT) == NOTHING | {"outbox": 1}
    assert alice.run("return engine.tasks()") == []
    assert alice.queue() == {recorded: "held"}
    assert field.states(task) == []

    # It stays so after a start that hears nothing of the server.
    alice.page.route("**/api/**", lambda route: route.abort())
    alice.page.reload()
    alice.open()
    assert (alice.status["problem"], alice.status["firstSync"]) == ("signed_out", None)

    alice.page.unroute_all()
    alice.enrol(code(field.world.alice))
    alice.until("engine.status.problem === null")
    alice.until("given in Object.fromEntries((await engine.queue()).map((o) => [o.id]))", recorded)
    alice.settle()
    assert field.states(task) == ["300"]
    assert alice.task(task)["customer"]["name"] == "Marie Tremblay"


@pytest.mark.restarts
def test_the_worker_that_pushes_while_the_app_is_closed_drops_it_too(
    handset: Phone, installed: Tab, field: Field
) -> None:
    task = visit(field)
    installed.run("await engine.sync()")
    installed.record(task, "300")
    field.revoke_devices(field.world.alice)  # and no stream that would tell the open app
    page = handset.context.new_page()
    page.goto(f"{handset.origin}/tech/views/routes.js")
    installed.page.close()
    until(lambda: page.evaluate(KEPT) == NOTHING | {"outbox": 1}, "the worker was told")
    assert field.states(task) == []


def test_a_device_that_is_known_again_has_everything_again(alice: Tab, field: Field) -> None:
    task = visit(field)
    alice.run("await engine.sync()")
    before = alice.page.evaluate(KEPT)
    set_active(field, active=False)
    alice.run("await engine.sync()")
    alice.until("engine.status.problem === 'signed_out'")
    assert alice.page.evaluate(KEPT) == NOTHING | {"outbox": 0}
    set_active(field, active=True)
    alice.run("await engine.sync()")
    alice.until("engine.status.problem === null && engine.status.firstSync === null")
    assert alice.page.evaluate(KEPT) == before
    assert alice.task(task)["location"]["address"] == "12, rue des Pins"


@pytest.mark.parametrize(
    ("language", "words", "title", "strip", "waits"),
    [
        (
            "en",
            "This device is no longer enrolled.",
            "Your tasks are no longer here",
            "Not enrolled",
            "1 step waits. All is kept on this device until it is enrolled again.",
        ),
        (
            "fr",
            "est plus inscrit.",
            "Vos tâches ne sont plus ici",
            "Non inscrit",
            "il soit de nouveau inscrit.",
        ),
    ],
    ids=["en", "fr"],
)
def test_every_page_says_the_same_of_it(
    phone: Phone, alice: Tab, field: Field, language: str, words: str, title: str, strip: str,
    waits: str,
) -> None:  # fmt: skip
    task = visit(field)
    alice.run("await engine.sync()")
    alice.record(task, "300")
    alice.page.context.clock.fast_forward(5_000)
    field.revoke_devices(field.world.alice)
    alice.run("await engine.sync()")
    alice.page.goto(phone.origin + BLANK)
    alice.page.close()
    screen = Screen(phone, english=language == "en")
    for place in ("/", f"/task/{task}", f"/task/{task}/step/600", f"/task/{task}/other"):
        screen.go(place)
        expect(screen.title).to_have_text(title)
        screen.says(words)
    screen.go("/queue")
    screen.says(words, waits)
    for place in ("/", "/queue", "/me", "/enrol"):
        screen.go(place)
        expect(screen.page.locator("h1")).to_be_focused()
        expect(screen.strip).to_contain_text(strip)
        expect(screen.strip).not_to_contain_text(WELL)
        expect(screen.strip.locator(".positive")).to_have_count(0)
        for untrue in UNTRUE[language]:
            expect(screen.main).not_to_contain_text(untrue)
    expect(screen.page.locator("[role=status]")).to_have_text("")


def test_it_is_seen_on_a_task_that_was_scrolled_the_moment_the_server_says_so(
    screen: Screen, field: Field
) -> None:
    task = visit(field)
    screen.open(task)
    screen.page.set_viewport_size({"width": 390, "height": 480})
    expect(screen.title).to_be_visible()
    screen.page.mouse.wheel(0, 2000)
    revoke_properly(field)
    expect(screen.strip).to_contain_text("Not enrolled")
    expect(screen.strip).to_be_in_viewport()
    expect(screen.page.locator("[role=status]")).to_have_text("This device is no longer enrolled.")
