"""The engine on a phone, over a network that comes and goes."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.support.api_process import served
from tests.support.databases import TestDatabase
from tests.support.listening import cut, hold
from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone, Tab

PUSH = b"POST /api/v1/sync/push"
PULL = b"GET /api/v1/sync/pull"
#: Puts what the server cannot read into the recorded transition that is given.
SPOIL = """
  const open = indexedDB.open('retour-' + engine.session.device);
  await new Promise((done) => (open.onsuccess = done));
  const store = open.result.transaction('outbox', 'readwrite').objectStore('outbox');
  const read = store.get(given);
  await new Promise((done) => (read.onsuccess = done));
  const write = store.put({ ...read.result, sequence: 1.5 });
  await new Promise((done) => (write.onsuccess = done));
  open.result.close();"""


def test_what_is_recorded_offline_is_settled_once_the_network_is_back(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    alice.page.context.set_offline(True)
    recorded = alice.record(field.task, "600", note="  Joint remplacé  ")
    assert alice.task(field.task)["state"]["code"] == "600"
    alice.page.context.clock.fast_forward(10_000)
    alice.until("engine.status.waiting === 1 && !engine.status.online")
    gate.listen()
    alice.page.context.set_offline(False)
    alice.until_settled()
    alice.until("engine.status.online")
    assert alice.queue() == {recorded: "accepted"}
    [step] = alice.task(field.task)["history"]
    assert (step["note"], step["mine"]) == ("Joint remplacé", None)
    assert field.states(field.task) == ["600"]


@pytest.mark.parametrize("answers", [True, False])
def test_an_answer_from_before_the_network_fell_does_not_say_that_it_is_back(
    alice: Tab, gate: Gate, answers: bool
) -> None:
    if not answers:  # but refuses the app
        gate.aged = True
    answered, fallen = gate.trap(PULL, answered=True), threading.Event()
    answered.arm(lambda: hold(fallen))
    alice.run("globalThis.synced = engine.sync()")
    assert answered.sprung.wait(30)
    alice.run("dispatchEvent(new Event('offline'))")
    alice.until("!engine.status.online")
    fallen.set()
    alice.run("await synced")
    assert not alice.status["online"]
    assert (alice.status["problem"] is None) is answers
    gate.aged = False
    alice.run("await engine.sync()")
    alice.until("engine.status.online")


def test_a_mis_tap_is_undone_within_ten_seconds_and_not_after_them(
    alice: Tab, field: Field, gate: Gate
) -> None:
    undone = alice.record(field.task, "900")
    alice.page.context.clock.fast_forward(2_000)
    assert alice.run("return engine.undo(given)", undone) is True
    assert alice.queue() == {}
    assert alice.task(field.task)["state"]["code"] == "100"
    kept = alice.record(field.task, "300")
    alice.settle()
    assert alice.run("return engine.undo(given)", kept) is False
    assert field.states(field.task) == ["300"]


def test_two_tabs_and_doubled_events_push_once(
    phone: Phone, alice: Tab, field: Field, gate: Gate
) -> None:
    other = phone.tab()
    gate.cut()
    recorded = alice.record(field.task, "600")
    phone.context.clock.fast_forward(10_000)
    other.run("await engine.sync()")  # it may have been live until now, and not have tried
    other.until("engine.status.waiting === 1 && !engine.status.online")
    gate.listen()
    for tab in (alice, other):
        tab.run("for (let turn = 0; turn < 5; turn += 1) dispatchEvent(new Event('online'))")
    for tab in (alice, other):
        tab.until_settled()
        assert tab.queue() == {recorded: "accepted"}
        tab.run("await engine.sync()")
    assert gate.count(PUSH) == 1


def test_a_reply_that_got_lost_is_asked_for_again_and_nothing_is_twice(
    alice: Tab, field: Field, gate: Gate
) -> None:
    lost = gate.trap(PUSH, answered=True)
    lost.arm(cut)
    recorded = alice.record(field.task, "600")
    alice.page.context.clock.fast_forward(10_000)
    until(lost.sprung.is_set, "the reply is cut")
    alice.run("await engine.sync()")
    alice.until_settled()
    assert (gate.count(PUSH), alice.queue()) == (2, {recorded: "accepted"})
    assert field.states(field.task) == ["600"]


def test_one_item_that_the_server_cannot_read_does_not_keep_the_others(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    recorded = [alice.record(field.task, state) for state in ("200", "300", "600", "610")]
    alice.run(SPOIL, recorded[1])
    gate.listen()
    alice.settle()
    verdicts = dict.fromkeys(recorded, "accepted") | {recorded[1]: "refused"}
    assert alice.queue() == verdicts
    reasons = alice.run("return (await engine.queue()).map((one) => one.reason)")
    assert sorted(filter(None, reasons)) == ["unreadable"]
    assert field.states(field.task) == ["200", "600", "610"]


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ({"email": "deux@example.org, adresses@example.org"}, "bad_email"),
        ({"note": "x" * 4001}, "bad_note"),
        ({"survey": False, "surveyReason": "x" * 201}, "bad_reason"),
        ({"state": "999"}, "unknown_state"),
        ({"task": "01900000-0000-7000-8000-000000000000"}, "unknown_task"),
    ],
)
def test_what_the_server_would_not_take_is_not_recorded(
    alice: Tab, field: Field, order: dict[str, object], fault: str
) -> None:
    told = {"task": str(field.task), "state": "600", **order}
    assert alice.run("return engine.record(given)", told) == {"error": fault}
    assert alice.queue() == {}


def test_a_revoked_device_keeps_its_queue_and_says_so(alice: Tab, field: Field, gate: Gate) -> None:
    recorded = alice.record(field.task, "600")
    field.revoke_devices(field.world.alice)
    alice.page.context.clock.fast_forward(10_000)
    alice.until("engine.status.problem === 'signed_out'")
    assert alice.queue() == {recorded: "waiting"}
    assert alice.task(field.task) is None  # it was pulled, and so is not here any more
    assert alice.run("return engine.session.deviceName") == "Téléphone"


def test_another_technician_does_not_flush_the_first_ones_queue(
    alice: Tab, field: Field, gate: Gate, code: Callable[[UUID], str]
) -> None:
    first = alice.run("return engine.session.device")
    gate.cut()
    recorded = alice.record(field.task, "600")
    alice.run("await engine.signOut()")
    assert alice.run("return engine.session") is None
    gate.listen()
    alice.enrol(code(field.world.bob))
    alice.page.context.clock.fast_forward(30_000)
    alice.run("await engine.sync()")
    assert (alice.queue(), gate.count(PUSH)) == ({}, 0)
    assert alice.task(field.task) is None
    [other] = alice.run("return engine.others")
    assert (other["device"], other["waiting"]) == (first, 1)
    alice.run("await engine.resume(given)", first)
    alice.until_settled()
    assert alice.queue() == {recorded: "accepted"}
    assert field.history(field.task) == [("600", str(field.world.alice))]
    assert alice.run("return engine.others") == []


def test_who_signs_out_with_an_empty_queue_leaves_nothing_behind(alice: Tab) -> None:
    device = alice.run("return engine.session.device")
    assert f"retour-{device}" in _databases(alice)
    alice.run("await engine.signOut()")
    assert _databases(alice) == ["retour"]
    assert alice.run("return engine.resume(given)", device) == {"error": "no_session"}


def test_what_the_server_could_not_read_stays_when_its_technician_signs_out(
    alice: Tab, field: Field
) -> None:
    first = alice.run("return engine.session.device")
    recorded = alice.record(field.task, "600")
    alice.run(SPOIL, recorded)
    alice.settle()
    assert alice.queue() == {recorded: "refused"}
    alice.run("await engine.signOut()")
    [other] = alice.run("return engine.others")
    assert (other["device"], other["waiting"]) == (first, 1)
    alice.run("await engine.resume(given)", first)
    assert list(alice.queue()) == [recorded]


def _databases(tab: Tab) -> list[str]:
    return list(tab.run("return (await indexedDB.databases()).map((one) => one.name).sort()"))


def test_signing_out_in_one_tab_is_signing_out_in_all(phone: Phone, alice: Tab) -> None:
    other = phone.tab()
    alice.run("await engine.signOut()")
    other.until("engine.session === null")
    assert other.run("return engine.tasks()") == []


@pytest.mark.restarts
def test_what_is_held_goes_out_at_the_next_start_once_its_time_is_over(
    phone: Phone, alice: Tab, field: Field, gate: Gate
) -> None:
    recorded = alice.record(field.task, "600")
    phone.restart()
    phone.context.clock.fast_forward(60_000)
    assert gate.count(PUSH) == 0
    late = phone.tab()
    late.until_settled()
    assert late.queue() == {recorded: "accepted"}


def test_a_server_that_says_nothing_any_more_is_looked_for_soon(alice: Tab, gate: Gate) -> None:
    alice.run("await engine.sync()")
    alice.until("engine.status.live && engine.status.online")
    gate.cut()
    alice.until("!engine.status.live")
    alice.page.context.clock.fast_forward(30_000)
    alice.until("!engine.status.online")


def test_a_server_that_restarts_is_found_again(
    alice: Tab, field: Field, gate: Gate, database: TestDatabase
) -> None:
    gate.cut()
    recorded = alice.record(field.task, "600")
    with served(database, origin=gate.origin) as again:
        gate.upstream = int(again.base_url.rpartition(":")[2])
        gate.listen()
        alice.page.context.clock.fast_forward(10_000)
        alice.page.context.clock.fast_forward(60_000)
        alice.until_settled()
        alice.until("engine.status.online")
        assert alice.queue() == {recorded: "accepted"}
        gate.cut()


def test_a_code_that_is_unknown_and_a_network_that_is_not_there_are_told_apart(
    phone: Phone, gate: Gate
) -> None:
    tab = phone.tab()
    unknown = "return engine.enrol('ABCD-EFGH-JKMN-PQRS', 'Téléphone')"
    assert tab.run(unknown) == {"error": "bad_code"}
    gate.cut()
    assert tab.run(unknown) == {"error": "offline"}
    assert tab.run("return engine.session") is None
