"""W6 and W2 over HTTP: the account's cap, and what a campaign says of mute and priority."""

from typing import Any

import pytest

from tests.server.test_api_campaigns import create, definition
from tests.support.api_process import Served
from tests.support.office import Office

PATH = "/api/v1/cap"


def test_w6_a_cap_is_set_read_and_removed(api: Served, office: Office, south: Office) -> None:
    said = {"surveys": 3, "days": 90}
    assert api.client.get(PATH, headers=office.program).json() == {"cap": None}
    for _ in range(2):
        answer = api.client.put(PATH, json=said, headers=office.program)
        assert (answer.status_code, answer.json()) == (200, {"cap": said})
    assert api.client.get(PATH, headers=office.program).json() == {"cap": said}
    assert api.client.get(PATH, headers=south.program).json() == {"cap": None}
    for _ in range(2):
        assert api.client.delete(PATH, headers=office.program).status_code == 204
    assert api.client.get(PATH, headers=office.program).json() == {"cap": None}


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"surveys": 0, "days": 7}, "/surveys"),
        ({"surveys": 21, "days": 7}, "/surveys"),
        ({"surveys": 1, "days": 0}, "/days"),
        ({"surveys": 1, "days": 366}, "/days"),
        ({"surveys": 1.5, "days": 7}, "/surveys"),
        ({"surveys": 1}, "/days"),
        ({"surveys": 1, "days": 7, "hours": 1}, ""),
    ],
)
def test_what_is_no_cap_is_refused_with_its_place(
    api: Served, north: Office, said: dict[str, Any], pointer: str
) -> None:
    answer = api.client.put(PATH, json=said, headers=north.program)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)


def test_w2_a_campaign_says_whom_its_window_leaves_alone_and_its_priority(
    api: Served, north: Office
) -> None:
    kept = create(api, north, definition=definition(north)).json()["definition"]
    assert (kept["mute_per"], kept["priority"]) == ("address", 5)
    said = {"mute": "07:00:00", "mute_per": "customer", "priority": 9}
    kept = create(api, north, definition=definition(north, **said)).json()["definition"]
    assert {name: kept[name] for name in said} == said


@pytest.mark.parametrize(
    ("field", "value"), [("mute_per", "task"), ("priority", 0), ("priority", 10)]
)
def test_what_a_campaign_cannot_say_is_refused(
    api: Served, north: Office, field: str, value: Any
) -> None:
    answer = create(api, north, definition=definition(north, **{field: value}))
    found = [fault["pointer"] for fault in answer.json()["errors"]]
    assert (answer.status_code, found) == (400, [f"/definition/{field}"])
