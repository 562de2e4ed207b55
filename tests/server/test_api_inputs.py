"""What other people's programs send: numbers, texts and ids as they are really written."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.server.test_api_campaigns import definition
from tests.support.api_process import Served
from tests.support.office import Office

JSON = {"Content-Type": "application/json"}


def push(api: Served, office: Office, sequence: str) -> httpx.Response:
    """Push a transition whose `sequence` is written so."""
    body = f"""{{"device_now": "2026-01-02T00:00:01Z", "transitions": [{{
      "id": "0192f5f0-0000-7000-8000-0000000000aa", "task": "{office.task}", "state": "300",
      "moment": "2026-01-02T00:00:00Z", "sequence": {sequence}}}]}}"""
    headers = office.device | JSON
    return api.client.post("/api/v1/sync/push", content=body, headers=headers)


@pytest.mark.parametrize("written", ["17", "17.0", "1.7e1", "170E-1", "17.000000000000000000"])
def test_an_integer_may_be_written_as_other_languages_do(
    api: Served, north: Office, written: str
) -> None:
    answer = push(api, north, written)
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"][0]["verdict"] in {"accepted", "duplicate"}


NO_INTEGERS = [
    "17.5",
    "1e-400",
    "1e400",
    "9007199254740993.5",
    "1e19",
    '"17"',
    f"17.{'0' * 900_000}",
]


@pytest.mark.parametrize("written", NO_INTEGERS, ids=range(len(NO_INTEGERS)))
def test_what_is_no_integer_is_refused_with_its_place(
    api: Served, north: Office, written: str
) -> None:
    answer = push(api, north, written)
    assert answer.status_code == 200
    [told] = answer.json()["results"]
    assert (told["verdict"], told["reason"]) == ("refused", "malformed")
    assert told["pointer"] == "/transitions/0/sequence"


def send(api: Served, office: Office, path: str, body: object) -> httpx.Response:
    """Write as a program."""
    return api.client.post(f"/api/v1/{path}", json=body, headers=office.program)


def fault(answer: httpx.Response) -> dict[str, Any]:
    """The one thing that is wrong."""
    (found,) = answer.json()["errors"]
    assert isinstance(found, dict)
    return found


GOOD: dict[str, dict[str, Any]] = {
    "customers": {"name": "Marie"},
    "locations": {"name": "Chalet", "address": "12, rue des Pins"},
    "task-types": {"name": "Entretien"},
    "units": {"kind": "site", "name": "Sept-Îles"},
    "users": {"role": "dispatcher", "name": "Zoé"},
    "states": {"name": "À facturer", "kind": "closed"},
    "tasks": {"state": "100", "title": "Fuite"},
}
NOBODY = "0192f5f0-0000-7000-8000-0000000000ff"
#: Kind, what is wrong with its item, where that stands, and the code.
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("customers", {"email": "client273@exemple,ca"}, "/email", "bad_address"),
    ("customers", {"billing_email": "a@b@c.example"}, "/billing_email", "bad_address"),
    ("customers", {"name": "a\nb"}, "/name", "bad_text"),
    ("customers", {"name": None}, "/name", "bad_value"),
    ("customers", {"name": "a\0b"}, "/name", "bad_text"),
    ("customers", {"nom": "Marie"}, "", "bad_value"),
    ("locations", {"zone": "Mars/Olympus"}, "/zone", "bad_field"),
    ("locations", {"customer": {"external": "nobody"}}, "/customer", "unknown_reference"),
    ("locations", {"customer": NOBODY}, "/customer", "unknown_reference"),
    ("task-types", {"flow": {"100": ["nowhere"]}}, "/flow", "unknown_reference"),
    ("task-types", {"flow": {"nowhere": []}}, "/flow", "unknown_reference"),
    ("units", {"parent": NOBODY}, "/parent", "unknown_reference"),
    ("units", {"kind": "head_office"}, "/kind", "taken"),
    ("users", {"unit": NOBODY}, "/unit", "unknown_reference"),
    ("users", {"email": "-"}, "/email", "bad_address"),
    ("users", {"email": "dispatcher.north@example.org"}, "/email", "taken"),
    ("states", {"name": " "}, "/name", "bad_text"),
    ("tasks", {"state": "nowhere"}, "/state", "unknown_reference"),
    ("tasks", {"type": {"external": "nothing"}}, "/type", "unknown_reference"),
    ("tasks", {"technician": NOBODY}, "/technician", "unknown_reference"),
    ("tasks", {"pool": NOBODY}, "/pool", "unknown_reference"),
    ("tasks", {"account_manager": NOBODY}, "/account_manager", "unknown_reference"),
    ("tasks", {"contact_email": "no address"}, "/contact_email", "bad_address"),
    (
        "tasks",
        {"assignments": [{"start": "2026-01-02T00:00:00Z", "technician": NOBODY}]},
        "/assignments/0/technician",
        "unknown_reference",
    ),
    (
        "tasks",
        {"assignments": [{"start": "2026-01-02T00:00:00Z"}]},
        "/assignments/0",
        "bad_field",
    ),
]


def item(office: Office, kind: str, number: int) -> dict[str, Any]:
    """A record that can be kept, under a number of its own."""
    world = office.world
    body = GOOD[kind] | {
        "users": {"unit": str(world.site), "email": f"zoe{number}@example.org"},
        "tasks": {"type": str(world.service_call), "unit": str(world.site)},
    }.get(kind, {})
    return body | ({"code": f"T{number}"} if kind == "states" else {"external_id": f"E/{number}"})


@pytest.mark.parametrize(
    ("kind", "wrong", "place", "code"), WRONG, ids=[f"{w[0]}{w[2]}-{w[3]}" for w in WRONG]
)
def test_an_error_keeps_the_place_of_its_item(
    api: Served, north: Office, kind: str, wrong: dict[str, Any], place: str, code: str
) -> None:
    items = [item(north, kind, number) for number in range(4)]
    items[2] |= wrong
    answer = send(api, north, f"{kind}/upsert", {"items": items})
    assert answer.status_code == (409 if code == "taken" else 400), answer.text
    found = fault(answer)
    assert (found["pointer"], found["code"]) == (f"/items/2{place}", code)
    assert found.get("external_id") == (None if kind == "states" else "E/2")
    alone = send(api, north, kind, items[2])
    assert (alone.status_code, fault(alone)["pointer"]) == (answer.status_code, place)


@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "states"])
def test_an_error_about_what_is_missing_keeps_its_place(
    api: Served, north: Office, kind: str
) -> None:
    items = [item(north, kind, number) for number in range(3)]
    missing = next(field for field in ("name", "title") if field in items[1])
    del items[1][missing]
    answer = send(api, north, f"{kind}/upsert", {"items": items})
    found = fault(answer)
    assert (found["pointer"], found["external_id"]) == (f"/items/1/{missing}", "E/1")


BEHIND = ["}, garbage", "}", "}], 'items': []}", "}], 'items': 5}"]


@pytest.mark.parametrize("behind", BEHIND)
def test_what_stands_behind_a_wrong_item_makes_no_other_error_of_it(
    api: Served, north: Office, behind: str
) -> None:
    content = "{'items': [{'name': 5".replace("'", '"') + behind.replace("'", '"')
    headers = north.program | JSON
    answer = api.client.post("/api/v1/customers/upsert", content=content, headers=headers)
    assert answer.status_code == 400, answer.text


def test_a_call_that_names_one_record_twice_says_where(api: Served, north: Office) -> None:
    items = [item(north, "customers", number) for number in (5, 6, 5)]
    found = fault(send(api, north, "customers/upsert", {"items": items}))
    assert (found["pointer"], found["external_id"]) == ("/items/2/external_id", "E/5")


def test_whoever_sends_many_is_told_of_all_that_cannot_be_kept(api: Served, north: Office) -> None:
    items = [item(north, "customers", number) for number in range(400)]
    for number in (273, 274, 399):
        items[number]["email"] = f"client{number}@exemple,ca"
    answer = send(api, north, "customers/upsert", {"items": items})
    assert answer.status_code == 400
    places = [one["pointer"] for one in answer.json()["errors"]]
    assert places == ["/items/273/email", "/items/274/email", "/items/399/email"]
    assert [one["external_id"] for one in answer.json()["errors"]] == ["E/273", "E/274", "E/399"]


def test_an_answer_about_500_errors_stays_small(api: Served, north: Office) -> None:
    items = [item(north, "customers", number) | {"email": "x@"} for number in range(500)]
    answer = send(api, north, "customers/upsert", {"items": items})
    assert len(answer.json()["errors"]) == 100
    assert len(answer.content) < 32_000


def test_a_batch_of_units_is_as_long_as_any_other(api: Served, north: Office) -> None:
    answer = send(api, north, "units/upsert", {"items": [{"name": "x", "kind": "site"}] * 501})
    assert answer.status_code == 413


SEPARATED = ["WH/OUT/00012", "a//b", "/a", "100%", "à l'été", "a b+c", "..", "q?#", "a:b;c", "x/"]


@pytest.mark.parametrize("external", SEPARATED)
@pytest.mark.parametrize("kind", [kind for kind in GOOD if kind != "states"])
def test_an_id_is_reached_whatever_separates_its_parts(
    api: Served, south: Office, kind: str, external: str
) -> None:
    body = item(south, kind, SEPARATED.index(external) + 100)
    del body["external_id"]
    path = f"/api/v1/{kind}/external/{quoted(external)}"
    made = api.client.put(path, json=body, headers=south.program)
    assert made.status_code == 200, made.text
    assert made.json()["external_id"] == external
    read = api.client.get(path, headers=south.program)
    assert (read.status_code, read.json()) == (200, made.json())


def quoted(external: str) -> str:
    """As programs write an id into a path; dots written out, or the client would resolve them."""
    return quote(external, safe="").replace(".", "%2E")


def test_slashes_may_stand_in_a_path_as_they_are(api: Served, south: Office) -> None:
    path = "/api/v1/customers/external/WH/IN/7"
    made = api.client.put(path, json={"name": "Marie"}, headers=south.program)
    assert made.json()["external_id"] == "WH/IN/7"
    again = api.client.get("/api/v1/customers/external/WH%2FIN%2F7", headers=south.program)
    assert again.json() == made.json()


def test_a_states_code_may_hold_a_slash(api: Served, south: Office) -> None:
    send(api, south, "states", {"code": "610/A", "name": "À rappeler", "kind": "done"})
    for code in ("610/A", "610%2FA"):
        read = api.client.get(f"/api/v1/states/{code}", headers=south.program)
        assert read.json()["code"] == "610/A"


@pytest.mark.parametrize("kind", [*(kind for kind in GOOD if kind != "states"), "campaigns"])
def test_an_external_id_that_nothing_has_is_not_found(
    api: Served, north: Office, kind: str
) -> None:
    for external in ("nothing", "a%00b", "x" * 201, "%FF", "a%0Ab", "%E2%80%A8"):
        path = f"/api/v1/{kind}/external/{external}"
        assert api.client.get(path, headers=north.program).status_code == 404


def test_an_external_id_of_another_account_is_not_found(
    api: Served, north: Office, south: Office
) -> None:
    api.client.put("/api/v1/customers/external/S-1", json={"name": "x"}, headers=south.program)
    answer = api.client.get("/api/v1/customers/external/S-1", headers=north.program)
    assert answer.status_code == 404


def test_the_tree_has_one_head_office(api: Served, north: Office) -> None:
    head = str(north.world.head_office)
    again = {"id": head, "kind": "head_office", "name": "Siège"}
    assert send(api, north, "units", again).status_code == 201
    region = {"id": str(north.world.region), "kind": "head_office"}
    answer = send(api, north, "units", region)
    assert (answer.status_code, fault(answer)["pointer"]) == (409, "/kind")
    second = {"external_id": "S-2", "kind": "head_office", "name": "Autre siège"}
    many = send(api, north, "units/upsert", {"items": [again, second]})
    assert many.status_code == 409
    assert (fault(many)["pointer"], fault(many)["external_id"]) == ("/items/1/kind", "S-2")


def test_what_a_new_record_needs_stands_in_the_document(api: Served, north: Office) -> None:
    found = api.client.get("/api/openapi.json").json()
    for kind in GOOD:
        said = found["paths"][f"/api/v1/{kind}"]["post"]["requestBody"]["content"]
        schema = said["application/json"]["schema"]
        shape = found["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        either = schema.get("anyOf", [])
        assert not either or {"required": ["external_id"]} in either
        needed = either[0]["required"] if either else shape["required"]
        empty = send(api, north, kind, {})
        assert (empty.status_code, fault(empty)["pointer"][1:] in needed) == (400, True)
        whole = {field: item(north, kind, 700).get(field) for field in needed}
        assert send(api, north, kind, whole).status_code in ((201,) if kind != "states" else (400,))


def test_a_campaign_is_read_by_its_external_id_and_says_where_it_is_wrong(
    api: Served, north: Office
) -> None:
    body = {"name": "Avis", "external_id": "C/1", "definition": definition(north)}
    made = send(api, north, "campaigns", body)
    path = "/api/v1/campaigns/external/C%2F1"
    assert api.client.get(path, headers=north.program).json() == made.json()
    rules = [{"task_types": [str(north.world.service_call)], "states": ["nowhere"]}]
    answer = send(api, north, "campaigns", body | {"definition": definition(north, rules=rules)})
    assert fault(answer)["pointer"] == "/definition/rules/0/states"


PASTED = [
    ("12, rue des Pins\r\nRimouski (QC)\r\nG5L 1A1", "12, rue des Pins\nRimouski (QC)\nG5L 1A1"),
    ("12, rue des Pins\rRimouski", "12, rue des Pins\nRimouski"),
    ("  12, rue\u00a0des Pins \n\n\n\tRimouski  \n", "12, rue des Pins\nRimouski"),
    ("12\u2028Rimouski\u2029Québec\x85Canada", "12\nRimouski\nQuébec\nCanada"),
    ("12, rue des Pins", "12, rue des Pins"),
]


@pytest.mark.parametrize(("pasted", "kept"), PASTED, ids=range(len(PASTED)))
def test_an_address_of_several_lines_keeps_them(
    api: Served, north: Office, pasted: str, kept: str
) -> None:
    made = send(api, north, "locations", {"name": "Chalet", "address": pasted})
    assert (made.status_code, made.json()["address"]) == (201, kept)


@pytest.mark.parametrize("text", ["", " \n ", "a\x07b", "a\u202eb", "\u200b", "x\n" * 600])
def test_an_address_that_shows_nothing_or_too_much_is_refused(
    api: Served, north: Office, text: str
) -> None:
    answer = send(api, north, "locations", {"name": "Chalet", "address": text})
    assert (answer.status_code, fault(answer)["pointer"]) == (400, "/address")


NONE = [
    "-",
    "--",
    "n/a",
    "N/A",
    "N.A.",
    " ",
    "\u00a0",
    "",
    "\t\n",
    "s/o",
    "aucun",
    "None",
    "null",
    "?",
]


@pytest.mark.parametrize("text", [*NONE, "\u2014", "x", "0"])
def test_what_says_that_there_is_no_address_is_none(api: Served, north: Office, text: str) -> None:
    body = {"name": "Marie", "email": text, "billing_email": text, "phone": text}
    made = send(api, north, "customers", body)
    assert made.status_code == 201, made.text
    assert [made.json()[field] for field in ("email", "billing_email", "phone")] == [None] * 3
    task = item(north, "tasks", 801) | {"contact_email": text}
    assert send(api, north, "tasks", task).json()["contact_email"] is None


@pytest.mark.parametrize("text", ["x@", "aucun courriel", "a@b", "-@-"])
def test_what_was_meant_for_an_address_is_refused(api: Served, north: Office, text: str) -> None:
    answer = send(api, north, "customers", {"name": "Marie", "email": text})
    assert (answer.status_code, fault(answer)["code"]) == (400, "bad_address")


def test_an_address_pasted_with_the_end_of_its_line_is_trimmed(api: Served, north: Office) -> None:
    made = send(api, north, "customers", {"name": " Marie\n", "email": "\tmarie@example.org\r\n"})
    assert (made.json()["name"], made.json()["email"]) == ("Marie", "marie@example.org")


def test_a_task_holds_no_more_tags_than_a_page_shows(api: Served, north: Office) -> None:
    task = item(north, "tasks", 802) | {"tags": ["x"] * 101}
    answer = send(api, north, "tasks", task)
    assert (answer.status_code, fault(answer)["pointer"]) == (400, "/tags")
