"""Heads, queries, cookies and forms of pages that are refused before they cost anything."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx
import pytest
from litestar import _parsers
from litestar._asgi.routing_trie import traversal
from litestar._kwargs import extractors

from server.app import create_app
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing
from tests.support.office import PASSWORD, Office
from tests.support.patience import soon

pytestmark = pytest.mark.slow

HTML = {"Accept": "text/html"}
FORM = "application/x-www-form-urlencoded"
KIB = 1 << 10


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("path", ["/login", "/s/x", "/api/v1/me", "/health", "/nowhere"])
def test_queries_and_cookies_of_more_than_8_kib_are_refused(
    api: Served, path: str, accept: str
) -> None:
    headers = {"Accept": accept}
    usual = api.client.get(path, headers=headers).status_code
    for length, status in ((8 * KIB, usual), (8 * KIB + 1, 431)):
        query = api.client.get(f"{path}?{'q' * length}", headers=headers)
        cookie = api.client.get(path, headers=headers | {"Cookie": "a" * length})
        assert {query.status_code, cookie.status_code} == {status}
    halves = [("Cookie", "a" * 5 * KIB), ("Cookie", "b" * 5 * KIB), ("Accept", accept)]
    assert api.client.get(path, headers=halves).status_code == 431


@pytest.mark.parametrize("cookie", ['a="\\\\"', "a=\\", '\\=b; language="en"', 'a="\\054"'])
def test_a_cookie_with_a_backslash_is_refused(api: Served, cookie: str) -> None:
    problem = api.client.get("/api/v1/me", headers={"Cookie": cookie})
    assert (problem.status_code, problem.json()["type"]) == (400, "urn:retour:problem:bad_cookie")
    page = api.client.get("/login", headers=HTML | {"Cookie": cookie, "Accept-Language": "en"})
    assert page.status_code == 400
    assert "Delete the cookies of this site" in page.text


def test_a_long_cookie_is_refused_in_words(api: Served) -> None:
    page = api.client.get("/login", headers=HTML | {"Cookie": "a" * 9 * KIB})
    assert page.status_code == 431
    assert "supprimez les témoins de ce site" in page.text


def test_cookies_are_read_with_and_without_quotation_marks(api: Served) -> None:
    for cookie in ("language=en", 'language="en"', "a; =b;;language = en ;c=d=e"):
        page = api.client.get("/login", headers=HTML | {"Cookie": cookie})
        assert page.headers["content-language"] == "en-CA"


def test_a_known_browser_and_a_session_come_back_as_they_were_given(
    api: Served, north: Office
) -> None:
    with browsing(api, north) as browser:
        form = {"email": north.address("dispatcher"), "password": PASSWORD}
        assert browser.post("/login", data=form).status_code == 303
        assert browser.get("/tasks").status_code == 200
        given = dict(browser.cookies)
        assert browser.post("/login", data=form).status_code == 303
        assert dict(browser.cookies) != given


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=b",
        "text/plain",
        "application/json",
        f"{FORM}; charset=latin-1",
        f"{FORM}; charset=utf-8; charset=punycode",
        f'{FORM}; charset="idna"',
        "application/x-www-form-urlencodedx",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout", "/s/x", "/tasks/x/transitions", "/nowhere"])
def test_a_form_that_is_not_urlencoded_utf_8_is_refused(api: Served, path: str, kind: str) -> None:
    headers = HTML | ({"Content-Type": kind} if kind else {})
    assert api.client.post(path, content=b"a=b", headers=headers).status_code == 415


@pytest.mark.parametrize("kind", [FORM, f"{FORM};charset=UTF-8", f'{FORM} ; Charset="utf-8"'])
def test_a_form_in_utf_8_is_read(api: Served, kind: str) -> None:
    headers = HTML | {"Content-Type": kind}
    answer = api.client.post("/login", content="email=é&password=x".encode(), headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("codec", ["punycode", "idna", "unicode_escape", "utf-7", "no-such-thing"])
def test_a_part_that_names_its_own_codec_is_not_decoded(api: Served, codec: str) -> None:
    part = (
        b'--b\r\nContent-Disposition: form-data; name="email"\r\n'
        b"Content-Type: text/plain; charset=%b\r\n\r\n%b\r\n--b--\r\n"
        % (codec.encode(), b"\\x" * 400_000)
    )
    headers = HTML | {"Content-Type": "multipart/form-data; boundary=b"}
    with answering_meanwhile(api):
        assert api.client.post("/login", content=part, headers=headers).status_code == 415


@contextmanager
def answering_meanwhile(api: Served) -> Iterator[None]:
    """What happens inside leaves /health answering soon after its end."""
    yield
    started = time.monotonic()
    assert httpx.get(f"{api.base_url}/health", timeout=20).status_code == 200
    assert time.monotonic() - started < soon()


def test_the_framework_keeps_nothing_of_what_strangers_send(
    shared: TestDatabase, api: Served, north: Office
) -> None:
    """Its caches stay as they were, through 200 queries, cookies, paths and forms."""
    caches = (
        _parsers.parse_query_string,
        _parsers.parse_cookie_string,
        _parsers.parse_url_encoded_form_data,
        extractors.create_query_default_dict,
    )
    before = [cache.cache_info().currsize for cache in caches]
    paths = ("/login", "/s/{}", "/u/{}", "/api/v1/units", "/nowhere/{}", "/static/{}", "/tech/{}")
    for number in range(200):
        path = paths[number % len(paths)].format(quote(f"é{number}"))
        cookie = {"Cookie": f"language=en; n={number}"}
        api.client.get(f"{path}?q={number}", headers=HTML | north.program | cookie)
    for number in range(50):
        api.client.post("/login", data={"email": f"{number}", "password": "x"}, headers=HTML)
    assert [cache.cache_info().currsize for cache in caches] == before
    assert not hasattr(traversal.parse_path_params, "cache_info")
    app = create_app(shared.settings(), shared.api, lambda _: None)
    assert not hasattr(app.asgi_router.handle_routing, "cache_info")
