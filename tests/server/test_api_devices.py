"""Devices over HTTP: from the code to the last pull."""

from typing import Any

import httpx
import pytest

from sync.ids import new_id
from tests.support.api_process import Served
from tests.support.office import PASSWORD, Office


def enrolled(api: Served, office: Office, name: str = "Tablette") -> dict[str, Any]:
    """A new device of alice's, by a code that the dispatcher's program issued."""
    order = {"user": str(office.world.alice)}
    issued = api.client.post("/api/v1/devices/codes", json=order, headers=office.program)
    assert issued.status_code == 201, issued.text
    body = {"code": issued.json()["code"], "name": name}
    answer = api.client.post("/api/v1/devices/enrol", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bearer(credential: str) -> dict[str, str]:
    """Headers of a device."""
    return {"Authorization": f"Bearer {credential}"}


def test_a_device_enrols_pushes_and_pulls(api: Served, north: Office) -> None:
    device = enrolled(api, north)
    assert device["credential"].startswith("rtd_")
    item = {
        "id": str(new_id()),
        "task": str(north.task),
        "state": "300",
        "moment": "2026-01-01T00:00:00Z",
        "sequence": 1,
    }
    push = {"device_now": "2026-01-01T00:00:00Z", "transitions": [item]}
    headers = bearer(device["credential"])
    api.rung.clear()
    for _ in range(2):
        answer = api.client.post("/api/v1/sync/push", json=push, headers=headers)
        assert answer.json() == {"results": [{"id": item["id"], "verdict": "accepted"}]}
    assert api.rung == ["plan"]
    page = api.client.get("/api/v1/sync/pull?limit=5000", headers=headers).json()
    tasks = [change for change in page["changes"] if change["kind"] == "task"]
    assert [task["state"] for task in tasks] == ["300"]
    rest = api.client.get(f"/api/v1/sync/pull?cursor={page['cursor']}", headers=headers).json()
    assert (rest["changes"], rest["more"]) == ([], False)


def test_a_device_learns_whose_it_is(api: Served, north: Office) -> None:
    device = enrolled(api, north, "Tablette du camion")
    told = api.client.get("/api/v1/sync/me", headers=bearer(device["credential"]))
    assert told.json() == {
        "device": {"id": device["device"], "name": "Tablette du camion"},
        "technician": {"id": str(north.world.alice), "name": "Alice", "language": "fr_CA"},
        "account": {
            "name": "Plomberie Exemple",
            "zone": "America/Toronto",
            "language": "fr_CA",
        },
    }
    assert api.client.get("/api/v1/sync/me", headers=north.program).status_code == 401


def test_a_code_serves_once(api: Served, north: Office) -> None:
    order = {"user": str(north.world.alice)}
    code = api.client.post("/api/v1/devices/codes", json=order, headers=north.program)
    assert code.json()["expires_at"] > "2026"
    body = {"code": code.json()["code"], "name": "x"}
    assert api.client.post("/api/v1/devices/enrol", json=body).status_code == 201
    again = api.client.post("/api/v1/devices/enrol", json=body)
    assert again.status_code == 400
    assert again.json()["type"].endswith("bad_code")


def test_a_revoked_device_is_out_at_once(api: Served, north: Office) -> None:
    device = enrolled(api, north, "Perdue")
    headers = bearer(device["credential"])
    assert api.client.get("/api/v1/sync/pull", headers=headers).status_code == 200
    path = f"/api/v1/devices/{device['device']}/revoke"
    for _ in range(2):
        assert api.client.post(path, headers=north.program).status_code == 204
    assert api.client.get("/api/v1/sync/pull", headers=headers).status_code == 401
    listed = api.client.get("/api/v1/devices", headers=north.program).json()["items"]
    (lost,) = [one for one in listed if one["id"] == device["device"]]
    assert lost["revoked_at"] is not None


@pytest.mark.parametrize("role", ["dispatcher", "administrator"])
def test_whoever_plans_may_issue_codes(api: Served, north: Office, role: str) -> None:
    order = {"user": str(north.world.alice)}
    with httpx.Client(base_url=api.base_url, timeout=20) as browser:
        login = {"email": north.address(role), "password": PASSWORD}
        browser.post("/api/v1/sessions", json=login)
        assert browser.post("/api/v1/devices/codes", json=order).status_code == 201


def test_a_dispatcher_gets_no_code_for_a_device(api: Served, north: Office) -> None:
    order = {"user": str(north.people["dispatcher"])}
    answer = api.client.post("/api/v1/devices/codes", json=order, headers=north.program)
    assert answer.status_code == 404
