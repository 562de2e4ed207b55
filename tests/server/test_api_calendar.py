"""The calendar over HTTP: read, set, refused with its place, and the holidays by name."""

from typing import Any

import pytest

from tests.support.api_process import Served
from tests.support.office import Office

PATH = "/api/v1/calendar"
OFFICE = ["09:00-17:00"]
WORKING = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), OFFICE) | {
    "saturday": [],
    "sunday": [],
}


def put(api: Served, office: Office, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What a program is answered that sets the calendar."""
    answer = api.client.put(PATH, json=said, headers=office.program)
    return answer.status_code, answer.json()


def test_before_any_is_set_mail_may_always_go(api: Served, south: Office) -> None:
    answer = api.client.get(PATH, headers=south.program)
    assert answer.json() == {
        "mail_hours": None,
        "working_hours": WORKING,
        "region": None,
        "closed": [],
        "not_observed": [],
    }


def test_what_is_set_is_read(api: Served, office: Office, south: Office) -> None:
    said = {
        "mail_hours": {"monday": ["08:00-12:00", "13:00-24:00"]},
        "region": "CA-QC",
        "closed": [{"date": "2027-12-24", "name": "Veille de Noël"}],
        "not_observed": ["Canada Day"],
    }
    status, told = put(api, office, said)
    assert (status, told["mail_hours"]["monday"]) == (200, ["08:00-12:00", "13:00-24:00"])
    assert (told["mail_hours"]["sunday"], told["working_hours"]) == ([], WORKING)
    assert {name: told[name] for name in ("region", "closed", "not_observed")} == {
        name: said[name] for name in ("region", "closed", "not_observed")
    }
    assert api.client.get(PATH, headers=office.program).json() == told
    assert put(api, office, told) == (200, told)
    assert api.client.get(PATH, headers=south.program).json()["region"] is None


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({"mail_hours": {"monday": ["8-20"]}}, ["/mail_hours/monday/0"]),
        ({"mail_hours": {"monday": ["08:00-24:30"]}}, ["/mail_hours/monday/0"]),
        ({"mail_hours": {"lundi": ["08:00-20:00"]}}, ["/mail_hours"]),
        ({"mail_hours": {}}, ["/mail_hours"]),
        ({"mail_hours": {"monday": ["20:00-08:00"]}}, ["/mail_hours/monday"]),
        ({"working_hours": {}, "not_observed": ["x"]}, ["/working_hours", "/not_observed/0"]),
        ({"region": "QC"}, ["/region"]),
        ({"closed": [{"date": "2027-02-29", "name": "x"}]}, ["/closed/0/date"]),
        ({"closed": [{"date": "2027-02-28", "name": "a\nb"}]}, ["/closed/0"]),
        ({"closed": [{"date": "2027-02-28", "name": "a"}] * 2}, ["/closed/1/date"]),
        ({"quiet": True}, [""]),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(
    api: Served, north: Office, said: dict[str, Any], pointers: list[str]
) -> None:
    status, told = put(api, north, said)
    assert (status, [error["pointer"] for error in told["errors"]]) == (400, pointers)


def test_the_holidays_to_come_are_named_in_the_account_s_language(
    api: Served, office: Office
) -> None:
    assert put(api, office, {"not_observed": ["Canada Day"]})[0] == 200
    answer = api.client.get(f"{PATH}/holidays", params={"region": "CA-QC"}, headers=office.program)
    items = {item["key"]: item for item in answer.json()["items"]}
    assert items["Canada Day"]["name"] == "Fête du Canada"
    assert {key for key, item in items.items() if not item["observed"]} == {"Canada Day"}
    assert len(items) >= 7


def test_a_location_has_a_region_of_its_own(api: Served, office: Office) -> None:
    path, said = "/api/v1/locations", {"name": "Chalet", "address": "x", "region": "FR-57"}
    made = api.client.post(path, json=said, headers=office.program).json()
    assert made["region"] == "FR-57"
    refused = api.client.post(path, json=said | {"region": "FR-58"}, headers=office.program)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/region")


def test_a_campaign_counts_its_delay_in_working_hours(api: Served, office: Office) -> None:
    world = office.world
    definition = {
        "rules": [{"task_types": [str(world.service_call)], "states": ["600"]}],
        "delay": "00:12:00",
        "delay_in": "working",
        "question": {"text": {"fr": "Alors ?"}},
        "message": {
            "sender_name": "P",
            "subject": {"fr": "a"},
            "title": {"fr": "b"},
            "body": {"fr": "c"},
        },
    }
    path, said = "/api/v1/campaigns", {"name": "A", "definition": definition}
    answer = api.client.post(path, json=said, headers=office.program)
    assert answer.json()["definition"]["delay_in"] == "working"
    definition["delay"] = "11:00:00"
    answer = api.client.post(path, json=said, headers=office.program)
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        ("/definition/delay", "too_long")
    ]
    definition["delay_in"] = "worked"
    answer = api.client.post(path, json=said, headers=office.program)
    assert answer.json()["errors"][0]["pointer"] == "/definition/delay_in"
