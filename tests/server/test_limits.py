"""Every bad input of HAZARDS that meets a route of the API gets the answer written there."""

import gzip
import json
import socket
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from server.api.json_and_msgpack import DEEPEST, json_is_modest, pack_is_modest
from tests.support.api_process import Served
from tests.support.office import Office

PUSH = "/api/v1/sync/push"
MEBIBYTE = 1 << 20
HTML = {"Accept": "text/html"}


def item(office: Office, **fields: object) -> dict[str, object]:
    """A transition as a device writes it."""
    usual = {
        "id": str(uuid.uuid4()),
        "task": str(office.task),
        "state": "300",
        "moment": datetime.now(UTC).isoformat(),
        "sequence": 1,
    }
    return usual | fields


def batch(*items: dict[str, object], **fields: object) -> dict[str, object]:
    """A push."""
    return {"device_now": datetime.now(UTC).isoformat(), "transitions": list(items)} | fields


def push(api: Served, office: Office, body: bytes, **headers: str) -> httpx.Response:
    """Push raw bytes as alice's device."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.post(
        PUSH, content=body, headers={"content-type": "application/json"} | named | office.device
    )


def push_json(api: Served, office: Office, body: object) -> httpx.Response:
    """Push JSON as alice's device."""
    return push(api, office, json.dumps(body).encode())


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that `answer` carries, once it is seen to be a proper one of `status`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert {"type", "title", "status", "detail"} <= found.keys()
    return found


def test_a_body_over_one_mebibyte_is_too_large(api: Served, north: Office) -> None:
    body = json.dumps(batch(item(north, note="x" * MEBIBYTE))).encode()
    assert problem(push(api, north, body), 413)["type"].endswith("too_large")


def test_a_body_that_says_no_length_is_still_limited(api: Served, north: Office) -> None:
    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"} | north.device
    problem(api.client.post(PUSH, content=chunks(), headers=headers), 413)


@pytest.mark.parametrize("squeeze", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_small_body_that_inflates_over_the_limit_is_too_large(
    api: Served, north: Office, squeeze: Callable[[bytes], bytes]
) -> None:
    encoding = "gzip" if squeeze is gzip.compress else "zstd"
    bomb = squeeze(b" " * (50 * MEBIBYTE))
    assert len(bomb) < MEBIBYTE
    problem(push(api, north, bomb, content_encoding=encoding), 413)


@pytest.mark.parametrize("squeeze", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_compressed_push_is_taken(
    api: Served, north: Office, squeeze: Callable[[bytes], bytes]
) -> None:
    encoding = "gzip" if squeeze is gzip.compress else "zstd"
    body = squeeze(json.dumps(batch(item(north))).encode())
    answer = push(api, north, body, content_encoding=encoding)
    assert answer.status_code == 200
    assert answer.json()["results"][0]["verdict"] == "accepted"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_does_not_inflate_is_refused(api: Served, north: Office, encoding: str) -> None:
    problem(push(api, north, b"{}", content_encoding=encoding), 400)


def test_a_truncated_or_padded_gzip_stream_is_refused(api: Served, north: Office) -> None:
    whole = gzip.compress(json.dumps(batch()).encode())
    problem(push(api, north, whole[:-4], content_encoding="gzip"), 400)
    problem(push(api, north, whole + b"more", content_encoding="gzip"), 400)


def test_a_zstd_stream_may_have_several_frames_but_nothing_else(api: Served, north: Office) -> None:
    body = json.dumps(batch()).encode()
    frames = zstandard.compress(body[:9]) + zstandard.compress(body[9:])
    assert push(api, north, frames, content_encoding="zstd").status_code == 200
    problem(push(api, north, frames[:-4], content_encoding="zstd"), 400)
    problem(push(api, north, frames + b"more", content_encoding="zstd"), 400)


def test_an_unknown_content_encoding_is_refused(api: Served, north: Office) -> None:
    problem(push(api, north, b"{}", content_encoding="br"), 415)


def test_more_than_500_transitions_are_too_many_and_nothing_is_applied(
    api: Served, north: Office
) -> None:
    items = [item(north) for _ in range(501)]
    assert problem(push_json(api, north, batch(*items)), 413)["type"].endswith("too_many")
    again = push_json(api, north, batch(items[0]))
    assert again.json()["results"][0]["verdict"] == "accepted"


def malformed(answer: httpx.Response, place: str) -> None:
    """The only item is refused for what stands at `place` in it, and the push is answered."""
    assert answer.status_code == 200, answer.text
    [told] = answer.json()["results"]
    assert (told["verdict"], told["reason"]) == ("refused", "malformed")
    assert told["pointer"] == f"/transitions/0{place}"


def test_an_unknown_field_is_refused_and_named(api: Served, north: Office) -> None:
    [told] = push_json(api, north, batch(item(north, colour="red"))).json()["results"]
    assert (told["reason"], told["pointer"]) == ("malformed", "/transitions/0")


@pytest.mark.parametrize(
    "moment", ["2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
@pytest.mark.parametrize("place", ["device_now", "moment"])
def test_a_naive_or_unreckonable_time_is_refused(
    api: Served, north: Office, moment: str, place: str
) -> None:
    if place == "moment":
        wrong = "/moment" if moment.startswith("2026") else ""
        malformed(push_json(api, north, batch(item(north, moment=moment))), wrong)
    else:
        problem(push_json(api, north, batch(device_now=moment)), 400)


@pytest.mark.parametrize("seconds", [253_402_300_800, -62_135_596_801, 2**62, -(2**62)])
def test_a_messagepack_time_outside_of_all_years_is_refused(
    api: Served, north: Office, seconds: int
) -> None:
    stamp = b"\xc7\x0c\xff" + bytes(4) + seconds.to_bytes(8, "big", signed=True)
    body = b"\x82\xaadevice_now" + stamp + b"\xabtransitions\x90"
    problem(push(api, north, body, content_type="application/msgpack"), 400)


def test_invalid_utf_8_is_refused(api: Served, north: Office) -> None:
    body = json.dumps(batch(item(north, note="NOTE"))).encode().replace(b"NOTE", b"\xff\xfe")
    problem(push(api, north, body), 400)


def test_a_lone_surrogate_is_refused(api: Served, north: Office) -> None:
    body = json.dumps(batch(item(north, task="TASK"))).encode().replace(b"TASK", b"\\udc00")
    malformed(push(api, north, body), "/task")


def test_the_zero_character_is_refused_in_json_and_messagepack(api: Served, north: Office) -> None:
    body = batch(item(north, state="6\0"))
    malformed(push_json(api, north, body), "")
    packed = msgspec.msgpack.encode(body)
    malformed(push(api, north, packed, content_type="application/msgpack"), "")


def test_an_escaped_backslash_before_u0000_is_text(api: Served, north: Office) -> None:
    answer = push_json(api, north, batch(item(north, note="\\u0000")))
    assert answer.status_code == 200


@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["arrays", "objects"])
def test_json_deeper_than_32_is_refused(api: Served, north: Office, opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    body = opening * 100_000 + "1" + closing * 100_000
    found = problem(push(api, north, body.encode()), 400)
    assert found["errors"][0]["code"] == "too_deep"


def test_nesting_is_counted_outside_of_strings_only() -> None:
    brackets = json.dumps({"note": '}]{["\\"' * 40, "list": [{}] * 40}).encode()
    assert json_is_modest(brackets)
    hidden = b'{"}":' * 40 + b"1" + b',"{":1}' * 40
    assert not json_is_modest(hidden)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\xdc\x00\x01", b"\xdf\0\0\0\1\x01"])
@pytest.mark.parametrize("levels", [33, 964, 100_000])
def test_deep_messagepack_is_refused(
    api: Served, north: Office, opening: bytes, levels: int
) -> None:
    deep = opening * levels + b"\xc0"
    found = problem(push(api, north, deep, content_type="application/msgpack"), 400)
    assert found["errors"][0]["code"] == "too_deep"


@pytest.mark.parametrize("path", ["rxdb/transitions", "watermelon"])
@pytest.mark.parametrize("levels", [20, 40, 300, 964])
@pytest.mark.parametrize("packed", [False, True], ids=["json", "msgpack"])
def test_what_an_app_adds_to_its_rows_is_nested_no_deeper(
    api: Served, north: Office, path: str, levels: int, packed: bool
) -> None:
    row = {"id": str(uuid.uuid4()), "extra": "LEAF"}
    body: object = [{"newDocumentState": row}]
    if path == "watermelon":
        body = {"changes": {"transitions": {"created": [row]}}, "lastPulledAt": 1}
    if packed:
        kind = "application/msgpack"
        content = msgspec.msgpack.encode(body).replace(b"\xa4LEAF", b"\x91" * levels + b"\xc0")
    else:
        kind = "application/json"
        content = json.dumps(body).encode().replace(b'"LEAF"', b"[" * levels + b"]" * levels)
    answer = api.client.post(
        f"/api/v1/sync/{path}/push",
        params={"device_now": datetime.now(UTC).isoformat()},
        content=content,
        headers={"Content-Type": kind, "Accept": kind} | north.device,
    )
    # What is too deep in JSON is left out: one row must not keep the others waiting.
    assert answer.status_code == (400 if packed and levels > 30 else 200)


def test_a_mebibyte_of_empty_arrays_is_refused(api: Served, north: Office) -> None:
    found = push(
        api, north, b"\xdd\0\x0f\xff\0" + b"\x90" * 0xFFF00, content_type="application/msgpack"
    )
    assert problem(found, 400)["errors"][0]["code"] == "too_deep"
    problem(push(api, north, b"[" + b"[]," * 300_000 + b"[]]"), 400)


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(), inner, max_size=40),
)


@given(document=DOCUMENTS, levels=st.integers(0, 40))
def test_nesting_is_counted_in_messagepack_as_it_is(document: object, levels: int) -> None:
    for _ in range(levels):
        document = {"a": [b"\x91" * 40, document]}
    assert pack_is_modest(msgspec.msgpack.encode(document)) == (depth(document) <= DEEPEST)


def depth(document: object) -> int:
    """Levels of arrays and maps."""
    inside = document.values() if isinstance(document, dict) else document
    if isinstance(inside, str | bytes) or not isinstance(inside, Iterable):
        return 0
    return 1 + max(map(depth, inside), default=0)


@pytest.mark.parametrize("digits", [20, 4000, 100_000])
def test_an_integer_of_very_many_digits_is_refused(api: Served, north: Office, digits: int) -> None:
    number = b"9" * digits
    body = (
        json.dumps(batch(item(north))).encode().replace(b'"sequence": 1', b'"sequence": ' + number)
    )
    if digits < 100_000:
        malformed(push(api, north, body), "/sequence")
    else:  # no parser reads it
        found = problem(push(api, north, body), 400)
        assert found["errors"][0]["pointer"] == "/transitions/0"
    malformed(push(api, north, body.replace(number, b"1e" + number)), "/sequence")
    query = api.client.get(f"/api/v1/units?limit={'9' * min(digits, 8000)}", headers=north.program)
    problem(query, 400)


def test_a_fault_is_not_as_long_as_the_body(api: Served, north: Office) -> None:
    answer = push_json(api, north, batch(item(north), **{"x" * 500_000: 1}))
    problem(answer, 400)
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("accept", "packed"),
    [
        ("application/msgpack", True),
        ("application/msgpack, application/json", True),
        ("application/json, application/msgpack", False),
        ("application/json;q=0.5, application/msgpack", True),
        ("application/msgpack;q=0.5, application/json;q=0.4", True),
        ("application/x-msgpack; q=0.9, */*;q=0.8", True),
        ("*/*, application/msgpack;q=0.1", False),
        ("application/msgpack;q=0", False),
        ("application/msgpack;q=1e999", False),
        ("application/msgpack;q=inf", False),
        ("application/msgpack;q=nan", False),
        ("application/msgpack;q=", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_the_answer_has_the_format_that_is_liked_best(
    api: Served, north: Office, accept: str, packed: bool
) -> None:
    answer = api.client.get("/api/v1/units", headers=north.program | {"Accept": accept})
    assert answer.status_code == 200
    kind = "application/msgpack" if packed else "application/json"
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", ""])
def test_a_wrong_or_missing_content_type_is_refused(api: Served, north: Office, kind: str) -> None:
    body = json.dumps(batch()).encode()
    headers = north.device | ({"Content-Type": kind} if kind else {})
    problem(api.client.post(PUSH, content=body, headers=headers), 415)


def test_an_integer_beyond_eight_bytes_is_refused(api: Served, north: Office) -> None:
    for number in (2**63, -1, 10**400):
        malformed(push_json(api, north, batch(item(north, sequence=number))), "/sequence")


def test_messagepack_is_read_and_written(api: Served, north: Office) -> None:
    packed = msgspec.msgpack.encode(batch(item(north)))
    answer = push(
        api, north, packed, content_type="application/msgpack", accept="application/msgpack"
    )
    assert answer.headers["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(answer.content)["results"][0]["verdict"] == "accepted"


def test_a_transition_of_anothers_task_is_refused_alone(api: Served, north: Office) -> None:
    foreign = item(north, task=str(uuid.uuid4()))
    answer = push_json(api, north, batch(item(north), foreign, item(north, state="nowhere")))
    verdicts = [result["verdict"] for result in answer.json()["results"]]
    assert verdicts == ["accepted", "parked", "refused"]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "a" * 64, "%00", "é"])
def test_a_forged_cursor_is_refused(api: Served, north: Office, cursor: str) -> None:
    answer = api.client.get(f"/api/v1/sync/pull?cursor={cursor}", headers=north.device)
    problem(answer, 400)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "after=x", "nope=1", "limit=1&limit=2", "after=%00"],
)
def test_a_bad_query_is_refused(api: Served, north: Office, query: str) -> None:
    problem(api.client.get(f"/api/v1/units?{query}", headers=north.program), 400)


@pytest.mark.parametrize("code", ["%FF", "%ED%A0%80"])
def test_a_query_that_is_not_utf_8_is_refused(api: Served, north: Office, code: str) -> None:
    problem(api.client.get(f"/api/v1/states?after={code}", headers=north.program), 400)


@pytest.mark.parametrize("path", ["x", "%00", "00000000-0000-0000-0000-00000000000"])
def test_a_malformed_id_in_a_path_is_not_found(api: Served, north: Office, path: str) -> None:
    problem(api.client.get(f"/api/v1/units/{path}", headers=north.program), 404)


@pytest.mark.parametrize("path", ["states/%00", "states/" + "x" * 99, "states/%FF"])
def test_a_code_that_no_state_can_have_is_not_found(api: Served, north: Office, path: str) -> None:
    problem(api.client.get(f"/api/v1/{path}", headers=north.program), 404)


@pytest.mark.parametrize("external", ["%00", "x" * 201])
def test_an_external_id_that_cannot_be_kept_is_not_found(
    api: Served, north: Office, external: str
) -> None:
    path = f"/api/v1/customers/external/{external}"
    problem(api.client.put(path, json={"name": "x"}, headers=north.program), 404)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "",
        "a b",
        "127.0.0.1:1",
        "127.0.0.1:1.",
        "localhost:65536",
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_wrong_host_is_refused(api: Served, host: str, accept: str) -> None:
    named = {"Host": host, "Accept": accept}
    problem(api.client.get("/api/v1/me", headers=named), 400)
    for path in ("/login", "/healthy", "/health/", "/ready/x", "//health", "/static/x", "/s/x"):
        assert api.client.get(api.base_url + path, headers=named).status_code == 400, path


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "evil.example", "[::1]", ""])
@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_load_balancers_probe_by_any_name(api: Served, host: str, path: str) -> None:
    answer = api.client.get(path, headers={"Host": host})
    assert answer.status_code == 200
    assert answer.content == api.client.get(path).content


def test_our_own_host_with_blanks_after_it_is_refused(api: Served) -> None:
    port = int(api.base_url.rpartition(":")[2])
    for host in (f"127.0.0.1:{port} ", f"127.0.0.1:{port}\t"):
        request = f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        assert b" 400 " in raw(port, request)


def test_two_hosts_or_none_are_refused(api: Served) -> None:
    port = int(api.base_url.rpartition(":")[2])
    for lines in ("", f"Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"):
        assert b" 400 " in raw(port, f"GET /login HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")


def raw(port: int, request: str) -> bytes:
    """The first line of the answer to bytes that no client would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode())
        return connection.makefile("rb").readline()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_cross_origin_post_is_refused(api: Served, headers: dict[str, str]) -> None:
    body = {"email": "a@example.org", "password": "x"}
    problem(api.client.post("/api/v1/sessions", json=body, headers=headers), 403)
    html = {"Accept": "text/html"}
    assert api.client.post("/login", data=body, headers=headers | html).status_code == 403


def test_our_own_origin_and_an_absent_one_may_post(api: Served) -> None:
    body = {"email": "nobody@example.org", "password": "x"}
    own = {"Origin": api.base_url, "Sec-Fetch-Site": "same-origin"}
    problem(api.client.post("/api/v1/sessions", json=body, headers=own), 401)
    problem(api.client.post("/api/v1/sessions", json=body), 401)


def test_a_device_may_push_from_any_origin(api: Served, north: Office) -> None:
    body = json.dumps(batch()).encode()
    assert push(api, north, body, origin="capacitor://localhost").status_code == 200


UNSEEN = ["\u200b", "\ufeff\u200d", "\u00a0", "\u3164", "\u2800", "\ufe0f", "\u200b \u00ad"]
TURNED = ["a\u202eb", "\u202aa", "a\u202c", "\u2066a\u2069", "a\u2068b"]


@pytest.mark.parametrize(
    "bad", ["two\nlines", "a\u2028b", "carriage\rreturn", "", "\x07", *UNSEEN, *TURNED]
)
def test_a_name_that_no_line_can_hold_is_refused(api: Served, north: Office, bad: str) -> None:
    for path in ("/api/v1/customers", "/api/v1/tokens"):
        problem(api.client.post(path, json={"name": bad}, headers=north.program), 400)


@pytest.mark.parametrize(
    "name",
    [
        "Évelyne L\u2019Écuyer\u00a0inc.",
        "محمد علی\u200cرضوی\u200f",
        "\U0001f469\u200d\U0001f527 Plomberie",
        "\u2764\ufe0f",
        "e\u0301",
        "王",
        "ㅎ",
    ],
)
def test_ordinary_names_of_all_languages_are_kept(api: Served, north: Office, name: str) -> None:
    made = api.client.post("/api/v1/customers", json={"name": name}, headers=north.program)
    assert made.json()["name"] == name


@pytest.mark.parametrize(
    "address",
    ["a@example.org, b@example.org", "a@example.org\nBcc: b@example.org", "marie", "a@b\x01.c"],
)
def test_an_address_that_is_not_exactly_one_is_refused_on_a_record_and_costs_no_step(
    api: Served, north: Office, address: str
) -> None:
    body = {"name": "Marie", "email": address}
    problem(api.client.post("/api/v1/customers", json=body, headers=north.program), 400)
    pushed = push_json(api, north, batch(item(north, email=address)))
    assert [one["verdict"] for one in pushed.json()["results"]] == ["accepted"]


@pytest.mark.parametrize("text", ["%FF", "%ED%A0%80", "%00", "\xff", "\x00"])
@pytest.mark.parametrize("place", ["email={}", "{}=x"])
def test_a_form_that_is_no_text_is_answered_with_a_page(api: Served, text: str, place: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = place.format(text).encode("latin-1")
    assert_says_it_cannot_be_read(api.client.post("/login", content=body, headers=HTML | form))


@pytest.mark.parametrize("path", ["/", "/login", "/tasks", "/campaigns", "/mailbox"])
@pytest.mark.parametrize("query", ["q=%FF", "q=%ED%A0%80", "q=a%00b", "%00=a", "lang=%FF"])
def test_a_query_of_the_console_that_is_no_text_is_answered_with_a_page(
    api: Served, path: str, query: str
) -> None:
    assert_says_it_cannot_be_read(api.client.get(f"{path}?{query}", headers=HTML))


def assert_says_it_cannot_be_read(answer: httpx.Response) -> None:
    """The page for people, in French as nobody asked for another language."""
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert "Cette requête est illisible" in answer.text


def test_a_form_of_very_many_fields_is_too_large(api: Served) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    for fields, status in ((100_000, 413), (1001, 413), (1000, 401)):
        body = b"&".join([b"a="] * fields)
        assert api.client.post("/login", content=body, headers=headers).status_code == status


def test_an_error_says_so_in_the_readers_language(api: Served) -> None:
    english = api.client.get("/api/v1/me", headers={"Accept-Language": "en-GB,fr;q=0.5"})
    french = api.client.get("/api/v1/me", headers={"Accept-Language": "de, fr;q=0.3"})
    assert problem(english, 401)["title"] == "Sign in first"
    assert problem(french, 401)["title"] == "Connectez-vous d\u2019abord"
    assert french.headers["content-language"] == "fr-CA"


def test_people_get_a_page_and_programs_a_problem(api: Served) -> None:
    page = api.client.get("/nowhere", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    problem(api.client.get("/nowhere"), 404)
    problem(api.client.get("/api/v1/nowhere", headers={"Accept": "text/html"}), 404)


def test_no_error_echoes_what_was_asked(api: Served) -> None:
    secret = "GQG1EDA5" + "s" * 43
    for path in (f"/api/v1/{secret}", f"/s/{secret}", f"/u/{secret}", f"/api/v1/units/{secret}"):
        for accept in ("text/html", "application/json"):
            answer = api.client.get(path, headers={"Accept": accept})
            assert answer.status_code in {401, 404}
            assert secret not in answer.text


def test_a_wrong_method_is_told_the_right_ones(api: Served) -> None:
    answer = api.client.delete("/api/v1/units")
    problem(answer, 405)
    assert "POST" in answer.headers["allow"]


def test_every_answer_carries_the_security_headers(api: Served) -> None:
    for path in ("/health", "/login", "/nowhere", "/api/v1/me"):
        headers = api.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers
