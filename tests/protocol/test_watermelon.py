"""WatermelonDB's sync over HTTP: one number, everything since, and rows that may not leave yet."""

from collections.abc import Iterator
from typing import Any

import pytest

from sync.ids import new_id
from tests.protocol.apps import MOMENT, House, Phone, housed, milliseconds, written
from tests.support.databases import TestDatabase
from tests.support.world import STATES

TABLES = {"tasks", "customers", "locations", "task_types", "states", "transitions"}
EPOCH = 2**40


@pytest.fixture(scope="module")
def house(template: TestDatabase) -> Iterator[House]:
    """A served Retour."""
    with housed(template) as open_house:
        yield open_house


@pytest.fixture
def phone(house: House) -> Phone:
    """Alice's phone in an account of its own, with one task."""
    return house.phone()


def pull(phone: Phone, number: int = 0) -> dict[str, Any]:
    """Everything since `number`."""
    answer: dict[str, Any] = phone.get("watermelon/pull", last_pulled_at=number)
    return answer


def push(phone: Phone, *rows: dict[str, Any], **tables: Any) -> dict[str, Any]:
    """The answer to created transitions and to what changed in other `tables`."""
    created = {"created": list(rows), "updated": [], "deleted": []}
    body = {"changes": {"transitions": created, **tables}, "lastPulledAt": EPOCH}
    answer: dict[str, Any] = phone.post("watermelon/push", body)
    return answer


def row(task: object, state: str = "600", **fields: Any) -> dict[str, Any]:
    """A transition as WatermelonDB has it in its queue."""
    usual = {"moment": milliseconds(MOMENT), "_status": "created", "_changed": ""}
    nothing = {"note": None, "email": "", "survey_reason": None, "status": None, "reason": None}
    return written(str(task), state, **{**usual, **nothing, **fields})


def ids(answer: dict[str, Any], table: str) -> set[str]:
    """The rows of a table that are there."""
    return {one["id"] for one in answer["changes"][table]["updated"]}


# Pulling


def test_the_first_pull_brings_everything_in_columns_that_the_library_can_hold(
    phone: Phone,
) -> None:
    answer = pull(phone)
    assert set(answer["changes"]) == TABLES
    assert ids(answer, "states") == set(STATES)
    (task,) = answer["changes"]["tasks"]["updated"]
    assert (task["id"], task["tags"], task["history"]) == (str(phone.office.task), "[]", "[]")
    assert task["created_at"] == milliseconds("2009-01-01T00:00:00Z")
    epoch, position = phone.head()
    assert answer["timestamp"] == epoch * EPOCH + position
    for table in answer["changes"].values():
        assert table["created"] == []
        for one in table["updated"]:
            assert {type(value) for value in one.values()} <= {str, int, bool, type(None)}


def test_everything_since_the_number_comes_and_nothing_else(phone: Phone) -> None:
    number = pull(phone)["timestamp"]
    again = pull(phone, number)
    assert "experimentalStrategy" not in again
    assert not any(table["updated"] or table["deleted"] for table in again["changes"].values())
    task = phone.task()
    phone.hand(phone.office.task, phone.office.world.bob)
    later = pull(phone, number)
    assert ids(later, "tasks") == {str(task)}
    assert later["changes"]["tasks"]["deleted"] == [str(phone.office.task)]
    assert later["changes"]["customers"]["deleted"] == [str(phone.office.customer)]


# Pushing


def test_a_transition_may_leave_the_queue_when_it_is_accepted(phone: Phone) -> None:
    queued = row(phone.office.task, note="Vanne changée")
    phone.house.api.rung.clear()
    for _ in range(2):
        answer = push(phone, queued)
        assert answer["results"] == [{"id": queued["id"], "verdict": "accepted"}]
        assert answer["experimentalRejectedIds"] == {}
    assert phone.house.api.rung == ["plan"]
    (task,) = pull(phone)["changes"]["tasks"]["updated"]
    assert task["state"] == "600"
    assert task["state_moment"] <= milliseconds("2100-01-01T00:00:00Z")


def test_what_is_refused_or_waits_stays_queued_until_the_row_says_so(phone: Phone) -> None:
    theirs = phone.task(technician=phone.office.world.bob)
    refused, parked = row(theirs), row(new_id())
    answer = push(phone, refused, parked)
    assert answer["results"] == [
        {"id": refused["id"], "verdict": "refused", "reason": "no_authority"},
        {"id": parked["id"], "verdict": "parked"},
    ]
    assert answer["experimentalRejectedIds"] == {"transitions": [refused["id"], parked["id"]]}
    knowing = [{**refused, "status": "refused"}, {**parked, "status": "parked"}]
    assert push(phone, *knowing)["experimentalRejectedIds"] == {}


@pytest.mark.parametrize(
    "poison",
    [
        {"moment": None},
        {"moment": "2026-06-01T11:00:00Z"},
        {"moment": 1e17},
        {"moment": -1e300},
        {"id": "aBcDeFgHiJkLmNoP"},
        {"state": ""},
    ],
    ids=lambda poison: "{}={}".format(*next(iter(poison.items()))),
)
def test_a_poisoned_row_holds_up_no_other(phone: Phone, poison: dict[str, Any]) -> None:
    bad, good = row(phone.office.task, **poison), row(phone.office.task)
    answer = push(phone, bad, good)
    assert answer["results"][0] == {
        "id": bad["id"],
        "verdict": "refused",
        "reason": "malformed",
    }
    assert answer["results"][1]["verdict"] == "accepted"
    assert answer["experimentalRejectedIds"] == {"transitions": [bad["id"]]}


def test_more_rows_than_one_push_may_carry_are_taken_in_all_the_same(phone: Phone) -> None:
    rows = [row(phone.office.task, "300", sequence=number) for number in range(501)]
    answer = push(phone, *rows)
    assert {one["verdict"] for one in answer["results"]} == {"accepted"}
    assert [one["id"] for one in answer["results"]] == [one["id"] for one in rows]


def test_what_a_device_changes_elsewhere_is_rejected_and_changes_nothing(phone: Phone) -> None:
    before = pull(phone)
    (task,) = before["changes"]["tasks"]["updated"]
    answer = push(
        phone,
        tasks={"created": [], "updated": [{**task, "title": "x"}], "deleted": ["1"]},
        photos={"created": [{"id": "2"}], "updated": [], "deleted": []},
    )
    assert answer["experimentalRejectedIds"] == {"tasks": [task["id"], "1"], "photos": ["2"]}
    assert pull(phone) == before


def test_forgetting_a_transition_changes_nothing_here(phone: Phone) -> None:
    queued = row(phone.office.task)
    push(phone, queued)
    body = {"transitions": {"created": [], "updated": [], "deleted": [queued["id"]]}}
    answer = phone.post("watermelon/push", {"changes": body, "lastPulledAt": None})
    assert answer == {"results": [], "experimentalRejectedIds": {}}
    assert pull(phone)["changes"]["tasks"]["updated"][0]["state"] == "600"


# Verdicts that change


def test_a_refusal_that_a_dispatcher_accepts_arrives_as_the_whole_row(phone: Phone) -> None:
    queued = row(phone.task(technician=phone.office.world.bob), note="Chez Bob")
    push(phone, queued)
    number = pull(phone)["timestamp"]
    phone.accept(queued["id"])
    (told,) = pull(phone, number)["changes"]["transitions"]["updated"]
    columns = {name: queued[name] for name in ("id", "task", "state", "note", "moment", "sequence")}
    assert told.items() >= columns.items()
    assert (told["status"], told["survey"], told["email"]) == ("accepted", True, None)


# Starting again


@pytest.mark.parametrize("ahead", [1, EPOCH, 2000 * EPOCH])
def test_a_number_ahead_replaces_this_devices_tables_and_disturbs_nobody(
    phone: Phone, ahead: int
) -> None:
    first = pull(phone)
    epoch = phone.head()[0]
    cursor = phone.get("pull")["cursor"]
    answer = pull(phone, first["timestamp"] + ahead)
    assert answer["timestamp"] == first["timestamp"]
    assert answer["changes"] == first["changes"]
    override = answer["experimentalStrategy"]["override"]
    assert override == dict.fromkeys(TABLES - {"transitions"}, "replacement")
    assert answer["experimentalStrategy"]["default"] == "incremental"
    assert phone.head()[0] == epoch
    assert phone.get("pull", cursor=cursor)["changes"] == []


def test_a_cursor_beside_the_number_makes_everybody_start_again_after_a_restore(
    phone: Phone,
) -> None:
    _, backup = phone.head()
    phone.task()
    first = pull(phone)
    phone.restore(backup)
    assert "experimentalStrategy" in pull(phone, first["timestamp"])
    forged = "x" * 43
    for cursor, epoch in ((forged, 1), (first["cursor"], 2), (first["cursor"], 2)):
        query = {"last_pulled_at": first["timestamp"], "cursor": cursor}
        answer = phone.get("watermelon/pull", **query)
        assert ("experimentalStrategy" in answer, phone.head()[0]) == (True, epoch)
    query = {"last_pulled_at": answer["timestamp"], "cursor": answer["cursor"]}
    assert "experimentalStrategy" not in phone.get("watermelon/pull", **query)
    assert ids(answer, "tasks") == {str(phone.office.task)}


def test_a_number_of_an_older_epoch_replaces_too(phone: Phone) -> None:
    _, backup = phone.head()
    phone.task()
    number = pull(phone)["timestamp"]
    cursor = phone.get("pull")["cursor"]
    phone.restore(backup)
    headers = phone.office.device
    plain = phone.house.api.client.get(f"/api/v1/sync/pull?cursor={cursor}", headers=headers)
    assert plain.status_code == 410
    answer = pull(phone, number)
    assert "experimentalStrategy" in answer
    assert answer["timestamp"] // EPOCH == number // EPOCH + 1
    assert "experimentalStrategy" not in pull(phone, answer["timestamp"])


def test_only_a_device_comes_in(phone: Phone) -> None:
    client = phone.house.api.client
    pulled = client.get("/api/v1/sync/watermelon/pull", headers=phone.office.program)
    path = "/api/v1/sync/watermelon/push?device_now=2026-06-01T12:00:00Z"
    pushed = client.post(path, json={"changes": {}}, headers=phone.office.program)
    assert (pulled.status_code, pushed.status_code) == (401, 401)
