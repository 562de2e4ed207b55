"""The queue's page: each step with its verdict in words, and what is to be done about it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Locator, expect

from sync.ids import new_id
from sync.intake import accept
from tests.support.listening import cut
from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone
from tests.technician.screen import Screen

PUSH = b"POST /api/v1/sync/push"
#: Changes the only recorded step where it is kept.
CHANGE = """async (changes) => {
  const [{ name }] = (await indexedDB.databases()).filter((one) => one.name.startsWith('retour-'));
  const over = (request) => new Promise((done) => (request.onsuccess = () => done(request.result)));
  const database = await over(indexedDB.open(name));
  const store = database.transaction('outbox', 'readwrite').objectStore('outbox');
  const [item] = await over(store.getAll());
  await over(store.put({ ...item, ...changes }));
  database.close();
}"""


def steps(screen: Screen) -> Locator:
    """What the queue lists, from the top."""
    return screen.main.get_by_role("listitem")


def offline(screen: Screen, gate: Gate) -> None:
    """No network, and the browser knows."""
    gate.cut()
    screen.phone.context.set_offline(True)


def online(screen: Screen, gate: Gate) -> None:
    """The network is back."""
    gate.listen()
    screen.phone.context.set_offline(False)


def test_a_step_is_held_then_waits_then_is_accepted(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    offline(screen, gate)
    screen.go("/queue")
    screen.says("What you record on tasks appears here, with what became of it.")
    screen.open(visit)
    screen.record("300 Sur place")
    screen.go("/queue")
    expect(steps(screen)).to_contain_text("Held")
    expect(steps(screen)).to_contain_text("Can be undone for ten seconds, then it waits.")
    screen.wait_out()
    expect(steps(screen)).to_contain_text("Waits")
    screen.says("1 step waits. All is kept on this device until there is a network.")
    expect(steps(screen)).to_contain_text("Kept on this device until there is a network.")
    online(screen, gate)
    expect(steps(screen)).to_contain_text("Accepted")
    screen.says("All is sent and settled.")
    assert field.states(visit) == ["300"]


def test_asking_for_a_sync_without_a_network_is_answered(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    offline(screen, gate)
    screen.open(visit)
    screen.record("300 Sur place")
    screen.wait_out()
    screen.go("/queue")
    expect(screen.main).not_to_contain_text("Still offline.")
    screen.press("Sync now")
    screen.says("Still offline. All is kept on this device.")
    expect(screen.page.locator("[role=status]")).to_contain_text("Still offline.")
    online(screen, gate)
    screen.says("All is sent and settled.")
    expect(screen.main).not_to_contain_text("Still offline.")
    assert field.states(visit) == ["300"]


def test_a_mis_tap_is_taken_back_on_the_queue_too(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    screen.open(visit)
    screen.record("300 Sur place")
    screen.go("/queue")
    steps(screen).get_by_role("button", name="Undo").click()
    expect(steps(screen)).to_have_count(0)
    expect(screen.page.locator("[role=status]")).to_have_text("300 Sur place: undone")
    screen.settled()
    assert (field.states(visit), gate.count(PUSH)) == ([], 0)


@pytest.mark.parametrize(
    ("english", "words", "well"),
    [
        (
            True,
            [
                "1 step was refused: what to do stands beside it.",
                "The task was not yours at that moment.",
                "Dispatch sees it too and can accept it",
            ],
            "All is sent and settled.",
        ),
        (
            False,
            [
                "1 étape a été refusée",
                "La tâche ne vous était pas confiée à ce moment.",
                "La répartition la voit aussi et peut",
            ],
            "Tout est envoyé et réglé.",
        ),
    ],
)
def test_a_refused_step_says_why_until_dispatch_accepts_it(
    phone: Phone,
    screen: Screen,
    field: Field,
    visit: UUID,
    gate: Gate,
    english: bool,
    words: list[str],
    well: str,
) -> None:
    offline(screen, gate)
    field.reassign(visit, field.world.bob, datetime.now(UTC) - timedelta(hours=1))
    screen.open(visit)
    screen.record("300 Sur place")
    online(screen, gate)
    screen.settled()
    screen.page.evaluate(f"localStorage['retour-language'] = '{'en' if english else 'fr'}'")
    other = Screen(phone, "#/queue", english=english)
    other.says(*words)
    expect(other.main).not_to_contain_text(well)
    [refused] = field.on(
        lambda tx: tx.fetch(
            "SELECT id FROM transition WHERE account = $1 AND verdict = 'refused'", tx.account
        )
    )
    field.on(lambda tx: accept(tx, refused["id"], None))
    other.says(well)
    expect(other.main).not_to_contain_text(words[1])
    assert field.states(visit) == ["300"]


def test_a_step_of_a_task_that_is_not_there_yet_is_set_aside_and_settled_later(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    offline(screen, gate)
    screen.open(visit)
    screen.record("300 Sur place")
    screen.wait_out()
    coming = new_id()
    screen.page.evaluate(CHANGE, {"task": str(coming)})
    online(screen, gate)
    screen.go("/queue")
    expect(steps(screen)).to_contain_text("Set aside")
    screen.says("1 step is set aside until the server knows its task.")
    expect(screen.main).not_to_contain_text("can accept it")
    expect(screen.main).not_to_contain_text("All is sent and settled.")
    field.new_task(id=coming)
    expect(steps(screen)).to_contain_text("Accepted")
    screen.says("All is sent and settled.")
    assert field.states(coming) == ["300"]


def test_two_tabs_show_one_queue_the_newest_first(
    phone: Phone, screen: Screen, visit: UUID, gate: Gate
) -> None:
    other = Screen(phone, "#/queue")
    expect(other.title).to_have_text("Queue")
    offline(screen, gate)
    screen.open(visit)
    for number, name in enumerate(("200 En route", "300 Sur place"), start=1):
        screen.press(name)
        expect(steps(other)).to_have_count(number)
        expect(steps(other).first).to_contain_text(name)
    expect(other.strip).to_contain_text("2 wait")


def test_after_ten_seconds_the_queue_offers_no_undo(
    screen: Screen, visit: UUID, gate: Gate
) -> None:
    offline(screen, gate)
    screen.open(visit)
    screen.press("200 En route")
    expect(screen.main.locator(".marks").first).to_contain_text("200 En route")
    screen.press("300 Sur place")
    expect(screen.main.locator(".marks").first).to_contain_text("300 Sur place")
    screen.go("/queue")
    undo = steps(screen).get_by_role("button", name="Undo", exact=True)
    expect(undo).to_have_count(2)
    undo.last.click()
    expect(steps(screen)).to_have_count(1)
    expect(steps(screen)).to_contain_text("300 Sur place")
    screen.wait_out()
    expect(steps(screen)).to_contain_text("Waits")
    expect(undo).to_have_count(0)


def test_a_reload_loses_nothing_and_french_says_the_same(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    screen.open(visit)
    screen.page.get_by_text("Note for the next step").click()
    screen.page.get_by_label("Note", exact=True).fill("Chien dans la cour")
    screen.record("300 Sur place")
    screen.go("/queue")
    expect(steps(screen)).to_contain_text("Held")
    screen.page.evaluate("localStorage['retour-language'] = 'fr'")
    screen.page.reload()
    expect(steps(screen)).to_contain_text("Retenue")
    expect(steps(screen)).to_contain_text("Peut être annulée pendant dix secondes, puis part.")
    offline(screen, gate)
    screen.wait_out()
    expect(steps(screen)).to_contain_text("En attente")
    expect(steps(screen)).to_contain_text("Chien dans la cour")
    online(screen, gate)
    expect(steps(screen)).to_contain_text("Acceptée")
    screen.says("Tout est envoyé et réglé.")
    screen.page.reload()
    expect(steps(screen)).to_contain_text("Chien dans la cour")
    assert field.states(visit) == ["300"]


def test_a_step_whose_answer_got_lost_is_told_to_count_once(
    screen: Screen, field: Field, visit: UUID, gate: Gate
) -> None:
    lost = gate.trap(PUSH, answered=True)
    lost.arm(cut)
    screen.open(visit)
    screen.record("300 Sur place")
    screen.go("/queue")
    screen.wait_out()
    until(lost.sprung.is_set, "the reply is cut")
    expect(steps(screen)).to_contain_text("The server has it.")
    assert (gate.count(PUSH), field.states(visit)) == (2, ["300"])
    screen.page.evaluate(CHANGE, {"status": "duplicate"})
    screen.page.reload()
    expect(steps(screen)).to_contain_text("The server already had it; it counts once.")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"state": "999"},
            ["This state no longer exists.", "Open the task and choose another state."],
        ),
        (
            {"survey": "perhaps"},
            [
                "The server could not read this step, so dispatch does not see it.",
                "It is tried again when the app starts anew.",
            ],
        ),
    ],
)
def test_each_refusal_says_why_and_what_to_do(
    screen: Screen, visit: UUID, gate: Gate, changes: dict[str, str], told: list[str]
) -> None:
    offline(screen, gate)
    screen.open(visit)
    screen.record("300 Sur place")
    screen.wait_out()
    screen.page.evaluate(CHANGE, changes)
    online(screen, gate)
    screen.go("/queue")
    expect(steps(screen)).to_contain_text("Refused")
    screen.says("1 step was refused: what to do stands beside it.", *told)
    expect(screen.main).not_to_contain_text("All is sent and settled.")
