"""Who the phone is: what the server says of them, and those who enrol anew."""

from collections.abc import Callable
from uuid import UUID

from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Tab


def test_the_phone_learns_whose_it_is(alice: Tab, field: Field, gate: Gate) -> None:
    alice.until("engine.session.name === 'Alice'")
    session = alice.run("return engine.session")
    assert session["technician"] == str(field.world.alice)
    assert (session["account"], session["deviceName"]) == ("Plomberie Exemple", "Téléphone")
    assert session["zone"] == "America/Toronto"
    gate.cut()
    alice.record(field.task, "300")
    assert [step["by"] for step in alice.task(field.task)["history"]] == ["Alice"]


def test_who_enrols_anew_on_the_same_phone_finds_the_queue_again(
    alice: Tab, field: Field, gate: Gate, code: Callable[[UUID], str]
) -> None:
    alice.until("engine.session.name === 'Alice'")
    sent = alice.record(field.task, "300")
    alice.settle()
    first = alice.run("return engine.session.device")
    recorded = alice.record(field.task, "600")
    field.revoke_devices(field.world.alice)  # which takes the tasks from this phone at any moment
    alice.page.context.clock.fast_forward(10_000)
    alice.until("engine.status.problem === 'signed_out'")
    alice.enrol(code(field.world.alice))
    alice.until("engine.status.problem === null")
    alice.until("given in Object.fromEntries((await engine.queue()).map((o) => [o.id]))", recorded)
    alice.until_settled()
    assert alice.queue() == {sent: "accepted", recorded: "accepted"}
    assert alice.run("return engine.session.device") != first
    assert alice.run("return engine.others") == []
    assert field.states(field.task) == ["300", "600"]
    names = alice.run("return (await indexedDB.databases()).map((one) => one.name)")
    assert f"retour-{first}" not in names
