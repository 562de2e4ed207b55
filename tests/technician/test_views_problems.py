"""What is wrong, said in words, with what was kept and what to do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone
from tests.technician.screen import Screen

Codes = Callable[[UUID], str]
PUSH = b"POST /api/v1/sync/push"
#: Makes what was recorded something that the server cannot read.
SPOIL = """async () => {
  const { Directory } = await import('/tech/engine/directory.js');
  const { openStore } = await import('/tech/engine/store.js');
  const { asked } = await import('/tech/engine/database.js');
  const { device } = await new Directory().current();
  await openStore(device).write(['outbox'], async (tx) => {
    const outbox = tx.objectStore('outbox');
    for (const item of await asked(outbox.getAll())) outbox.put({ ...item, sequence: 1.5 });
  });
}"""


def on_site(screen: Screen, visit: UUID) -> None:
    """Be on the spot, and say so."""
    screen.open(visit)
    screen.press("300 Sur place")
    expect(screen.strip).to_contain_text("1 waits")


def test_who_is_signed_out_keeps_the_queue_and_learns_how_to_come_back(
    screen: Screen, field: Field, visit: UUID, code: Codes
) -> None:
    on_site(screen, visit)
    field.revoke_devices(field.world.alice)
    screen.wait_out()
    screen.says(
        "This device is no longer enrolled.",
        "1 step is kept on this device.",
        "Ask dispatch for a code and enrol again: they will then be sent.",
    )
    assert field.states(visit) == []
    screen.page.get_by_role("link", name="Enrol again").click()
    screen.page.get_by_label("Code").fill(code(field.world.alice))
    screen.press("Enrol")
    expect(screen.title).to_contain_text("This device is Alice")
    expect(screen.strip).to_contain_text("nothing waits")
    expect(screen.main).not_to_contain_text("no longer enrolled")
    assert field.states(visit) == ["300"]


def test_an_app_that_is_too_old_says_so_and_keeps_everything(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    on_site(screen, visit)
    gate.aged = True
    screen.wait_out()
    screen.says(
        "This app is too old for the server.",
        "1 step is kept on this device.",
        "close the app and open it again: it updates by itself.",
    )
    gate.aged = False
    screen.page.reload()
    screen.settled()
    expect(screen.main).not_to_contain_text("too old")
    assert field.states(visit) == ["300"]


@pytest.mark.restarts
def test_a_full_device_says_so_and_that_nothing_was_recorded(
    phone: Phone, screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    expect(screen.strip).to_contain_text("just now")
    phone.kill()  # a browser that has written already does not ask for its quota anew
    quota = {"origin": gate.origin, "quotaSize": 1}
    session = phone.context.new_cdp_session(phone.context.new_page())
    session.send("Storage.overrideQuotaForOrigin", quota)
    screen = Screen(phone, f"#/task/{visit}")
    screen.press("300 Sur place")
    expect(screen.page.get_by_role("alert")).to_contain_text(
        "This device is full: the step was not recorded."
    )
    screen.says("This device is full.", "Free some space: remove photos or apps.")
    expect(screen.main.locator(".marks").first).to_contain_text("100 Planifié")
    session.send("Storage.overrideQuotaForOrigin", quota | {"quotaSize": 1 << 30})
    phone.context.clock.fast_forward(1_000)  # a second tap at once would be one of the same finger
    screen.press("300 Sur place")
    expect(screen.strip).to_contain_text("1 waits")
    screen.settled()
    assert field.states(visit) == ["300"]


@pytest.mark.parametrize(("off", "words"), [(-3, "3 hours slow"), (5, "5 hours fast")])
def test_a_wrong_clock_is_told(screen: Screen, off: int, words: str) -> None:
    expect(screen.main).not_to_contain_text("The clock of this device")
    screen.phone.context.clock.set_system_time(datetime.now(UTC) + timedelta(hours=off))
    screen.page.reload()
    screen.says(f"The clock of this device is {words}.", "Times are corrected.")


def test_another_technicians_work_is_shown_and_not_sent_under_the_new_name(
    screen: Screen, field: Field, visit: UUID, code: Codes, gate: Gate
) -> None:
    expect(screen.title).to_have_text("Tasks")
    on_site(screen, visit)
    screen.go("/enrol")
    screen.says("1 step waits and stays under this name.")
    screen.page.get_by_label("Code").fill(code(field.world.bob))
    screen.press("Enrol")
    expect(screen.title).to_contain_text("This device is Bob")
    screen.settled()
    screen.go("/queue")
    screen.says("What you record on tasks appears here")
    screen.go("/me")
    screen.go("/enrol")
    screen.says("1 step of Alice waits: it is sent when Alice signs in.")
    assert (gate.count(PUSH), field.history(visit)) == (0, [])
    screen.press("I am Alice")
    expect(screen.title).to_have_text("Tasks")
    sent = [("300", str(field.world.alice))]
    until(lambda: field.history(visit) == sent, "it is sent as hers")


def test_signing_out_counts_what_the_server_could_not_read(
    screen: Screen, field: Field, visit: UUID
) -> None:
    on_site(screen, visit)
    screen.page.evaluate(SPOIL)
    screen.wait_out()
    expect(screen.strip).to_contain_text("nothing waits")
    screen.go("/queue")
    screen.says("1 step was refused: what to do stands beside it.")
    screen.go("/me")
    screen.press("Sign out")
    screen.says("1 step waits. It stays here and is sent when you sign in again.")
    leaving = screen.main.get_by_label("Sign out")
    leaving.get_by_role("button", name="Sign out").click()
    screen.says("1 step of Alice waits")
    assert field.states(visit) == []
