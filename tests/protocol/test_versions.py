"""Old apps are told to update and lose nothing; updated ones get what they had left out."""

import base64
import hashlib
import hmac
import re
import struct
from typing import Any

import httpx
import pytest

from server.api.protocol_version import NEWEST
from sync.ids import new_id
from tests.protocol.phones import Phone, phone_of
from tests.support.api_process import Served
from tests.support.databases import SECRET, TestDatabase
from tests.support.office import Office, in_database
from tests.support.processes import PATIENCE

VERSION = "Retour-Protocol"


@pytest.fixture
def phone(shared: TestDatabase, north: Office, api: Served) -> Phone:
    """A new device of alice's."""
    return phone_of(shared, north, north.world.alice, api.base_url)


def pull(phone: Phone, cursor: str | None = None, **headers: str) -> dict[str, Any]:
    """One page of 5,000 after `cursor`."""
    answer = httpx.get(
        f"{phone.origin}/api/v1/sync/pull",
        params={"limit": "5000"} | ({"cursor": cursor} if cursor else {}),
        headers=phone.headers | headers,
        timeout=PATIENCE,
    )
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("fr-CA", "Cette application est trop ancienne"),
        ("en-CA", "This app is too old: update it. What waits on the device is kept."),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/sync/push"), ("GET", "/api/v1/sync/pull"), ("GET", "/api/v1/sync/live")],
)
def test_an_old_app_is_told_to_update_in_its_language(
    api: Served, phone: Phone, method: str, path: str, language: str, says: str
) -> None:
    headers = phone.headers | {VERSION: "0", "Accept-Language": language}
    body = {"of": "a shape that nobody knows any more"} if method == "POST" else None
    answer = api.client.request(method, path, json=body, headers=headers)
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == f"Retour/{NEWEST}"
    problem = answer.json()
    assert problem["type"] == "urn:retour:problem:old_app"
    assert says in problem["title"]


def test_what_an_old_app_kept_is_accepted_after_the_update(
    api: Served, shared: TestDatabase, north: Office, phone: Phone
) -> None:
    task = in_database(shared.api, north.world.task)
    item = {
        "id": str(new_id()),
        "task": str(task),
        "state": "300",
        "moment": "2026-01-01T00:00:00Z",
        "sequence": 1,
    }
    push = {"device_now": "2026-01-01T00:00:00Z", "transitions": [item]}
    found = []
    for version in ("0", "2"):
        headers = phone.headers | {VERSION: version}
        found.append(api.client.post("/api/v1/sync/push", json=push, headers=headers))
    assert [one.status_code for one in found] == [426, 200]
    assert found[1].json()["results"] == [{"id": item["id"], "verdict": "accepted"}]


@pytest.mark.parametrize("version", [*map(str, range(1, NEWEST + 2)), "9" * 30])
def test_this_and_newer_versions_are_served(phone: Phone, version: str) -> None:
    assert pull(phone, **{VERSION: version})["changes"]


def test_the_app_and_the_manual_name_the_newest_version(api: Served) -> None:
    wire = httpx.get(f"{api.base_url}/tech/engine/wire.js", timeout=PATIENCE).text
    assert re.findall(r"PROTOCOL\s*=\s*(\d+)", wire) == [str(NEWEST)]
    manual = httpx.get(f"{api.base_url}/api/openapi.json", timeout=PATIENCE).json()
    assert f"{NEWEST} is the newest" in manual["info"]["description"]


@pytest.mark.parametrize("version", ["", "two", "-1", "1.5", "٢"])
def test_a_version_that_is_no_number_is_refused(api: Served, phone: Phone, version: str) -> None:
    headers = {name.encode(): value.encode() for name, value in phone.headers.items()}
    headers[VERSION.encode()] = version.encode()
    answer = api.client.get("/api/v1/sync/pull", headers=headers)
    assert answer.status_code == 400


def test_a_new_field_is_backfilled_after_an_update_of_the_app(
    shared: TestDatabase, north: Office, phone: Phone
) -> None:
    task = in_database(shared.api, north.world.task)
    phone.progress(task, "300", note="Un coude à changer")
    old = pull(phone)
    assert pull(phone, old["cursor"], **{VERSION: "1"})["changes"] == []
    anew = pull(phone, old["cursor"], **{VERSION: "2"})
    assert {(one["kind"], one["id"]) for one in anew["changes"]} == {
        (one["kind"], one["id"]) for one in old["changes"] if not one.get("deleted")
    }
    (told,) = [one for one in anew["changes"] if one["id"] == str(task)]
    assert [step["note"] for step in told["history"]] == ["Un coude à changer"]
    assert pull(phone, anew["cursor"], **{VERSION: "2"})["changes"] == []


def test_a_backfill_comes_in_pages_and_brings_what_changes_meanwhile(
    shared: TestDatabase, north: Office, phone: Phone
) -> None:
    task = in_database(shared.api, north.world.task)
    phone.pull()
    everything = phone.held
    phone.held = {}
    phone.version = "2"
    phone.pull(limit=1, pages=3)
    assert len(phone.held) == 3
    phone.progress(task, "300")
    phone.pull(limit=2)
    assert phone.held.keys() == everything.keys()
    assert phone.state(task) == "300"


def test_going_back_to_an_older_app_and_on_again_backfills_again(phone: Phone) -> None:
    first = pull(phone, **{VERSION: "2"})
    back = pull(phone, first["cursor"], **{VERSION: "1"})
    assert back["changes"] == []
    assert pull(phone, back["cursor"], **{VERSION: "2"})["changes"] == first["changes"]


def test_a_cursor_of_before_versions_counts_as_the_first(
    shared: TestDatabase, north: Office, phone: Phone
) -> None:
    everything = pull(phone)
    cursor = before_versions(everything["cursor"], north)
    assert pull(phone, cursor)["changes"] == []
    assert len(pull(phone, cursor, **{VERSION: "2"})["changes"]) == len(everything["changes"])


def before_versions(cursor: str, office: Office) -> str:
    """The place of `cursor` as it was written when there was one version only."""
    payload = base64.urlsafe_b64decode(cursor)[:16]
    scope = struct.pack(">Q16s", office.world.account, office.world.alice.bytes)
    signed = b"retour feed cursor" + scope + payload
    mac = hmac.digest(SECRET.encode(), signed, hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(payload + mac).rstrip(b"=").decode()
