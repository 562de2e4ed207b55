"""Records over HTTP: create, read, list, put by external id, put many."""

from typing import Any

import httpx
import msgspec
import pytest

from tests.support.api_process import Served
from tests.support.office import Office


def post(api: Served, office: Office, path: str, body: object) -> httpx.Response:
    """Write as a program."""
    return api.client.post(f"/api/v1/{path}", json=body, headers=office.program)


def get(api: Served, office: Office, path: str) -> Any:
    """What a program reads."""
    answer = api.client.get(f"/api/v1/{path}", headers=office.program)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bodies(office: Office) -> dict[str, dict[str, Any]]:
    """The least that each kind of record needs."""
    world = office.world
    return {
        "units": {"kind": "site", "name": "Sept-Îles", "parent": str(world.region)},
        "users": {
            "unit": str(world.site),
            "role": "dispatcher",
            "name": "Zoé",
            "email": "zoe@example.org",
        },
        "customers": {"name": "Marie"},
        "locations": {"name": "Chalet", "address": "12, rue des Pins"},
        "task-types": {"name": "Entretien"},
        "tasks": {
            "type": str(world.service_call),
            "state": "100",
            "title": "Fuite",
            "unit": str(world.site),
            "technician": str(world.alice),
        },
    }


KINDS = ["units", "users", "customers", "locations", "task-types", "tasks"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_created_is_read_back(api: Served, north: Office, kind: str) -> None:
    answer = post(api, north, kind, bodies(north)[kind])
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert get(api, north, f"{kind}/{made['id']}") == made


@pytest.mark.parametrize("kind", KINDS)
def test_an_external_id_names_the_same_record_ever_after(
    api: Served, north: Office, kind: str
) -> None:
    body = bodies(north)[kind]
    if kind == "users":
        body["email"] = "external@example.org"
    path = f"/api/v1/{kind}/external/ERP-7"
    first = api.client.put(path, json=body, headers=north.program)
    assert first.status_code == 200, first.text
    again = api.client.put(path, json={}, headers=north.program)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["external_id"] == "ERP-7"
    many = post(api, north, f"{kind}/upsert", {"items": [{"external_id": "ERP-7"}]})
    assert many.json() == {"ids": [first.json()["id"]]}


def test_an_external_id_in_the_body_must_be_the_one_of_the_address(
    api: Served, north: Office
) -> None:
    body = {"name": "Marie", "external_id": "B"}
    path = "/api/v1/customers/external/A"
    answer = api.client.put(path, json=body, headers=north.program)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/external_id"


def test_a_customer_has_tags_an_account_manager_a_unit_and_may_be_inactive(
    api: Served, north: Office
) -> None:
    world = north.world
    made = post(api, north, "customers", {"name": "Marie"}).json()
    plain: dict[str, Any] = {"tags": [], "account_manager": None, "unit": None, "active": True}
    assert {field: made[field] for field in plain} == plain
    told = {
        "tags": ["contrat", "résidentiel"],
        "account_manager": str(world.dispatcher),
        "unit": str(world.site),
        "active": False,
    }
    assert post(api, north, "customers/upsert", {"items": [{"id": made["id"], **told}]}).is_success
    assert get(api, north, f"customers/{made['id']}") == made | told


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_manager", "0199e3b0-0000-7000-8000-000000000000"),
        ("unit", {"external": "nowhere"}),
        ("tags", ["two\nlines"]),
    ],
)
def test_what_a_customer_cannot_have_is_refused_by_its_field(
    api: Served, north: Office, field: str, value: object
) -> None:
    answer = post(api, north, "customers", {"name": "Marie", field: value})
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")


def test_states_are_named_by_their_code(api: Served, north: Office) -> None:
    body = {"code": "620", "name": "À facturer", "kind": "closed"}
    made = post(api, north, "states", body)
    assert made.status_code == 201
    assert get(api, north, "states/620")["name"] == "À facturer"
    listed = get(api, north, "states?limit=2")
    assert [one["code"] for one in listed["items"]] == ["100", "200"]
    rest = get(api, north, f"states?limit=2&after={listed['next']}")
    assert [one["code"] for one in rest["items"]] == ["300", "600"]


def test_a_list_is_read_page_by_page_without_gap_or_repetition(api: Served, south: Office) -> None:
    items = [{"name": f"Client {number}"} for number in range(25)]
    made = post(api, south, "customers/upsert", {"items": items}).json()["ids"]
    seen: list[str] = []
    after = ""
    while True:
        page = get(api, south, f"customers?limit=10{after}")
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == sorted([*made, str(south.customer)])


def test_many_are_put_all_or_none(api: Served, south: Office) -> None:
    before = get(api, south, "customers?limit=500")
    items = [{"name": "Fine"}, {"name": "Bad\nname"}]
    assert post(api, south, "customers/upsert", {"items": items}).status_code == 400
    assert get(api, south, "customers?limit=500") == before


def test_more_than_500_records_are_too_many(api: Served, north: Office) -> None:
    answer = post(api, north, "customers/upsert", {"items": [{"name": "x"}] * 501})
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("too_many")


def test_an_address_that_another_user_has_is_taken(api: Served, north: Office) -> None:
    body = bodies(north)["users"] | {"email": north.address("manager")}
    answer = post(api, north, "users", body)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("taken")


def test_a_field_error_says_which_field_in_the_readers_language(api: Served, north: Office) -> None:
    answer = api.client.post(
        "/api/v1/customers",
        json={"name": "Marie", "email": "no address"},
        headers=north.program | {"Accept-Language": "en"},
    )
    (fault,) = answer.json()["errors"]
    assert fault["pointer"].endswith("/email")
    assert (fault["code"], fault["detail"]) == ("bad_address", "An e-mail address is not valid")
    assert "no address" not in answer.text


def test_records_are_written_and_read_as_messagepack(api: Served, north: Office) -> None:
    headers = north.program | {
        "Content-Type": "application/x-msgpack",
        "Accept": "application/x-msgpack;q=0.9, application/json;q=0.1",
    }
    body = msgspec.msgpack.encode({"name": "Élise"})
    answer = api.client.post("/api/v1/customers", content=body, headers=headers)
    assert answer.status_code == 201
    assert msgspec.msgpack.decode(answer.content)["name"] == "Élise"


def test_json_is_answered_where_messagepack_is_liked_less(api: Served, north: Office) -> None:
    headers = north.program | {"Accept": "application/msgpack;q=0.1, application/json"}
    answer = api.client.get("/api/v1/units", headers=headers)
    assert answer.headers["content-type"] == "application/json"


def test_a_task_for_which_transitions_were_parked_rings_for_planning(
    api: Served, north: Office
) -> None:
    task = "0192f5f0-0000-7000-8000-000000000001"
    item = {
        "id": "0192f5f0-0000-7000-8000-000000000002",
        "task": task,
        "state": "600",
        "moment": "2026-01-02T00:00:00Z",
        "sequence": 1,
    }
    push = {"device_now": "2026-01-02T00:00:01Z", "transitions": [item]}
    api.client.post("/api/v1/sync/push", json=push, headers=north.device)
    api.rung.clear()
    body = bodies(north)["tasks"] | {"id": task, "created_at": "2025-12-01T00:00:00Z"}
    made = post(api, north, "tasks", body)
    assert made.json()["state"] == "600"
    assert api.rung == ["plan"]
