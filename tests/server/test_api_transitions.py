"""Transitions over HTTP by a program or a dispatcher: progressing a task, accepting a refusal."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from sync.ids import new_id
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.office import PASSWORD, Office, in_database


def progress(
    api: Served, office: Office, body: dict[str, Any], task: UUID | None = None
) -> httpx.Response:
    """What a program is answered."""
    path = f"/api/v1/tasks/{task or office.task}/transitions"
    return api.client.post(path, json=body, headers=office.program)


def refused(api: Served, office: Office, task: UUID, state: str = "600") -> str:
    """The id of a step of alice's device on a task that is not hers."""
    key = str(new_id())
    item = {
        "id": key,
        "task": str(task),
        "state": state,
        "moment": "2026-01-01T00:00:00Z",
        "sequence": 1,
    }
    body = {"device_now": "2026-01-01T00:01:00Z", "transitions": [item]}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=office.device)
    assert answer.json()["results"][0]["verdict"] == "refused"
    return key


def timeline(api: Served, office: Office, task: UUID) -> list[dict[str, Any]]:
    """The transitions of a task as the API tells them."""
    answer = api.client.get(f"/api/v1/tasks/{task}", headers=office.program).json()
    return [entry for entry in answer["timeline"] if entry["kind"] == "transition"]


def test_a_program_progresses_a_task_once_however_often_it_asks(
    api: Served, office: Office
) -> None:
    body = {"id": str(new_id()), "state": "600", "survey": False, "survey_reason": "Test"}
    rung = len(api.rung)
    answers = [progress(api, office, body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json() == {"id": body["id"], "verdict": "accepted"}
    assert "plan" in api.rung[rung:]
    (entry,) = timeline(api, office, office.task)
    assert (entry["state"], entry["survey_reason"]) == ("600", "Test")
    assert (entry["technician"], entry["by"]) == (str(office.world.alice), None)


def test_an_id_that_was_used_for_something_else_conflicts(api: Served, office: Office) -> None:
    body = {"id": str(new_id()), "state": "600"}
    assert progress(api, office, body).status_code == 201
    other = progress(api, office, body | {"state": "610"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:retour:problem:conflict")
    assert [entry["state"] for entry in timeline(api, office, office.task)] == ["600"]


def test_a_program_that_asks_again_hears_the_same_whoever_has_the_task_by_now(
    api: Served, office: Office
) -> None:
    body = {"id": str(new_id()), "state": "300"}
    assert progress(api, office, body).status_code == 201
    for turn in ({"technician": str(office.world.bob)}, {}):
        path = f"/api/v1/tasks/{office.task}/assignments"
        assert api.client.post(path, json=turn, headers=office.program).status_code == 201
        again = progress(api, office, body)
        assert (again.status_code, again.json()["verdict"]) == (201, "accepted")
    assert len(timeline(api, office, office.task)) == 1


def test_a_dispatcher_is_named_in_the_timeline(api: Served, office: Office) -> None:
    with httpx.Client(base_url=api.base_url, timeout=20) as browser:
        login = {"email": office.address("dispatcher"), "password": PASSWORD}
        assert browser.post("/api/v1/sessions", json=login).status_code == 204
        path = f"/api/v1/tasks/{office.task}/transitions"
        answer = browser.post(path, json={"id": str(new_id()), "state": "300"})
    assert answer.status_code == 201
    (entry,) = timeline(api, office, office.task)
    assert entry["by"] == str(office.people["dispatcher"])


def test_managers_and_devices_progress_nothing(api: Served, office: Office) -> None:
    path = f"/api/v1/tasks/{office.task}/transitions"
    body = {"id": str(new_id()), "state": "300"}
    assert api.client.post(path, json=body, headers=office.device).status_code == 401
    with httpx.Client(base_url=api.base_url, timeout=20) as browser:
        login = {"email": office.address("manager"), "password": PASSWORD}
        browser.post("/api/v1/sessions", json=login)
        assert browser.post(path, json=body).status_code == 403
        assert browser.post(f"/api/v1/transitions/{new_id()}/accept").status_code == 403
    assert timeline(api, office, office.task) == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"state": "nowhere"}, 400),
        ({"state": "600", "moment": "2026-01-01T00:00:00"}, 400),
        ({"state": "600", "moment": "0001-01-01T00:00:00Z"}, 400),
        ({"state": "600", "note": "x" * 4001}, 400),
        ({"state": "600", "survey_reason": "but asked"}, 400),
        ({"state": "600", "sequence": 3}, 400),
        ({}, 400),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(
    api: Served, office: Office, fields: dict[str, Any], status: int
) -> None:
    assert progress(api, office, {"id": str(new_id()), **fields}).status_code == status
    assert timeline(api, office, office.task) == []


def test_a_program_does_not_move_what_nobody_had(
    shared: TestDatabase, api: Served, office: Office
) -> None:
    task = in_database(shared.api, lambda: office.world.task(assignments=[]))
    answer = progress(api, office, {"id": str(new_id()), "state": "300"}, task)
    assert answer.status_code == 409


def test_a_refused_transition_is_accepted_once_and_counts_at_its_moment(
    shared: TestDatabase, api: Served, office: Office
) -> None:
    world = office.world
    task = in_database(shared.api, lambda: world.task(technician=world.bob))
    key = refused(api, office, task)
    path = f"/api/v1/transitions/{key}/accept"
    rung = len(api.rung)
    assert api.client.post(path, headers=office.program).status_code == 204
    assert api.rung[rung:] == ["plan"]
    (entry,) = timeline(api, office, task)
    assert (entry["id"], entry["state"]) == (key, "600")
    assert entry["received_at"] > entry["at"]
    again = api.client.post(path, headers=office.program)
    assert (again.status_code, api.rung[rung:]) == (409, ["plan"])
    assert len(timeline(api, office, task)) == 1


def test_a_transition_into_an_unknown_state_is_accepted_when_it_exists(
    api: Served, office: Office
) -> None:
    key = refused(api, office, office.task, "999")
    path = f"/api/v1/transitions/{key}/accept"
    assert api.client.post(path, headers=office.program).status_code == 409
    state = {"code": "999", "name": "Reporté", "kind": "planned"}
    api.client.post("/api/v1/states", json=state, headers=office.program)
    assert api.client.post(path, headers=office.program).status_code == 204
    assert [entry["state"] for entry in timeline(api, office, office.task)] == ["999"]


def test_a_refused_transition_is_dismissed_once_and_may_still_be_accepted(
    shared: TestDatabase, api: Served, office: Office
) -> None:
    world = office.world
    task = in_database(shared.api, lambda: world.task(technician=world.bob))
    path = f"/api/v1/transitions/{refused(api, office, task)}"
    for wrong in ({}, {"reason": " "}, {"reason": "a\nb"}, {"reason": "x" * 201}):
        answer = api.client.post(f"{path}/dismiss", json=wrong, headers=office.program)
        assert answer.status_code == 400, wrong
    body = {"reason": "Saisie deux fois"}
    told = [api.client.post(f"{path}/dismiss", json=body, headers=office.program) for _ in range(2)]
    assert [answer.status_code for answer in told] == [204, 409]
    items = api.client.get("/api/v1/refused", headers=office.program).json()["items"]
    assert [item["dismissed_at"] is not None for item in items] == [True]
    detail = api.client.get(f"/api/v1/tasks/{task}/timeline", headers=office.program).json()
    assert [item["dismissed_reason"] for item in detail["items"]] == [body["reason"]]
    assert api.client.post(f"{path}/accept", headers=office.program).status_code == 204
    assert api.client.post(f"{path}/dismiss", json=body, headers=office.program).status_code == 409
