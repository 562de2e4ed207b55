"""What the phone shows of the office's content: first sync, resync, reassignment, addresses."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.definition import Trigger
from rules.campaign import AddressField
from tests.support.databases import TestDatabase
from tests.support.listening import cut
from tests.support.office import Office
from tests.support.owner import owning
from tests.support.processes import until
from tests.support.stories import aside
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone, Tab

PULL = b"GET /api/v1/sync/pull"
FIRST_PULL = b"GET /api/v1/sync/pull?limit=500 HTTP"
YEAR = timedelta(days=365)
#: Changes the place up to which the device has pulled into one that nobody wrote.
SPOIL_CURSOR = """
  const open = indexedDB.open(given);
  await new Promise((done) => (open.onsuccess = done));
  const store = open.result.transaction('mark', 'readwrite').objectStore('mark');
  const write = store.put('A'.repeat(56), 'cursor');
  await new Promise((done) => (write.onsuccess = done));
  open.result.close();"""
COUNT = "return (await engine.tasks()).length"


@pytest.mark.restarts
def test_a_first_sync_that_was_killed_goes_on_where_it_was(
    handset: Phone, field: Field, gate: Gate, code: Callable[[UUID], str]
) -> None:
    field.new_tasks(1_200)
    tab = handset.tab()
    handset.until_installed(tab)
    third = gate.trap(PULL + b"?limit=500&cursor=")
    third.arm(lambda: third.arm(gate.fall))
    tab.run("await engine.enrol(given, 'Téléphone')", code(field.world.alice))
    until(lambda: third.hits == 2, "two pages are there and the third is cut")
    tab.until("engine.status.firstSync !== null && engine.status.firstSync.done > 0")
    there = tab.run(COUNT)
    assert 0 < there < 1_201
    handset.kill()
    again = handset.tab()
    assert again.run(COUNT) == there
    gate.listen()
    again.run("await engine.sync()")
    again.until("engine.status.firstSync === null")
    assert again.run(COUNT) == 1_201
    assert sum(line.startswith(FIRST_PULL) for line in gate.asked) == 1


def test_a_restored_database_is_pulled_anew_and_the_queue_survives(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gone = field.new_task(title="Ailleurs")
    alice.run("await engine.sync()")
    assert alice.run(COUNT) == 2
    gate.cut()
    recorded = alice.record(field.task, "600")
    sql = "DELETE FROM feed WHERE account = $1 AND id = $2"
    field.on(lambda opened: opened.execute(sql, opened.account, str(gone)))
    field.restore_backup()
    gate.listen()
    alice.settle()
    alice.run("await engine.sync()")
    assert alice.queue() == {recorded: "accepted"}
    assert alice.run(COUNT) == 1
    assert alice.task(field.task)["state"]["code"] == "600"


def test_a_cursor_that_the_server_no_longer_reads_is_dropped_and_all_comes_again(
    alice: Tab, field: Field, gate: Gate
) -> None:
    """As after a change of the key that cursors are signed with."""
    device = alice.run("return engine.session.device")
    alice.run(SPOIL_CURSOR, f"retour-{device}")
    recorded = alice.record(field.task, "600")
    alice.settle()
    alice.run("await engine.sync()")
    alice.until("engine.status.problem === null")
    assert alice.queue() == {recorded: "accepted"}
    assert alice.task(field.task)["state"]["code"] == "600"


def test_what_a_restored_database_forgot_is_told_again(
    alice: Tab, field: Field, database: TestDatabase
) -> None:
    known = alice.record(field.task, "300")
    # More than the way to the server may differ by, with which a clock is corrected.
    alice.page.context.clock.fast_forward(5_000)
    forgotten = alice.record(field.task, "600")
    alice.settle()
    alice.run("await engine.sync()")
    assert field.states(field.task) == ["300", "600"]
    aside(database, lambda: forget(database, UUID(forgotten)))
    field.restore_backup()

    alice.run("await engine.sync()")
    alice.until_settled()
    assert alice.queue() == {known: "accepted", forgotten: "accepted"}
    assert field.states(field.task) == ["300", "600"]
    assert alice.task(field.task)["state"]["code"] == "600"


async def forget(database: TestDatabase, transition: UUID) -> None:
    """As if the backup had been taken before it."""
    async with owning(database.owner) as owner:
        await owner.connection.execute("DELETE FROM transition WHERE id = $1", transition)


def test_content_stays_readable_while_it_is_pulled_anew(
    alice: Tab, field: Field, gate: Gate
) -> None:
    field.restore_backup()
    gate.trap(FIRST_PULL).arm(cut)
    alice.run("await engine.sync()")
    gate.cut()
    assert alice.run(COUNT) == 1
    assert alice.task(field.task) is not None
    gate.listen()
    alice.run("await engine.sync()")
    assert alice.run(COUNT) == 1


def test_a_reassigned_task_leaves_and_what_was_done_before_is_accepted(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    recorded = alice.record(field.task, "600")
    alice.page.context.clock.fast_forward(10_000)
    field.reassign(field.task, field.world.bob, datetime.now(UTC) + timedelta(hours=1))
    gate.listen()
    alice.until_settled()
    alice.run("await engine.sync()")
    assert alice.task(field.task) is None
    [entry] = alice.run("return engine.queue()")
    assert (entry["id"], entry["status"]) == (recorded, "accepted")
    assert entry["taskTitle"] == "Secret de north"


def test_what_is_done_on_a_task_that_was_somebody_elses_by_then_is_refused_and_shown(
    alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    field.reassign(field.task, field.world.bob, datetime.now(UTC) - timedelta(hours=1))
    recorded = alice.record(field.task, "600")
    gate.listen()
    alice.settle()
    [entry] = alice.run("return engine.queue()")
    assert (entry["id"], entry["status"], entry["reason"]) == (recorded, "refused", "no_authority")
    alice.until("engine.status.refused === 1")


def test_a_refused_step_does_not_move_the_task(alice: Tab, field: Field, gate: Gate) -> None:
    gate.cut()
    turns = (field.world.bob, datetime.now(UTC) - timedelta(hours=1))
    field.reassign(field.task, *turns)
    alice.record(field.task, "600")
    field.reassign(field.task, field.world.alice, datetime.now(UTC) + timedelta(minutes=5))
    gate.listen()
    alice.settle()
    alice.run("await engine.sync()")
    page = alice.task(field.task)
    assert (page["state"]["code"], page["refused"], page["pending"]) == ("100", 1, 0)
    assert [step["mine"] for step in page["history"]] == ["refused"]


def test_a_task_that_leaves_while_the_technician_is_telling_of_it_is_still_told_of(
    alice: Tab, field: Field
) -> None:
    field.reassign(field.task, field.world.bob)
    alice.run("await engine.sync()")
    assert alice.task(field.task) is None
    recorded = alice.record(field.task, "600")
    alice.settle()
    assert alice.queue()[recorded] in {"accepted", "refused"}


def test_an_address_captured_offline_shows_at_once_until_the_server_knows_better(
    alice: Tab, field: Field, gate: Gate
) -> None:
    customer = field.do(lambda world: world.customer(name="Jean Roy"))
    task = field.new_task(customer=customer)
    twin = field.new_task(customer=customer, title="Deuxième visite")
    alice.run("await engine.sync()")
    assert alice.task(task)["emailMissing"] is True
    gate.cut()
    alice.record(task, "600", email=" jean@example.org ")
    for key in (task, twin):
        page = alice.task(key)
        assert (page["customer"]["email"], page["emailMissing"]) == ("jean@example.org", False)
    gate.listen()
    alice.settle()
    alice.run("await engine.sync()")
    page = alice.task(twin)
    assert (page["customer"]["email"], page["customer"]["captured"]) == ("jean@example.org", False)


def test_who_will_be_asked_is_known_offline(alice: Tab, field: Field, gate: Gate) -> None:
    campaign = field.campaign(
        primary=AddressField.CUSTOMER,
        secondary=AddressField.LOCATION,
        opt_out_allowed=True,
        delay="00:12:00",
        mute="07:00:00",
    )
    location = field.do(lambda world: world.location(email="lieu@example.org"))
    customer = field.do(lambda world: world.customer(name="Jean Roy"))
    task = field.new_task(customer=customer, location=location)
    alice.run("await engine.sync()")
    gate.cut()
    asks = "const [task, state, email] = given; return engine.asks(task, state, email)"
    expected = {
        "campaign": str(campaign),
        "name": "Satisfaction",
        "address": "lieu@example.org",
        "whose": "location",
        "mayUntick": True,
        "delay": "00:12:00",
        "delayIn": "elapsed",
        "mute": "07:00:00",
        "already": None,
        "unsure": False,
        "sampled": False,
    }
    assert alice.run(asks, [str(task), "600", None]) == [expected]
    typed = {"address": "jean@example.org", "whose": "customer"}
    assert alice.run(asks, [str(task), "600", "jean@example.org"]) == [expected | typed]
    assert alice.run(asks, [str(task), "300", None]) == []
    alice.record(task, "600")
    [after] = alice.run(asks, [str(task), "610", None])
    assert after["already"] == "step"


def test_a_round_that_was_opened_while_the_phone_was_away_asks_again(
    alice: Tab, field: Field, gate: Gate
) -> None:
    """From the next pull on, by moments: a step that waited meanwhile was of the round before."""
    field.campaign(opt_out_allowed=True)
    task = field.new_task(customer=field.do(lambda world: world.customer(name="Jean Roy")))
    alice.run("await engine.sync()")

    def already(state: str) -> bool:
        [ask] = alice.run("return engine.asks(...given)", [str(task), state])
        return bool(ask["already"])

    for number in (2, 3):
        gate.cut()
        assert already("600") is False
        alice.record(task, "600")
        assert already("610") is True
        field.open_round(task, number)
        assert already("610") is True
        gate.listen()
        alice.settle()
        alice.run("await engine.sync()")
        assert already("610") is False
        # More than the way to the server may differ by, with which a clock is corrected.
        alice.page.context.clock.fast_forward(5_000)
    gate.cut()
    assert already("610") is False


def test_what_was_sent_by_hand_is_known_until_the_next_round(
    alice: Tab, field: Field, gate: Gate
) -> None:
    sent = field.campaign()
    other = field.campaign()
    task = field.new_task()
    alice.run("await engine.sync()")
    alice.record(task, "300")
    alice.settle()
    field.send_by_hand(task, sent)
    asks = "return (await engine.asks(given, '600')).map((one) => [one.campaign, one.already])"
    alice.run("await engine.sync()")
    gate.cut()
    assert dict(alice.run(asks, str(task))) == {str(sent): "hand", str(other): None}
    gate.listen()
    field.open_round(task, 2)
    alice.run("await engine.sync()")
    assert dict(alice.run(asks, str(task))) == {str(sent): None, str(other): None}


def test_who_meets_the_criteria_is_known_offline_as_task_and_customer_are(
    alice: Tab, field: Field, gate: Gate
) -> None:
    """Units with those below them; and a step that is due after the period asks nobody."""
    world = field.world
    kind = field.do(lambda world: world.task_type("Ramonage"))
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    criteria = CriteriaNamed(
        units=[world.region],
        account_managers=[world.dispatcher],
        channels=["phone"],
        customer_tags=["école"],
    )
    rules = [Trigger([kind], ["600"])]
    campaign = field.campaign(rules=rules, criteria=criteria, sample_percent=50)
    field.campaign(rules=rules, last_day=yesterday)
    customer = field.do(lambda world: world.customer(email="a@example.org", tags=["école"]))
    facts = {"type": kind, "account_manager": world.dispatcher, "channel": "phone"}
    task = field.new_task(**facts, customer=customer)
    other = field.new_task(**facts)
    alice.run("await engine.sync()")
    gate.cut()
    asks = "return engine.asks(given, '600')"
    [ask] = alice.run(asks, str(task))
    assert (ask["campaign"], ask["sampled"]) == (str(campaign), True)
    assert alice.run(asks, str(other)) == []


def test_a_clock_that_is_wrong_or_steps_back_keeps_the_order_of_what_was_done(
    phone: Phone, alice: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    states = ["200", "300", "600", "610"]
    now = datetime.now(UTC)
    for state, clock in zip(states, (now, now + YEAR, now - YEAR, now), strict=True):
        phone.context.clock.set_system_time(clock)
        alice.record(field.task, state)
        assert alice.task(field.task)["state"]["code"] == state
    shown = [step["state"]["code"] for step in alice.task(field.task)["history"]]
    assert shown == states
    gate.listen()
    alice.settle()
    assert field.states(field.task) == states


def test_a_clock_a_year_behind_still_shows_and_keeps_the_newest_as_the_newest(
    phone: Phone, field: Field, gate: Gate, code: Callable[[UUID], str]
) -> None:
    phone.context.clock.set_system_time(datetime.now(UTC) - YEAR)
    tab = phone.tab()
    tab.enrol(code(field.world.alice))
    tab.record(field.task, "300")
    tab.settle()
    tab.run("await engine.sync()")
    assert abs(tab.status["skew"] - YEAR / timedelta(milliseconds=1)) < 120_000
    gate.cut()
    tab.record(field.task, "600")
    page = tab.task(field.task)
    assert [step["state"]["code"] for step in page["history"]] == ["300", "600"]
    assert page["state"]["code"] == "600"
    gate.listen()
    tab.settle()
    assert field.states(field.task) == ["300", "600"]


def test_the_office_and_the_phone_agree_on_a_task_that_both_moved(
    alice: Tab, field: Field, office: Office, gate: Gate
) -> None:
    gate.cut()
    alice.record(field.task, "600")

    async def told_by_another_phone(world: object) -> None:
        device = await office.world.device(office.world.alice)
        moment = datetime.now(UTC) - timedelta(hours=1)
        await office.world.push(device, office.world.item(field.task, "300", moment))

    field.do(told_by_another_phone)
    gate.listen()
    alice.settle()
    alice.run("await engine.sync()")
    page = alice.task(field.task)
    assert [step["state"]["code"] for step in page["history"]] == ["300", "600"]
    assert page["state"]["code"] == "600"
    assert field.states(field.task) == ["300", "600"]
