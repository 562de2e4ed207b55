"""What apps really send, by kind: each through the plain push, RxDB's and WatermelonDB's shape."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from sync.ids import new_id
from sync.records.shapes import AssignmentPut, TaskPut
from tests.protocol.apps import CLOCK, House, Phone, housed, milliseconds, written
from tests.support.databases import TestDatabase
from tests.support.world import LONG_AGO

Told = tuple[str, str, str | None]
Send = Callable[..., list[Told]]


@pytest.fixture(scope="module")
def house(template: TestDatabase) -> Iterator[House]:
    """A served Retour."""
    with housed(template) as open_house:
        yield open_house


@pytest.fixture(scope="module")
def phone(house: House) -> Phone:
    """Alice's phone."""
    return house.phone()


@pytest.fixture
def own(house: House) -> Phone:
    """Alice's phone in an account of its own, with one task."""
    return house.phone()


@pytest.fixture
def task(phone: Phone) -> UUID:
    """A task of alice's in which nothing has happened yet."""
    return phone.task()


def plainly(phone: Phone, *items: dict[str, Any]) -> list[Told]:
    """Id, verdict and reason of each, by the plain push."""
    answer = phone.post("push", {"device_now": CLOCK, "transitions": items})
    return [(one["id"], one["verdict"], one.get("reason")) for one in answer["results"]]


def by_rxdb(phone: Phone, *items: dict[str, Any]) -> list[Told]:
    """The same by RxDB's push."""
    told = phone.post("rxdb/transitions/push", [{"newDocumentState": item} for item in items])
    return [(one["id"], one["status"], one["reason"]) for one in told]


def by_watermelon(phone: Phone, *items: dict[str, Any]) -> list[Told]:
    """The same by WatermelonDB's push."""
    rows = [{**item, "moment": milliseconds(item["moment"])} for item in items]
    changes = {"transitions": {"created": rows, "updated": [], "deleted": []}}
    answer = phone.post("watermelon/push", {"changes": changes, "lastPulledAt": 1})
    return [(one["id"], one["verdict"], one.get("reason")) for one in answer["results"]]


WAYS = pytest.mark.parametrize("send", [plainly, by_rxdb, by_watermelon])


def read(phone: Phone, path: str) -> Any:
    """What a program reads."""
    answer = phone.house.api.client.get(f"/api/v1/{path}", headers=phone.office.program)
    assert answer.status_code == 200, answer.text
    return answer.json()


def facts(phone: Phone, task: UUID) -> list[dict[str, Any]]:
    """The task's transitions as a program reads them."""
    timeline = read(phone, f"tasks/{task}")["timeline"]
    return [entry for entry in timeline if entry["kind"] == "transition"]


# An optional extra vetoes the fact


def nobody(phone: Phone) -> tuple[UUID, UUID]:
    """A task whose customer has no address, and the customer."""
    customer = phone.house.within(phone.office.world.customer)
    return phone.task(customer=customer), customer


@WAYS
@pytest.mark.parametrize("email", ["", "   ", "\u00a0", "\u200b", "\t\r\n", "-", "N/A"])
def test_an_optional_extra_vetoes_the_fact_a_blank_address_is_none(
    phone: Phone, send: Send, email: str
) -> None:
    task, customer = nobody(phone)
    item = written(task, email=email)
    assert send(phone, item) == send(phone, item) == [(item["id"], "accepted", None)]
    assert [fact["email"] for fact in facts(phone, task)] == [None]
    assert read(phone, f"customers/{customer}")["email"] is None


@WAYS
@pytest.mark.parametrize(
    "email",
    [
        "client@exemple,ca",
        "a@exemple.ca, b@exemple.ca",
        "client@exemple.ca\r\nBcc: tous@exemple.ca",
        "il n'en a pas",
        "client@localhost",
        "é" * 500,
    ],
)
def test_an_optional_extra_vetoes_the_fact_a_bad_address_is_flagged_on_it(
    phone: Phone, send: Send, email: str
) -> None:
    task, customer = nobody(phone)
    item = written(task, email=email)
    assert send(phone, item) == send(phone, item) == [(item["id"], "accepted", None)]
    (fact,) = facts(phone, task)
    assert fact["state"] == "600"
    assert (fact["email"][:100], fact["email_usable"]) == (email[:100], False)
    assert len(fact["email"]) <= 320
    assert read(phone, f"customers/{customer}")["email"] is None


@WAYS
def test_a_bad_address_takes_no_good_one_s_place(phone: Phone, send: Send) -> None:
    task, customer = nobody(phone)
    good = written(task, "300", sequence=1, email="client@exemple.ca")
    bad = written(task, "600", sequence=2, email="client@exemple,ca")
    send(phone, good, bad)
    assert [fact["email_usable"] for fact in facts(phone, task)] == [True, False]
    assert read(phone, f"customers/{customer}")["email"] == "client@exemple.ca"


@pytest.mark.parametrize("send", [by_rxdb, by_watermelon])
@pytest.mark.parametrize(
    ("extra", "kept"),
    [
        ({"note": "a\0b"}, {"note": "a\ufffdb"}),
        ({"note": "n" * 4001}, {"note": "n" * 3999 + "…"}),
        ({"note": 5}, {"note": "5"}),
        ({"note": ["a", "b"]}, {"note": '["a","b"]'}),
        ({"email": "a\0@b.ca"}, {"email": "a\ufffd@b.ca", "email_usable": False}),
        ({"email": 5}, {"email": "5", "email_usable": False}),
        ({"survey_reason": "fâché"}, {"survey": True, "survey_reason": None}),
        ({"survey": 0, "survey_reason": "r" * 300}, {"survey_reason": "r" * 199 + "…"}),
        ({"survey": 1}, {"survey": True}),
        ({"sequence": 17.0}, {"sequence": 17}),
    ],
)
def test_what_a_row_says_besides_is_made_to_fit(
    phone: Phone, task: UUID, send: Send, extra: dict[str, Any], kept: dict[str, Any]
) -> None:
    item = written(task, **extra)
    assert send(phone, item) == send(phone, item) == [(item["id"], "accepted", None)]
    (fact,) = facts(phone, task)
    assert kept.items() <= fact.items()


@pytest.mark.parametrize("send", [by_rxdb, by_watermelon])
def test_a_row_that_was_made_to_fit_is_the_same_row_when_it_comes_back(
    own: Phone, send: Send
) -> None:
    extras: dict[str, Any] = {
        "note": "x\0" * 3000,
        "email": " \0" * 400,
        "survey": 0,
        "survey_reason": "r" * 300,
    }
    item = written(own.task(technician=own.office.world.bob), **extras)
    send(own, item)
    own.accept(item["id"])
    (told,) = own.get("rxdb/transitions/pull", limit=10)["documents"]
    sent_back = {name: told[name] for name in item}
    assert sent_back != item
    assert send(own, sent_back) == [(item["id"], "accepted", None)]


# An id echoed in another spelling

SPELLINGS = pytest.mark.parametrize(
    "spell",
    [
        lambda usual: usual.upper(),
        lambda usual: usual.replace("-", ""),
        lambda usual: usual.replace("-", "").upper(),
        lambda usual: usual[:18].upper() + usual[18:],
    ],
    ids=["upper", "bare", "bare-upper", "mixed"],
)


@WAYS
@SPELLINGS
def test_an_id_echoed_in_another_spelling_is_answered_as_sent_and_kept_once(
    phone: Phone, task: UUID, send: Send, spell: Callable[[str], str]
) -> None:
    usual = str(new_id())
    item = written(spell(str(task)), id=spell(usual))
    assert send(phone, item) == [(spell(usual), "accepted", None)]
    for again in (spell(usual), usual, usual.upper()):
        assert send(phone, {**item, "id": again}) == [(again, "accepted", None)]
    assert [fact["id"] for fact in facts(phone, task)] == [usual]


@WAYS
@SPELLINGS
def test_an_id_echoed_in_another_spelling_the_feed_says_it_as_it_was_sent(
    own: Phone, send: Send, spell: Callable[[str], str]
) -> None:
    task, usual = new_id(), str(new_id())
    item = written(task, id=spell(usual))
    assert send(own, item) == [(spell(usual), "parked", None)]
    own.create(task_of(own, task))
    documents = own.get("rxdb/transitions/pull", limit=10)["documents"]
    assert [(one["id"], one["status"]) for one in documents] == [(spell(usual), "accepted")]
    rows = own.get("watermelon/pull")["changes"]["transitions"]["updated"]
    assert [(one["id"], one["status"]) for one in rows] == [(spell(usual), "accepted")]
    changes = [one for one in own.get("pull")["changes"] if one["kind"] == "verdict"]
    assert [(one["id"], one["verdict"]) for one in changes] == [(spell(usual), "accepted")]


def task_of(phone: Phone, task: UUID) -> TaskPut:
    """A task of alice's that is to be created."""
    world = phone.office.world
    return TaskPut(
        id=task,
        type=world.service_call,
        state="100",
        title="x",
        unit=world.site,
        created_at=LONG_AGO,
        assignments=[AssignmentPut(technician=world.alice, start=LONG_AGO)],
    )


@WAYS
def test_two_spellings_of_one_id_in_one_batch_are_one_transition(
    phone: Phone, task: UUID, send: Send
) -> None:
    item = written(task)
    other = {**item, "id": item["id"].upper()}
    assert send(phone, item, other) == [
        (item["id"], "accepted", None),
        (other["id"], "duplicate", None),
    ]


@pytest.mark.parametrize("send", [by_rxdb, by_watermelon])
@pytest.mark.parametrize("form", ["{%s}", "urn:uuid:%s", " %s", "%s\n", "x%s"])
def test_what_is_no_spelling_of_a_uuid_is_refused_as_sent(
    phone: Phone, task: UUID, send: Send, form: str
) -> None:
    item = written(task, id=form % new_id())
    assert send(phone, item) == [(item["id"], "refused", "malformed")]


# One word for two things


@WAYS
def test_one_word_for_two_things_the_same_id_twice_in_a_batch_is_a_duplicate(
    phone: Phone, task: UUID, send: Send
) -> None:
    item = written(task)
    verdicts = [verdict for _, verdict, _ in send(phone, item, item, {**item, "note": "autre"})]
    assert verdicts == ["accepted", "duplicate", "refused"]
    assert len(facts(phone, task)) == 1


# Parameters that libraries always send


def test_parameters_that_libraries_always_send_are_ignored_by_watermelondb_s_pull(
    phone: Phone,
) -> None:
    everything = phone.get("watermelon/pull")
    for empty in ("", "null", "undefined", "0"):
        query = {"last_pulled_at": empty, "schema_version": "1", "migration": "null"}
        assert phone.get("watermelon/pull", **query, cursor="undefined") == everything
    query |= {"last_pulled_at": str(everything["timestamp"]), "turbo": ""}
    answer = phone.get("watermelon/pull", **query, cursor=everything["cursor"])
    assert "experimentalStrategy" not in answer
    assert not any(table["updated"] for table in answer["changes"].values())


def test_an_app_that_migrates_its_tables_is_told_everything(phone: Phone) -> None:
    everything = phone.get("watermelon/pull")
    migration = '{"from":1,"tables":[],"columns":[{"table":"tasks","columns":["channel"]}]}'
    query = {"last_pulled_at": everything["timestamp"], "migration": migration}
    assert phone.get("watermelon/pull", **query) == everything


def test_parameters_that_libraries_always_send_are_ignored_by_rxdb_s_pull(phone: Phone) -> None:
    first = phone.get("rxdb/tasks/pull", limit=10)
    for empty in ("", "null", "undefined"):
        query = {"updatedAt": empty, "id": "", "batchSize": 10, "limit": 10, "cursor": empty}
        assert phone.get("rxdb/tasks/pull", **query) == first
    assert "resync" not in first


@pytest.mark.parametrize("path", ["rxdb/transitions/push", "watermelon/push"])
def test_parameters_that_libraries_always_send_are_ignored_by_a_push(
    phone: Phone, path: str
) -> None:
    answer = phone.house.api.client.post(
        f"/api/v1/sync/{path}",
        params={"device_now": CLOCK, "schema_version": "1", "last_pulled_at": "", "a": ["1", "2"]},
        json=[] if path.startswith("rxdb") else {"changes": {}, "lastPulledAt": None},
        headers=phone.office.device,
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("clock", ["2026-06-01T12:00:00+02:00", "2026-06-01T12:00:00-0400"])
@pytest.mark.parametrize("path", ["rxdb/transitions/push", "watermelon/push"])
def test_a_clock_whose_plus_was_not_encoded_is_read(phone: Phone, path: str, clock: str) -> None:
    body: Any = [] if path.startswith("rxdb") else {"changes": {}}
    client, headers = phone.house.api.client, phone.office.device
    answer = client.post(f"/api/v1/sync/{path}?device_now={clock}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("clock", ["", "now", "2026-06-01T12:00:00", "0001-01-01T00:00:00Z"])
def test_a_push_without_a_clock_is_an_error_that_says_so(phone: Phone, clock: str) -> None:
    client, headers = phone.house.api.client, phone.office.device
    path = f"/api/v1/sync/rxdb/transitions/push?device_now={clock}"
    answer = client.post(path, json=[], headers=headers)
    assert answer.status_code == 400
    assert "device_now" in answer.text


@pytest.mark.parametrize("number", [None, "", "null", 1.5, -1, 2**60])
def test_the_number_beside_pushed_rows_plays_no_part(phone: Phone, number: Any) -> None:
    answer = phone.post("watermelon/push", {"changes": {}, "lastPulledAt": number})
    assert answer["results"] == []


def test_a_parameter_that_is_needed_and_wrong_is_still_an_error(phone: Phone) -> None:
    client, headers = phone.house.api.client, phone.office.device
    for path in (
        "rxdb/tasks/pull?limit=",
        "rxdb/tasks/pull?limit=0",
        "rxdb/tasks/pull?limit=1&limit=2",
        "watermelon/pull?last_pulled_at=-1",
        "watermelon/pull?last_pulled_at=x",
    ):
        assert client.get(f"/api/v1/sync/{path}", headers=headers).status_code == 400, path


# One bad item blocks a queue for ever


@pytest.mark.parametrize("bad", [{"id": None}, {"id": 5}], ids=("no id", "number"))
@pytest.mark.parametrize("send", [by_rxdb, by_watermelon])
def test_one_bad_item_blocks_a_queue_for_ever_not_even_without_an_id(
    phone: Phone, task: UUID, send: Send, bad: dict[str, Any]
) -> None:
    good = [written(task, code) for code in ("200", "300")]
    item = {**written(task), **bad}
    assert [one[1:] for one in send(phone, good[0], item, good[1])] == [
        ("accepted", None),
        ("refused", "malformed"),
        ("accepted", None),
    ]


@WAYS
@pytest.mark.parametrize(
    ("note", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("x" * 4001, "x" * 3999 + "\u2026"),
        (5, "5"),
        ({"text": "quoi"}, '{"text":"quoi"}'),
    ],
    ids=("nul", "long", "number", "object"),
)
def test_one_bad_item_blocks_a_queue_for_ever_a_bad_note_costs_no_step(
    phone: Phone, task: UUID, send: Send, note: Any, kept: str
) -> None:
    items = [written(task, "200"), written(task, "300", note=note), written(task)]
    assert [one[1:] for one in send(phone, *items)] == [("accepted", None)] * 3
    assert [one[1:] for one in send(phone, *items)] == [("accepted", None)] * 3
    notes = [fact["note"] for fact in facts(phone, task) if fact["state"] == "300"]
    assert notes == [kept]


@pytest.mark.parametrize("path", ["push", "rxdb/transitions/push", "watermelon/push"])
@pytest.mark.parametrize(
    ("note", "kept"),
    [
        (r'"half \ud83d"', ["half ?"]),
        ("[" * 40 + "]" * 40, None),
        ("[" * 4000 + "]" * 4000, None),
        ('{"a":' * 4000 + '"]}"' + "}" * 4000, None),
    ],
    ids=("half a letter", "40 deep", "4000 deep", "4000 deep with brackets in a text"),
)
def test_one_bad_item_blocks_a_queue_for_ever_as_it_is_written_on_the_wire(
    phone: Phone, task: UUID, path: str, note: str, kept: list[str] | None
) -> None:
    items = [written(task, "200"), written(task, "300", note="HERE"), written(task)]
    for item in items if path.startswith("watermelon") else ():
        item["moment"] = milliseconds(item["moment"])
    bodies = {
        "push": {"device_now": CLOCK, "transitions": items},
        "rxdb/transitions/push": [{"newDocumentState": item} for item in items],
        "watermelon/push": {"changes": {"transitions": {"created": items}}, "lastPulledAt": 1},
    }
    text = json.dumps(bodies[path]).replace('"HERE"', note)
    answer = phone.send(path, content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    told = facts(phone, task)
    assert [fact["state"] for fact in told] == ["200", "300", "600"]
    if kept is not None:
        assert [fact["note"] for fact in told[1:2]] == kept


@WAYS
@pytest.mark.parametrize(
    "bad",
    [
        {"id": "aBcDeFgHiJkLmNoP"},
        {"task": "x"},
        {"state": "6\0"},
        {"state": "x" * 65},
        {"sequence": 2**63},
        {"sequence": 1.5},
        {"survey": "peut-être"},
        {"moment": "0001-01-01T00:00:00Z"},
    ],
    ids=lambda bad: "{}={}".format(*next(iter(bad.items()))),
)
def test_one_bad_item_blocks_a_queue_for_ever_not_here(
    phone: Phone, task: UUID, send: Send, bad: dict[str, Any]
) -> None:
    good = [written(task, code) for code in ("200", "300")]
    item = {**written(task), **bad}
    assert [one[1:] for one in send(phone, good[0], item, good[1])] == [
        ("accepted", None),
        ("refused", "malformed"),
        ("accepted", None),
    ]
