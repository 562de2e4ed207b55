"""Signing in and out, API tokens, roles, and the throttle that slows guesses down."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest

from server.access.rate_limit import PER_BROWSER, PER_PEER, PER_PERSON, PER_PERSON_AND_PEER, Bucket
from server.access.trusted_browser import LIFE as KNOWN_LIFE
from sync import tokens
from tests.support.api_process import Served, served
from tests.support.coroutines import apart
from tests.support.databases import TestDatabase, clone
from tests.support.office import PASSWORD, Office, open_office
from tests.support.owner import owning
from tests.support.signing_in import ME, SESSIONS, rows, shift_clock, sign_in

pytestmark = pytest.mark.slow


@pytest.fixture
def browser(api: Served) -> Iterator[httpx.Client]:
    """A browser without cookies."""
    with httpx.Client(base_url=api.base_url, timeout=20) as client:
        yield client


def test_a_session_is_a_cookie_that_scripts_cannot_read(
    north: Office, browser: httpx.Client
) -> None:
    answer = sign_in(browser, north.address("manager"))
    assert answer.status_code == 204
    cookies = answer.headers.get_list("set-cookie")
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["retour", "retour-known"]
    for cookie in cookies:
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
    me = browser.get(ME).json()
    assert (me["role"], me["account"]) == ("manager", north.world.account)


def test_under_https_the_cookie_is_secure_and_bound_to_the_host(
    shared: TestDatabase, north: Office
) -> None:
    with served(shared, origin="https://retour.example", hosts="127.0.0.1") as secure:
        origin = {"Origin": "https://retour.example", "Host": "retour.example"}
        body = {"email": north.address("manager"), "password": PASSWORD}
        answer = secure.client.post(SESSIONS, json=body, headers=origin)
        cookies = answer.headers.get_list("set-cookie")
        names = sorted(cookie.partition("=")[0] for cookie in cookies)
        assert names == ["__Host-retour", "__Host-retour-known"]
        assert all("Secure" in cookie.split("; ") for cookie in cookies)
        assert "max-age=" in answer.headers["strict-transport-security"]


def test_only_the_hash_of_a_session_is_stored(
    shared: TestDatabase, north: Office, browser: httpx.Client
) -> None:
    sign_in(browser, north.address("manager"))
    ref = tokens.read(browser.cookies["retour"])
    assert ref is not None
    found = rows(shared.owner, "SELECT * FROM session WHERE token_hash = $1", ref.hash)
    assert len(found) == 1


def test_a_session_id_planted_before_login_is_replaced(
    north: Office, browser: httpx.Client
) -> None:
    planted = tokens.write(north.world.account, tokens.mint())
    browser.cookies.set("retour", planted, domain="127.0.0.1")
    sign_in(browser, north.address("manager"))
    assert browser.cookies["retour"] != planted
    assert browser.get(ME, headers={"Cookie": f"retour={planted}"}).status_code == 401


def test_signing_in_again_ends_the_session_that_the_browser_had(
    north: Office, browser: httpx.Client
) -> None:
    sign_in(browser, north.address("manager"))
    first = browser.cookies["retour"]
    sign_in(browser, north.address("manager"))
    browser.cookies.clear()
    assert browser.get(ME, headers={"Cookie": f"retour={first}"}).status_code == 401


def test_signing_out_ends_the_session_for_good(north: Office, browser: httpx.Client) -> None:
    sign_in(browser, north.address("manager"))
    token = browser.cookies["retour"]
    assert browser.delete(SESSIONS).status_code == 204
    assert "retour" not in browser.cookies
    assert browser.get(ME, headers={"Cookie": f"retour={token}"}).status_code == 401
    assert browser.delete(SESSIONS).status_code == 204


@pytest.mark.parametrize("junk", ["x", "A" * 51, "0" * 51, "é" * 51, ""])
def test_a_cookie_that_is_no_token_is_nobody(browser: httpx.Client, junk: str) -> None:
    headers = {"Cookie": f"retour={junk}".encode()}
    assert browser.get(ME, headers=headers).status_code == 401  # type: ignore[arg-type]


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    north: Office, browser: httpx.Client
) -> None:
    wrong = sign_in(browser, north.address("dispatcher"), "wrong")
    unknown = sign_in(browser, "nobody@example.org", "wrong")
    malformed = sign_in(browser, "no address at all", "wrong")
    assert wrong.status_code == unknown.status_code == malformed.status_code == 401
    assert wrong.text == unknown.text == malformed.text


def test_a_technician_does_not_sign_in(north: Office, browser: httpx.Client) -> None:
    assert sign_in(browser, north.address("technician")).status_code == 403
    assert "retour" not in browser.cookies


def test_the_right_account_is_found_by_the_password(
    api: Served, north: Office, south: Office, browser: httpx.Client
) -> None:
    shared_address = {"email": north.address("dispatcher")}
    user = south.people["dispatcher"]
    change = api.client.post(
        "/api/v1/users",
        json=shared_address | {"id": str(user)},
        headers=south.program,
    )
    assert change.status_code == 201, change.text
    other = {"password": "another long password"}
    path = f"/api/v1/users/{user}/password"
    assert api.client.post(path, json=other, headers=south.program).status_code == 204
    sign_in(browser, shared_address["email"], other["password"])
    assert browser.get(ME).json()["account"] == south.world.account


def test_an_inactive_user_is_out_at_once(api: Served, north: Office) -> None:
    user = {"name": "Zoé", "email": "zoe@example.org", "role": "manager"}
    unit = {"unit": str(north.world.site)}
    made = api.client.post("/api/v1/users", json=user | unit, headers=north.program).json()
    path = f"/api/v1/users/{made['id']}/password"
    api.client.post(path, json={"password": PASSWORD}, headers=north.program)
    with httpx.Client(base_url=api.base_url, timeout=20) as browser:
        assert sign_in(browser, "zoe@example.org").status_code == 204
        gone = {"id": made["id"], "active": False}
        api.client.post("/api/v1/users", json=gone, headers=north.program)
        assert browser.get(ME).status_code == 401
        assert sign_in(browser, "zoe@example.org").status_code == 401


def test_a_new_password_and_a_leave_end_all_sessions(api: Served, north: Office) -> None:
    user = {"name": "Max", "email": "max@example.org", "role": "manager"}
    unit = {"unit": str(north.world.site)}
    made = api.client.post("/api/v1/users", json=user | unit, headers=north.program).json()
    path = f"/api/v1/users/{made['id']}/password"
    api.client.post(path, json={"password": PASSWORD}, headers=north.program)
    with httpx.Client(base_url=api.base_url, timeout=20) as browser:
        sign_in(browser, "max@example.org")
        api.client.post(path, json={"password": "a new long password"}, headers=north.program)
        assert browser.get(ME).status_code == 401
        sign_in(browser, "max@example.org", "a new long password")
        for active in (False, True):
            change = {"id": made["id"], "active": active}
            api.client.post("/api/v1/users", json=change, headers=north.program)
        assert browser.get(ME).status_code == 401


def test_who_is_asking_for_something_is_in_nobodys_way_who_ends_the_session(
    api: Served, north: Office, browser: httpx.Client
) -> None:
    sign_in(browser, north.address("dispatcher"))
    person, codes = north.people["dispatcher"], {"user": str(north.world.alice)}

    async def end() -> int:
        async with owning(api.database.owner) as owner, owner.connection.transaction():
            await owner.connection.execute("UPDATE app_user SET name = name WHERE id = $1", person)
            post = partial(browser.post, "/api/v1/devices/codes", json=codes)
            asking = asyncio.create_task(asyncio.to_thread(post))
            await owner.until_waiting(1)
            await owner.connection.execute("DELETE FROM session WHERE app_user = $1", person)
        return (await asking).status_code

    assert apart(end()) == 401


@pytest.mark.parametrize("name", ["a\n", "a\u2028b", "a\x85", " ", ""])
def test_a_token_is_called_by_one_plain_line(api: Served, north: Office, name: str) -> None:
    answer = api.client.post("/api/v1/tokens", json={"name": name}, headers=north.program)
    assert answer.status_code == 400


def test_a_token_opens_the_api_until_it_is_revoked(api: Served, north: Office) -> None:
    made = api.client.post("/api/v1/tokens", json={"name": "ERP"}, headers=north.program).json()
    assert made["token"].startswith("rta_")
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert api.client.get(ME, headers=bearer).json()["name"] == "ERP"
    listed = api.client.get("/api/v1/tokens", headers=bearer).json()["items"]
    assert made["id"] in {one["id"] for one in listed}
    assert made["token"] not in str(listed)
    for _ in range(2):
        gone = api.client.delete(f"/api/v1/tokens/{made['id']}", headers=north.program)
        assert gone.status_code == 204
    assert api.client.get(ME, headers=bearer).status_code == 401


@pytest.mark.parametrize("key", ["00", "zz", "é"])
def test_an_unknown_token_cannot_be_revoked(api: Served, north: Office, key: str) -> None:
    assert api.client.delete(f"/api/v1/tokens/{key}", headers=north.program).status_code == 404


def test_a_credential_of_one_kind_opens_nothing_of_another(api: Served, north: Office) -> None:
    as_api = {"Authorization": "Bearer rta_" + north.credential.removeprefix("rtd_")}
    as_device = {"Authorization": "Bearer rtd_" + north.token.removeprefix("rta_")}
    bare = {"Authorization": f"Bearer {north.token.removeprefix('rta_')}"}
    pull = "/api/v1/sync/pull"
    assert api.client.get(ME, headers=north.device).status_code == 401
    assert api.client.get(pull, headers=north.program).status_code == 401
    assert api.client.get(ME, headers=as_api).status_code == 401
    assert api.client.get(pull, headers=as_device).status_code == 401
    assert api.client.get(ME, headers=bare).status_code == 401
    assert api.client.get(ME, headers={"Authorization": "Basic eDp5"}).status_code == 401
    answer = api.client.get(pull)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("role", "path", "body", "status"),
    [
        ("manager", "/api/v1/tasks", {}, 403),
        ("manager", "/api/v1/units", {}, 403),
        ("dispatcher", "/api/v1/units", {}, 403),
        ("dispatcher", "/api/v1/tokens", {"name": "x"}, 403),
        ("dispatcher", "/api/v1/tasks", {}, 400),
        ("administrator", "/api/v1/tokens", {"name": "x"}, 201),
    ],
)
def test_each_role_may_write_what_is_its_own(
    north: Office, browser: httpx.Client, role: str, path: str, body: object, status: int
) -> None:
    sign_in(browser, north.address(role))
    assert browser.get("/api/v1/units").status_code == 200
    assert browser.post(path, json=body).status_code == status


@pytest.fixture
def guessed(template: TestDatabase) -> Iterator[TestDatabase]:
    """A database whose throttle a test may fill."""
    with clone(template) as made:
        yield made


def test_guesses_for_one_person_are_slowed_down_and_never_locked_out(
    guessed: TestDatabase,
) -> None:
    office = open_office(guessed)
    with served(guessed) as api:
        address = office.address("manager")
        for _ in range(PER_PERSON_AND_PEER.burst):
            assert sign_in(api.client, address, "wrong").status_code == 401
        refused = sign_in(api.client, address)
        assert refused.status_code == 429
        wait = int(refused.headers["retry-after"])
        assert 0 < wait <= PER_PERSON_AND_PEER.interval.total_seconds() + 1
        assert sign_in(api.client, office.address("dispatcher")).status_code == 204
        shift_clock(guessed.owner, timedelta(seconds=wait))
        assert sign_in(api.client, address).status_code == 204


GUESSED = "INSERT INTO throttle (bucket, window_start, hits) VALUES ($1, $2, 1000)"


def test_guesses_from_everywhere_do_not_keep_the_owner_out(guessed: TestDatabase) -> None:
    office = open_office(guessed)
    address = office.address("manager")
    with served(guessed) as api:
        assert sign_in(api.client, address).status_code == 204
        api.client.delete(SESSIONS)
        # Others guess, and go on for an hour.
        person = f"{office.world.account}/{office.people['manager']}"
        bucket = Bucket(f"login of {person}", PER_PERSON).key
        rows(guessed.owner, GUESSED, bucket, datetime.now(UTC) + timedelta(hours=1))
        with httpx.Client(base_url=api.base_url, timeout=20) as stranger:
            assert sign_in(stranger, address).status_code == 429
        assert sign_in(api.client, address, "a slip").status_code == 401
        assert sign_in(api.client, address).status_code == 204


def test_a_known_browser_is_slowed_down_alone(guessed: TestDatabase) -> None:
    office = open_office(guessed)
    address = office.address("manager")
    with served(guessed) as api:
        sign_in(api.client, address)
        for _ in range(PER_BROWSER.burst):
            assert sign_in(api.client, address, "wrong").status_code == 401
        assert sign_in(api.client, address).status_code == 429
        with httpx.Client(base_url=api.base_url, timeout=20) as stranger:
            assert sign_in(stranger, address).status_code == 204


def test_a_browser_is_known_for_one_person_for_a_while_and_by_our_word_alone(
    guessed: TestDatabase,
) -> None:
    office = open_office(guessed)
    manager, dispatcher = office.address("manager"), office.address("dispatcher")
    with served(guessed) as api:
        sign_in(api.client, dispatcher)
        others = api.client.cookies["retour-known"]
        sign_in(api.client, manager)
        ours = api.client.cookies["retour-known"]
        assert others != ours
        assert str(office.people["manager"]) not in ours
        for _ in range(PER_PERSON_AND_PEER.burst):
            httpx.post(api.base_url + SESSIONS, json={"email": manager, "password": "wrong"})
        altered = ours[:-2] + ("AA" if ours[-2:] != "AA" else "BB")
        for worthless in (others, altered, ours[:20], "", "é", "A" * len(ours)):
            api.client.cookies.clear()
            headers = {"Cookie": f"retour-known={worthless}".encode()}
            body = {"email": manager, "password": PASSWORD}
            answer = api.client.post(SESSIONS, json=body, headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 429, worthless
        shift_clock(guessed.owner, KNOWN_LIFE + timedelta(minutes=1))
        for _ in range(PER_PERSON_AND_PEER.burst):
            httpx.post(api.base_url + SESSIONS, json={"email": manager, "password": "wrong"})
        api.client.cookies.set("retour-known", ours)
        assert sign_in(api.client, manager).status_code == 429


def test_guesses_for_many_people_from_one_place_are_slowed_down(guessed: TestDatabase) -> None:
    with served(guessed) as api:
        assert sign_in(api.client, "person1@example.org", "wrong").status_code == 401
        counted = "SELECT hits FROM throttle WHERE bucket = $1"
        bucket = Bucket("login from 127.0.0.1", PER_PEER).key
        assert rows(guessed.owner, counted, bucket)[0]["hits"] == 1
        later = datetime.now(UTC) + timedelta(hours=1)
        rows(
            guessed.owner, "UPDATE throttle SET window_start = $2 WHERE bucket = $1", bucket, later
        )
        for number in (2, 3):
            address = f"person{number}@example.org"
            assert sign_in(api.client, address, "wrong").status_code == 429


def test_a_rotating_forwarded_address_hits_the_same_bucket(guessed: TestDatabase) -> None:
    with served(guessed) as api:
        statuses = [
            api.client.post(
                SESSIONS,
                json={"email": "a@example.org", "password": "wrong"},
                headers={"X-Forwarded-For": f"10.0.0.{number}"},
            ).status_code
            for number in range(PER_PERSON_AND_PEER.burst + 1)
        ]
    assert statuses[-1] == 429


def test_behind_a_trusted_proxy_each_client_has_its_own_bucket(guessed: TestDatabase) -> None:
    def guess(api: Served, forwarded: str) -> int:
        return api.client.post(
            SESSIONS,
            json={"email": "a@example.org", "password": "wrong"},
            headers={"X-Forwarded-For": forwarded},
        ).status_code

    with served(guessed, trusted_proxies="127.0.0.0/8, 10.1.0.0/16") as api:
        for number in range(PER_PERSON_AND_PEER.burst):
            assert guess(api, f"1.2.3.{number}, 192.0.2.7, 10.1.0.1") == 401
        assert guess(api, "192.0.2.7") == 429
        assert guess(api, "192.0.2.8") == 401
        assert guess(api, "2001:db8::1") == 401
        assert guess(api, "nonsense") == 401
        assert guess(api, "10.1.0.1") == 401


def test_unknown_enrolment_codes_are_slowed_down(guessed: TestDatabase) -> None:
    with served(guessed) as api:
        body = {"code": "AAAA-AAAA-AAAA-AAAA", "name": "x"}
        statuses = [
            api.client.post("/api/v1/devices/enrol", json=body).status_code for _ in range(61)
        ]
    assert statuses == [400] * 60 + [429]


def test_no_line_of_the_log_holds_a_token(
    api: Served, north: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tokens.write(north.world.account, tokens.mint())
    for path in (f"/s/{secret}", f"/u/{secret}", f"/api/v1/tokens/{secret}", f"/{secret}"):
        api.client.get(path, headers=north.program)
    logged = capsys.readouterr().out
    assert "/s/{token}" in logged
    assert secret not in logged
