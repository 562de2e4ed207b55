"""Who gains a task gets all of it; who loses it is told; what was done before still counts."""

from datetime import timedelta

from tests.protocol.desk import Desk

MINUTE = timedelta(minutes=1)


def test_a_reassignment_leaves_tombstones_with_the_old_and_brings_everything_to_the_new(
    desk: Desk,
) -> None:
    customer = desk.edit("customers", name="Marie Tremblay", email="marie@example.org")
    location = desk.edit("locations", name="Chalet", address="12, rue des Pins", customer=customer)
    kept, moved = desk.task(), desk.task(customer=customer, location=location)
    alice, bob = desk.device(), desk.device(desk.world.bob)
    alice.record(moved, "300", note="La vanne est grippée")
    alice.sync()
    assert bob.pull() == []
    desk.hand(moved, desk.world.bob)

    gone = [(change["kind"], change["id"]) for change in alice.pull() if change.get("deleted")]
    assert sorted(gone) == sorted([("task", moved), ("customer", customer), ("location", location)])
    assert alice.ids("task") == {kept}

    arrived = bob.pull()
    assert bob.ids("task") == {moved}
    assert bob.ids("customer") == {customer}
    assert bob.ids("location") == {location}
    assert bob.ids("task_type") == {str(desk.world.service_call)}
    assert bob.ids("state") == alice.ids("state")
    assert bob.things["customer", customer]["email"] == "marie@example.org"
    assert [step["note"] for step in bob.things["task", moved]["history"]] == [
        "La vanne est grippée"
    ]
    assert arrived[-1]["id"] == moved, "what a task points at comes before it"


def test_what_was_finished_offline_before_the_reassignment_counts_when_it_is_synced_after(
    desk: Desk,
) -> None:
    task, alice, bob = desk.task(), desk.device(), desk.device(desk.world.bob)
    alice.pull()
    finished = alice.record(task, "600", alice.now() - 2 * MINUTE)
    desk.hand(task, desk.world.bob, alice.now() - MINUTE)
    bob.pull()
    assert bob.state_of(task) == "100"
    alice.sync()
    assert alice.verdicts[finished]["verdict"] == "accepted"
    assert ("task", task) not in alice.things
    bob.pull()
    assert (bob.state_of(task), bob.history_of(task)) == ("600", ["600"])


def test_what_was_finished_offline_after_the_reassignment_is_refused_with_its_reason(
    desk: Desk,
) -> None:
    task, alice, bob = desk.task(), desk.device(), desk.device(desk.world.bob)
    alice.pull()
    desk.hand(task, desk.world.bob, alice.now() - 2 * MINUTE)
    late = alice.record(task, "600", alice.now() - MINUTE)
    alice.sync()
    assert alice.verdicts[late] == {"id": late, "verdict": "refused", "reason": "no_authority"}
    assert desk.open_items() == {late: "refused"}
    bob.pull()
    assert (bob.state_of(task), bob.history_of(task)) == ("100", [])


def test_a_task_that_comes_back_arrives_whole_again(desk: Desk) -> None:
    customer = desk.edit("customers", name="Marie Tremblay")
    task, alice = desk.task(customer=customer), desk.device()
    alice.pull()
    desk.hand(task, desk.world.bob)
    alice.pull()
    assert not alice.ids("task") | alice.ids("customer")
    desk.edit("customers", id=customer, name="Marie Tremblay-Roy")
    desk.hand(task, desk.world.alice)
    alice.pull()
    assert alice.ids("task") == {task}
    assert alice.things["customer", customer]["name"] == "Marie Tremblay-Roy"


def test_gone_and_back_between_two_pulls_is_there(desk: Desk) -> None:
    task, alice = desk.task(), desk.device()
    alice.pull()
    desk.hand(task, desk.world.bob)
    desk.hand(task, desk.world.alice)
    alice.pull()
    assert alice.ids("task") == {task}


def test_what_the_office_edits_is_told_to_whoever_holds_the_task(desk: Desk) -> None:
    customer = desk.edit("customers", name="Marie Tremblay")
    location = desk.edit("locations", name="Chalet", address="12, rue des Pins")
    task, alice = desk.task(customer=customer, location=location), desk.device()
    bob = desk.device(desk.world.bob)
    alice.pull()
    desk.edit("tasks", id=task, title="Urgent")
    desk.edit("customers", id=customer, phone="418 555-0100")
    desk.edit("locations", id=location, address="14, rue des Pins")
    assert [change["id"] for change in alice.pull()] == [task, customer, location]
    assert alice.things["task", task]["title"] == "Urgent"
    assert alice.things["customer", customer]["phone"] == "418 555-0100"
    assert alice.things["location", location]["address"] == "14, rue des Pins"
    assert bob.pull() == []
