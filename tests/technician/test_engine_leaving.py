"""Signing out and enrolling anew while another tab is at work: nothing recorded is lost."""

from typing import Final

from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Tab

FORGET: Final = """const { forget } = await import('/tech/engine/others.js');
const { Directory } = await import('/tech/engine/directory.js');
await forget(new Directory(), given);"""
#: Ends a second enrolment of the technician as signing out does, then has the queue moved into it.
#: The devices that are known after it.
MOVE: Final = """const { gather } = await import('/tech/engine/others.js');
const { Directory } = await import('/tech/engine/directory.js');
const { openStore, setMark } = await import('/tech/engine/store.js');
const directory = new Directory();
await directory.enter({ device: 'left', technician: given });
const store = openStore('left');
await store.write(['mark'], async (tx) => setMark(tx, 'ended', 'left'));
await gather(directory, 'left', given, store);
await store.erase();
return (await directory.all()).map((one) => one.device);"""
#: Two enrolments of one technician, each with something queued, gather each other's at once: a
#: tab that has not heard yet of the one at work now, and one that has. What is left, by device.
CROSS: Final = """const { gather } = await import('/tech/engine/others.js');
const { Directory } = await import('/tech/engine/directory.js');
const { openStore } = await import('/tech/engine/store.js');
const { asked } = await import('/tech/engine/database.js');
const directory = new Directory();
const devices = ['former', 'present'];
for (const device of devices) {
  await directory.enter({ device, technician: 'carol' });
  const item = { id: `of-${device}`, task: given, sequence: 1, status: 'waiting' };
  const store = openStore(device);
  await store.write(['outbox'], async (tx) => tx.objectStore('outbox').put(item));
  await store.close();
}
await Promise.all(devices.map((one) => gather(directory, one, 'carol', openStore(one))));
const left = {};
for (const { device, technician } of await directory.all()) {
  if (technician !== 'carol') continue;
  left[device] = await openStore(device).read(['outbox'], (tx) =>
    asked(tx.objectStore('outbox').getAllKeys()));
}
return left;"""


def test_what_a_tab_recorded_as_another_signed_out_is_kept(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    recorded = alice.record(field.task, "300")
    alice.run(FORGET, alice.run("return engine.session.device"))
    assert list(alice.queue()) == [recorded]
    gate.listen()
    alice.settle()
    assert field.states(field.task) == ["300"]


def test_a_tab_that_has_not_heard_of_it_records_nothing_that_would_be_lost(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    alice.run(FORGET, alice.run("return engine.session.device"))
    order = {"task": str(field.task), "state": "300"}
    assert alice.run("return engine.record(given)", order) in (
        {"error": "no_session"},
        {"error": "unknown_task"},
    )


def test_a_queue_is_not_moved_to_who_has_just_signed_out(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    recorded = alice.record(field.task, "300")
    session = alice.run("return engine.session")
    assert session["device"] in alice.run(MOVE, session["technician"])
    assert list(alice.queue()) == [recorded]
    later = alice.record(field.task, "600")
    gate.listen()
    alice.settle()
    assert alice.queue() == {recorded: "accepted", later: "accepted"}
    assert field.states(field.task) == ["300", "600"]


def test_two_tabs_that_move_queues_opposite_ways_lose_nothing(alice: Tab, field: Field) -> None:
    left = alice.run(CROSS, str(field.task))
    assert left == {"present": ["of-former", "of-present"]}
