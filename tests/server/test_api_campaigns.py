"""Campaigns over HTTP: made, edited as versions, started and stopped."""

from typing import Any

import httpx
import pytest

from sync.ids import new_id
from tests.support.api_process import Served
from tests.support.office import Office


def definition(office: Office, **fields: Any) -> dict[str, Any]:
    """The least that a campaign says."""
    both = {"fr": "Votre avis", "en": "Your view"}
    return {
        "rules": [{"task_types": [str(office.world.service_call)], "states": ["600", "610"]}],
        "question": {"text": both},
        "message": {"sender_name": "Plomberie", "subject": both, "title": both, "body": both},
    } | fields


def create(api: Served, office: Office, **fields: Any) -> httpx.Response:
    """Try to make a campaign."""
    body = {"name": "Satisfaction", "definition": definition(office)} | fields
    return api.client.post("/api/v1/campaigns", json=body, headers=office.program)


def act(api: Served, office: Office, campaign: str, action: str) -> httpx.Response:
    """Start or stop a campaign."""
    return api.client.post(f"/api/v1/campaigns/{campaign}/{action}", headers=office.program)


def test_a_campaign_lives_from_draft_to_archive(api: Served, north: Office) -> None:
    made = create(api, north)
    assert made.status_code == 201, made.text
    campaign = made.json()["id"]
    assert (made.json()["status"], made.json()["version"]) == ("draft", 1)
    statuses = [
        act(api, north, campaign, action).json()["status"]
        for action in ("activate", "pause", "resume", "archive")
    ]
    assert statuses == ["active", "paused", "active", "archived"]
    assert api.rung[-1] == "deliver"
    assert act(api, north, campaign, "activate").status_code == 409


def test_editing_makes_a_version(api: Served, north: Office) -> None:
    campaign = create(api, north).json()["id"]
    body = {"name": "Autre", "definition": definition(north, delay="00:12:00")}
    path = f"/api/v1/campaigns/{campaign}"
    answer = api.client.put(path, json=body, headers=north.program)
    assert (answer.json()["version"], answer.json()["definition"]["delay"]) == (2, "00:12:00")
    assert api.client.get(path, headers=north.program).json() == answer.json()
    listed = api.client.get("/api/v1/campaigns", headers=north.program).json()["items"]
    assert answer.json() in listed


@pytest.mark.parametrize("name", ["a\n", "a\u2028b", "a\x85", " ", ""])
def test_a_campaign_is_called_by_one_plain_line(api: Served, north: Office, name: str) -> None:
    assert create(api, north, name=name).status_code == 400
    assert create(api, north, external_id=name).status_code == 400
    path = f"/api/v1/campaigns/{create(api, north).json()['id']}"
    body = {"name": name, "definition": definition(north)}
    assert api.client.put(path, json=body, headers=north.program).status_code == 400


def test_a_definition_that_cannot_be_kept_says_where_and_why(api: Served, north: Office) -> None:
    both = {"fr": "x", "en": "x"}
    broken = {"sender_name": "x", "subject": {"fr": "a\u2028b"}, "title": both, "body": both}
    answer = create(api, north, definition=definition(north, rules=[], message=broken))
    assert answer.status_code == 400
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert "/definition/rules" in pointers
    assert any(pointer.startswith("/definition/message/subject") for pointer in pointers)
    assert all(fault["detail"] for fault in answer.json()["errors"])


def test_a_campaign_says_how_often_it_reminds(api: Served, north: Office) -> None:
    """W5: as many as come before answers are no longer taken."""
    plain = create(api, north).json()["definition"]
    assert (plain["reminders"], plain["reminder_days"]) == (0, 7)
    fitting = definition(north, reminders=3, reminder_days=9)
    kept = create(api, north, definition=fitting).json()["definition"]
    assert (kept["reminders"], kept["reminder_days"]) == (3, 9)
    for wrong, where in (
        ({"reminders": 3, "reminder_days": 10}, "reminder_days"),
        ({"reminders": 1, "deadline_days": 7}, "reminder_days"),
        ({"reminders": 4}, "reminders"),
        ({"reminders": -1}, "reminders"),
        ({"reminder_days": 0}, "reminder_days"),
        ({"reminder_days": 28}, "reminder_days"),
    ):
        answer = create(api, north, definition=definition(north, **wrong))
        assert answer.status_code == 400
        [fault] = answer.json()["errors"]
        assert (fault["pointer"], bool(fault["detail"])) == (f"/definition/{where}", True)


def test_a_subject_with_a_line_break_is_refused(api: Served, north: Office) -> None:
    both = {"fr": "x", "en": "x"}
    for bad in ("a\r\nBcc: b@example.org", "a\nb", "a\u2028b"):
        broken = {"sender_name": "x", "subject": {"fr": bad}, "title": both, "body": both}
        assert create(api, north, definition=definition(north, message=broken)).status_code == 400


def test_an_id_that_is_taken_is_refused(api: Served, north: Office) -> None:
    chosen = str(new_id())
    assert create(api, north, id=chosen, external_id="C-1").status_code == 201
    assert create(api, north, id=chosen).status_code == 409
    assert create(api, north, external_id="C-1").status_code == 409
