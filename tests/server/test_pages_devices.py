"""Devices in the console: who has which, a code with its QR, and the end of a device."""

import html
import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import segno
from playwright.sync_api import Browser, expect

from server.console.device_list import SCREENFUL
from sync.database import Tx
from sync.ids import new_id
from sync.records.people import put_users
from sync.records.shapes import UserPut
from tests.support.api_process import Served
from tests.support.browser import PHONE, visiting
from tests.support.databases import TestDatabase
from tests.support.form_browser import HTML, browsing, words_of
from tests.support.office import Office
from tests.support.signed_in import COOKIE, enter
from tests.support.stories import on

pytestmark = pytest.mark.slow

CODE: Final = re.compile(r"<code>([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})</code>")


@pytest.fixture
def diane(api: Served, north: Office) -> Iterator[httpx.Client]:
    """The office's dispatcher in a browser that speaks English."""
    with browsing(api, north) as browser:
        yield browser


def code_in(page: str) -> str:
    """The enrolment code that a page shows."""
    found = CODE.search(page)
    assert found is not None, words_of(page)
    return found[1]


def issue(browser: httpx.Client, path: str) -> httpx.Response:
    """The page of a new code."""
    asked = browser.post(path)
    assert asked.status_code == 303
    return browser.get(asked.headers["location"])


def enrol(api: Served, code: str, name: str) -> dict[str, Any]:
    """What a device gets for a code."""
    answer = api.client.post("/api/v1/devices/enrol", json={"code": code, "name": name})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_code_shown_in_the_console_enrols_a_device_once(
    api: Served, north: Office, diane: httpx.Client
) -> None:
    page = issue(diane, f"/devices/enrol/{north.world.bob}")
    code = code_in(page.text)
    assert code_in(diane.get(str(page.url)).text) == code
    assert page.text.index("A phone cannot reach") < page.text.index("<figure")
    enrol(api, code, "Bobs Pixel")
    used = diane.get(str(page.url)).text
    assert "“Bobs Pixel” is enrolled" in words_of(used)
    assert CODE.search(used) is None
    elsewhere = str(page.url).replace(str(north.world.bob), str(north.world.carol))
    assert "Make a code" in words_of(diane.get(elsewhere).text)
    again = api.client.post("/api/v1/devices/enrol", json={"code": code, "name": "x"})
    assert again.status_code == 400
    assert "Bobs Pixel" in words_of(diane.get("/devices").text)


def test_the_page_of_a_code_says_until_when_it_works_and_offers_another(
    north: Office, diane: httpx.Client
) -> None:
    path = f"/devices/enrol/{north.world.bob}"
    first = issue(diane, path)
    assert "10 minutes" in words_of(first.text)
    assert "Reload this page to see whether the device is enrolled." in words_of(first.text)
    assert f'action="{path}"' in first.text
    assert code_in(issue(diane, path).text) != code_in(first.text)
    assert first.headers["cache-control"] == "no-store"


def test_the_page_says_where_a_phone_cannot_open_the_square(
    north: Office, diane: httpx.Client
) -> None:
    path = f"/devices/enrol/{north.world.bob}"
    assert "it is an address of this computer alone" in words_of(diane.get(path).text)


def test_the_square_says_the_link_that_opens_the_app_with_the_code(
    api: Served, north: Office, diane: httpx.Client
) -> None:
    page = issue(diane, f"/devices/enrol/{north.world.bob}").text
    link = f"{api.base_url}/tech/#enrol={code_in(page)}"
    wanted = segno.make_qr(link, error="m").matrix_iter(border=4)
    drawn = re.search(r'class="dark"[^>]* d="([^"]+)"', page)
    assert drawn is not None
    dark, x, y = set(), 0.0, 0.0
    for move, right, down, length in re.findall(r"(M|m)(-?\d+) ([-\d.]+)|h(\d+)", drawn[1]):
        if length:
            dark |= {(int(x) + step, int(y)) for step in range(int(length))}
            x += int(length)
        else:
            x, y = int(right) + x * (move == "m"), float(down) + y * (move == "m")
    assert dark == {(x, y) for y, row in enumerate(wanted) for x, bit in enumerate(row) if bit}


def test_the_page_says_by_itself_that_the_device_is_enrolled(
    api: Served, north: Office, browser: Browser
) -> None:
    with visiting(browser, PHONE, scripts=True) as page:
        enter(page.context, api.database, north.address("dispatcher"), api.base_url)
        page.goto(f"{api.base_url}/devices/enrol/{north.world.bob}?lang=en")
        page.get_by_role("button", name="Make a code").click()
        code = page.locator(".code code").inner_text()
        page.reload()
        expect(page.locator(".code code")).to_have_text(code)
        expect(page.get_by_text("This page says when the device is enrolled.")).to_be_visible()
        expect(page.get_by_text("Reload this page")).to_have_count(0)
        address = page.url
        page.context.clear_cookies(name=COOKIE)
        expect(page.get_by_text("Your session has ended")).to_be_visible()
        expect(page.get_by_text("This page says when")).to_have_count(0)
        page.locator("#over").get_by_role("link", name="Sign in").click()
        expect(page).to_have_url(re.compile("/login"))
        enter(page.context, api.database, north.address("dispatcher"), api.base_url)
        page.goto(address)
        enrol(api, code, "Poche")
        expect(page.get_by_role("heading", name="“Poche” is enrolled")).to_be_visible()


def test_a_code_that_nobody_used_in_time_says_so(
    shared: TestDatabase, north: Office, diane: httpx.Client
) -> None:
    page = issue(diane, f"/devices/enrol/{north.world.bob}")

    async def expire(opened: Tx) -> None:
        await opened.execute(
            "UPDATE enrolment_code SET expires_at = $1 WHERE used_at IS NULL", opened.now
        )

    on(shared, north.world.account, expire)
    assert "The code has expired" in words_of(diane.get(str(page.url)).text)
    for wrong in ("?code=", "?code=x", f"?code={new_id()}"):
        assert "Make a code" in words_of(diane.get(f"{page.url.path}{wrong}").text)


def test_names_are_listed_as_the_language_orders_them(
    shared: TestDatabase, api: Served, north: Office
) -> None:
    names = ["zoé Ange", "Ève", "Zoé", "etienne", "Eva", "Étienne", "Œuvrard", "Odile", "Oscar"]
    people = [
        UserPut(
            unit=north.world.site,
            role="technician",
            name=f"Ordre {name}",
            email=f"ordre.{place}@example.org",
        )
        for place, name in enumerate(names)
    ]
    on(shared, north.world.account, lambda opened: put_users(opened, people))
    with browsing(api, north) as browser:
        page = browser.get("/devices?q=ordre").text
    wanted = ["etienne", "Étienne", "Eva", "Ève", "Odile", "Œuvrard", "Oscar", "Zoé", "zoé Ange"]
    assert re.findall(r"Ordre ([^<]+)(?=<span)", page) == wanted


def test_a_device_says_when_it_was_last_heard_of(
    api: Served, north: Office, diane: httpx.Client
) -> None:
    code = code_in(issue(diane, f"/devices/enrol/{north.world.bob}").text)
    bearer = {"Authorization": f"Bearer {enrol(api, code, 'Neuf')['credential']}"}
    assert "Neuf enrolled just now" in words_of(diane.get("/devices").text)
    assert api.client.get("/api/v1/sync/pull", headers=bearer).status_code == 200
    assert "Neuf last seen just now" in words_of(diane.get("/devices").text)


def test_reading_the_page_makes_no_code(north: Office, diane: httpx.Client) -> None:
    page = diane.get(f"/devices/enrol/{north.world.bob}")
    assert page.status_code == 200
    assert CODE.search(page.text) is None
    assert "Make a code" in words_of(page.text)


def test_a_revoked_device_is_shut_out_and_shown_as_such(
    api: Served, north: Office, diane: httpx.Client
) -> None:
    enrolled = enrol(
        api, code_in(issue(diane, f"/devices/enrol/{north.world.carol}").text), "Vieux"
    )
    bearer = {"Authorization": f"Bearer {enrolled['credential']}"}
    assert api.client.get("/api/v1/sync/pull", headers=bearer).status_code == 200
    asked = words_of(diane.get(f"/devices/{enrolled['device']}/revoke").text)
    assert "What waits on it is kept there" in asked
    assert api.client.get("/api/v1/sync/pull", headers=bearer).status_code == 200
    for _ in range(2):
        done = diane.post(f"/devices/{enrolled['device']}/revoke")
        assert done.status_code == 303
    assert api.client.get("/api/v1/sync/pull", headers=bearer).status_code == 401
    told = words_of(diane.get(done.headers["location"]).text)
    assert "“Vieux” of Carol is revoked." in told
    assert "1 revoked device" in told
    assert "Revoke the device" not in diane.get(f"/devices/{enrolled['device']}/revoke").text


def test_managers_look_and_do_not_act(api: Served, north: Office, diane: httpx.Client) -> None:
    path = f"/devices/enrol/{north.world.bob}"
    device = enrol(api, code_in(issue(diane, path).text), "Bobs Tablet")["device"]
    with browsing(api, north, "manager") as manager:
        page = manager.get("/devices")
        assert "Bobs Tablet" in page.text
        assert "/devices/enrol/" not in page.text
        assert "/revoke" not in page.text
        for answer in (
            manager.get(path),
            manager.post(path),
            manager.get(f"/devices/{device}/revoke"),
            manager.post(f"/devices/{device}/revoke"),
        ):
            assert answer.status_code == 403
    assert "Bobs Tablet" in diane.get("/devices?q=Bobs+Tablet").text


def test_a_stranger_is_sent_to_the_login_page(api: Served, north: Office) -> None:
    for path in ("/devices", f"/devices/enrol/{north.world.bob}"):
        away = api.client.get(path, headers=HTML)
        assert (away.status_code, away.headers["location"][:7]) == (303, "/login?")
    assert api.client.post(f"/devices/enrol/{north.world.bob}").status_code == 401


def test_people_are_found_by_their_name_or_their_devices(
    api: Served, north: Office, diane: httpx.Client
) -> None:
    enrol(api, code_in(issue(diane, f"/devices/enrol/{north.world.alice}").text), "Rouge 100%")
    for sought in ("alic", "100%25", "rouge"):
        found = words_of(diane.get(f"/devices?q={sought}").text)
        assert "Alice" in found, sought
        assert "Carol" not in found, sought
    nobody = diane.get("/devices?q=100%25%25")
    assert "Nobody matches" in words_of(nobody.text)


def test_only_technicians_of_the_account_are_given_codes(
    north: Office, south: Office, diane: httpx.Client
) -> None:
    wrong = (south.world.alice, north.people["manager"], new_id())
    for key in wrong:
        answers = diane.get(f"/devices/enrol/{key}"), diane.post(f"/devices/enrol/{key}")
        assert [answer.status_code for answer in answers] == [404, 404]


def test_many_people_come_a_screenful_at_a_time(
    shared: TestDatabase, api: Served, south: Office
) -> None:
    crowd = [
        UserPut(
            unit=south.world.site,
            role="technician",
            name=f"Zoe {place:03}",
            email=f"zoe.{place}@example.org",
        )
        for place in range(SCREENFUL + 5)
    ]
    on(shared, south.world.account, lambda opened: put_users(opened, crowd))
    with browsing(api, south) as browser:
        seen: list[str] = []
        path = "/devices?q=zoe"
        while path:
            page = browser.get(path).text
            seen += re.findall(r"Zoe \d{3}(?=<span)", page)
            more = re.search(r'href="(/devices\?[^"]*after=[^"]*)"', page)
            path = html.unescape(more[1]) if more else ""
    assert seen == [person.name for person in crowd]


def test_names_are_written_as_they_are(shared: TestDatabase, api: Served, north: Office) -> None:
    hostile = '<script>alert("1")</script>{{ 7 * 7 }}'
    person = UserPut(
        unit=north.world.site, role="technician", name=hostile, email="hostile@example.org"
    )
    (key,) = on(shared, north.world.account, lambda opened: put_users(opened, [person]))
    with browsing(api, north) as browser:
        for page in (browser.get("/devices?q=script"), issue(browser, f"/devices/enrol/{key}")):
            assert "<script>alert" not in page.text
            assert hostile in words_of(page.text)
