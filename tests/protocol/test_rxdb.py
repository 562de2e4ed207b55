"""RxDB's replication over HTTP: pages, verdicts as documents, and starting again."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from sync.ids import new_id
from sync.records.shapes import AssignmentPut, TaskPut
from tests.protocol.apps import House, Phone, housed, written
from tests.support.databases import TestDatabase
from tests.support.world import LONG_AGO, STATES


@pytest.fixture(scope="module")
def house(template: TestDatabase) -> Iterator[House]:
    """A served Retour."""
    with housed(template) as open_house:
        yield open_house


@pytest.fixture
def phone(house: House) -> Phone:
    """Alice's phone in an account of its own, with one task."""
    return house.phone()


def pull(phone: Phone, collection: str, cursor: str = "", limit: int = 100) -> dict[str, Any]:
    """A page."""
    page: dict[str, Any] = phone.get(f"rxdb/{collection}/pull", limit=limit, cursor=cursor)
    return page


def push(phone: Phone, *documents: dict[str, Any]) -> list[dict[str, Any]]:
    """The conflicts that come back."""
    rows = [{"newDocumentState": {"_deleted": False, **document}} for document in documents]
    conflicts: list[dict[str, Any]] = phone.post("rxdb/transitions/push", rows)
    return conflicts


def verdicts(conflicts: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    """Status and reason of each."""
    return [(document["status"], document["reason"]) for document in conflicts]


# Pulling


def test_every_collection_holds_what_alices_task_needs(phone: Phone) -> None:
    (task,) = pull(phone, "tasks")["documents"]
    assert (task["id"], task["state"], task["_deleted"]) == (str(phone.office.task), "100", False)
    assert (task["tags"], task["history"], task["scheduled_at"]) == ([], [], None)
    (customer,) = pull(phone, "customers")["documents"]
    assert customer["id"] == task["customer"]
    (kind,) = pull(phone, "task_types")["documents"]
    assert (kind["id"], kind["flow"]) == (task["type"], {})
    states = {state["id"]: state["state_kind"] for state in pull(phone, "task_states")["documents"]}
    assert states == {code: kind for code, (_, kind) in STATES.items()}
    assert pull(phone, "locations")["documents"] == pull(phone, "transitions")["documents"] == []


def test_pages_of_one_collection_are_full_until_the_last(phone: Phone) -> None:
    tasks = {str(phone.office.task)}
    for _ in range(4):  # customers stand between them in the feed
        customer = phone.house.within(phone.office.world.customer)
        tasks.add(str(phone.task(customer=customer)))
    page = pull(phone, "tasks", limit=2)
    pages = [page]
    while len(page["documents"]) == 2:
        page = pull(phone, "tasks", page["checkpoint"]["cursor"], limit=2)
        pages.append(page)
    assert [len(page["documents"]) for page in pages] == [2, 2, 1]
    assert {document["id"] for page in pages for document in page["documents"]} == tasks


def test_a_task_that_leaves_comes_as_a_deleted_document(phone: Phone) -> None:
    page = pull(phone, "tasks")
    phone.hand(phone.office.task, phone.office.world.bob)
    gone = pull(phone, "tasks", page["checkpoint"]["cursor"])
    assert gone["documents"] == [{"id": str(phone.office.task), "_deleted": True}]
    again = pull(phone, "tasks", gone["checkpoint"]["cursor"])
    assert again["documents"] == []


def test_an_unknown_collection_and_a_push_of_tasks_do_not_exist(phone: Phone) -> None:
    client, headers = phone.house.api.client, phone.office.device
    unknown = client.get("/api/v1/sync/rxdb/invoices/pull?limit=1", headers=headers)
    assert unknown.status_code == 404
    assert phone.send("rxdb/tasks/push", json=[]).status_code in {404, 405}


def test_only_a_device_comes_in(phone: Phone) -> None:
    client = phone.house.api.client
    for headers in ({}, phone.office.program):
        pulled = client.get("/api/v1/sync/rxdb/tasks/pull?limit=1", headers=headers)
        path = "/api/v1/sync/rxdb/transitions/push?device_now=2026-06-01T12:00:00Z"
        pushed = client.post(path, json=[], headers=headers)
        assert (pulled.status_code, pushed.status_code) == (401, 401)


# Pushing


def test_each_transition_comes_back_once_with_its_verdict(phone: Phone) -> None:
    document = written(phone.office.task, note="Vanne changée", own_photo="file:///1.jpg")
    phone.house.api.rung.clear()
    told = push(phone, document)
    assert told == [{**document, "_deleted": False, "status": "accepted", "reason": None}]
    assert phone.house.api.rung == ["plan"]
    assert push(phone, *told) == []
    assert push(phone, document) == told
    assert phone.house.api.rung == ["plan"]
    (task,) = pull(phone, "tasks")["documents"]
    assert (task["state"], task["history"][0]["note"]) == ("600", "Vanne changée")


def test_refusals_are_documents_too(phone: Phone) -> None:
    theirs = phone.task(technician=phone.office.world.bob)
    first = written(phone.office.task, "300")
    told = push(
        phone,
        first,
        written(phone.office.task, "999"),
        written(theirs),
        written(new_id()),
        {**first, "note": "autre chose"},
    )
    assert verdicts(told) == [
        ("accepted", None),
        ("refused", "unknown_state"),
        ("refused", "no_authority"),
        ("parked", None),
        ("refused", "id_reused"),
    ]


@pytest.mark.parametrize(
    "poison",
    [
        {"moment": "2026-06-01T11:00:00"},
        {"moment": None},
        {"state": 600},
        {"sequence": -1},
        {"id": "not-a-uuid"},
        {"survey": "peut-être"},
    ],
    ids=lambda poison: next(iter(poison)),
)
def test_a_poisoned_document_holds_up_no_other(phone: Phone, poison: dict[str, Any]) -> None:
    bad = written(phone.office.task, **poison)
    good = [written(phone.office.task, code) for code in ("200", "300")]
    told = push(phone, good[0], bad, good[1])
    assert verdicts(told) == [("accepted", None), ("refused", "malformed"), ("accepted", None)]
    assert [one["id"] for one in told] == [good[0]["id"], bad["id"], good[1]["id"]]
    assert push(phone, *told) == []


def test_a_note_cut_in_the_middle_of_a_letter_is_kept(phone: Phone) -> None:
    document = written(phone.office.task)
    cut = b'[{"newDocumentState": {"note": "Vu \\ud83d\\ude00 \\ud83d", %s}}]' % ", ".join(
        f'"{name}": "{value}"' if isinstance(value, str) else f'"{name}": {value}'
        for name, value in document.items()
    ).encode("ascii")
    answer = phone.send(
        "rxdb/transitions/push", content=cut, headers={"Content-Type": "application/json"}
    )
    assert verdicts(answer.json()) == [("accepted", None)]
    assert pull(phone, "tasks")["documents"][0]["history"][0]["note"] == "Vu 😀 ?"


def test_what_no_answer_could_say_again_is_not_read(phone: Phone) -> None:
    document = {**written(phone.office.task), "photo": msgspec.msgpack.Ext(5, b"...")}
    answer = phone.send(
        "rxdb/transitions/push",
        content=msgspec.msgpack.encode([{"newDocumentState": document}]),
        headers={"Content-Type": "application/msgpack", "Accept": "application/json"},
    )
    assert answer.status_code == 400


def test_more_documents_than_one_push_may_carry_are_taken_in_all_the_same(phone: Phone) -> None:
    documents = [written(phone.office.task, "300", sequence=n) for n in range(501)]
    assert verdicts(push(phone, *documents)) == [("accepted", None)] * 501


def test_empty_texts_are_none_and_a_missing_survey_is_one(phone: Phone) -> None:
    document = written(phone.office.task, note="", email="", survey_reason=None, survey=None)
    assert verdicts(push(phone, document)) == [("accepted", None)]
    (step,) = pull(phone, "tasks")["documents"][0]["history"]
    assert (step["note"], step["survey"]) == (None, True)


def test_a_second_device_of_the_technician_is_told_that_it_is_known(phone: Phone) -> None:
    other = phone.house.within(lambda: phone.office.world.enrolled(phone.office.world.alice))[1]
    document = written(phone.office.task)
    push(phone, document)
    answers = []
    for known in ({}, {"status": "duplicate", "reason": None}):
        answer = httpx.post(
            f"{phone.house.api.base_url}/api/v1/sync/rxdb/transitions/push",
            params={"device_now": "2026-06-01T12:00:00Z"},
            json=[{"newDocumentState": {**document, **known}}],
            headers={"Authorization": f"Bearer rtd_{other}"},
        )
        answers.append(verdicts(answer.json()))
    assert answers == [[("duplicate", None)], []]


def test_another_technicians_transition_is_not_told(phone: Phone) -> None:
    other = phone.house.within(lambda: phone.office.world.enrolled(phone.office.world.bob))[1]
    document = written(phone.office.task, note="secret")
    push(phone, document)
    rows = [{"newDocumentState": written(phone.office.task, id=document["id"])}]
    rows.append({"newDocumentState": {"id": document["id"], "_deleted": True}})
    answer = httpx.post(
        f"{phone.house.api.base_url}/api/v1/sync/rxdb/transitions/push",
        params={"device_now": "2026-06-01T12:00:00Z"},
        json=rows,
        headers={"Authorization": f"Bearer rtd_{other}"},
    )
    assert verdicts(answer.json()) == [("refused", "id_reused")]
    assert "secret" not in answer.text


# Deleting


def test_what_was_taken_back_before_it_was_sent_never_happened(phone: Phone) -> None:
    document = written(phone.office.task)
    assert push(phone, {**document, "_deleted": True}, {"id": "no uuid", "_deleted": True}) == []
    assert pull(phone, "tasks")["documents"][0]["state"] == "100"


def test_a_fact_that_the_device_did_not_know_of_comes_back(phone: Phone) -> None:
    document = written(phone.office.task)
    (told,) = push(phone, document)
    assert push(phone, {**document, "_deleted": True}) == [told]


def test_a_settled_document_may_be_forgotten(phone: Phone) -> None:
    (told,) = push(phone, written(phone.office.task))
    assert push(phone, {**told, "_deleted": True}) == []
    assert pull(phone, "tasks")["documents"][0]["state"] == "600"


# Verdicts that change


def test_a_parked_transition_is_settled_by_a_later_pull(phone: Phone) -> None:
    world, task = phone.office.world, new_id()
    document = written(task, note="En avance", survey=False, survey_reason="urgence")
    (told,) = push(phone, document)
    assert (told["status"], pull(phone, "transitions")["documents"]) == ("parked", [])
    turn = AssignmentPut(technician=world.alice, start=LONG_AGO)
    entry = TaskPut(
        id=task,
        type=world.service_call,
        state="100",
        title="x",
        unit=world.site,
        created_at=LONG_AGO,
        assignments=[turn],
    )
    phone.create(entry)
    (settled,) = pull(phone, "transitions")["documents"]
    assert settled == {
        **document,
        "moment": settled["moment"],
        "email": None,
        "status": "accepted",
        "reason": None,
        "_deleted": False,
    }
    assert push(phone, {**settled, "status": "parked"}) == [settled]


def test_a_refusal_that_a_dispatcher_accepts_is_told(phone: Phone) -> None:
    document = written(phone.task(technician=phone.office.world.bob))
    (told,) = push(phone, document)
    checkpoint = pull(phone, "transitions")["checkpoint"]
    phone.accept(document["id"])
    (settled,) = pull(phone, "transitions", checkpoint["cursor"])["documents"]
    assert (settled["id"], settled["status"], settled["reason"]) == (told["id"], "accepted", None)


# The stream


def test_the_stream_says_resync_at_once_and_when_something_changed(phone: Phone) -> None:
    path = "/api/v1/sync/rxdb/tasks/stream"
    with phone.house.api.client.stream("GET", path, headers=phone.office.device) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line.startswith("data:"))
        assert next(lines) == 'data: "RESYNC"'
        phone.task()
        assert next(lines) == 'data: "RESYNC"'


def test_a_stream_of_nothing_does_not_exist(phone: Phone) -> None:
    path = "/api/v1/sync/rxdb/invoices/stream"
    answer = phone.house.api.client.get(path, headers=phone.office.device)
    assert answer.status_code == 404


# Starting again


def test_a_checkpoint_of_nobody_starts_again_and_disturbs_nobody(phone: Phone) -> None:
    page = pull(phone, "tasks", "x" * 43)
    assert (page["resync"], len(page["documents"])) == (True, 1)
    assert phone.head()[0] == 1
    assert "resync" not in pull(phone, "tasks", page["checkpoint"]["cursor"])


def test_after_a_restore_every_collection_starts_again_and_what_was_queued_is_taken_in(
    phone: Phone,
) -> None:
    _, backup = phone.head()
    phone.task(customer=phone.office.customer)
    cursors = {name: pull(phone, name)["checkpoint"]["cursor"] for name in ("tasks", "task_states")}
    phone.restore(backup)
    pages = {name: pull(phone, name, cursor) for name, cursor in cursors.items()}
    assert [page["resync"] for page in pages.values()] == [True, True]
    assert phone.head()[0] == 2
    assert len(pages["task_states"]["documents"]) == len(STATES)
    assert verdicts(push(phone, written(phone.office.task))) == [("accepted", None)]
    later = pull(phone, "tasks", pages["tasks"]["checkpoint"]["cursor"])
    assert [task["state"] for task in later["documents"]] == ["600"]
