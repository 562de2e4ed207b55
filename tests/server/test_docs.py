"""The document for people and programs is made once, whoever comes and however many."""

import html
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.api_process import Served
from tests.support.patience import soon

PATHS = ("/api/docs", "/api/openapi.json")


def ask(api: Served, path: str, **headers: str) -> httpx.Response:
    """One request of a client that keeps nothing."""
    return httpx.get(f"{api.base_url}{path}", headers=headers, timeout=20)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_a_reader_who_has_it_is_told_so(api: Served, path: str, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    whole = ask(api, path, **headers)
    assert whole.headers.get("content-encoding", "identity") == encoding
    assert "Accept-Encoding" in whole.headers["vary"]
    assert whole.headers["cache-control"] == "no-cache"
    assert len(whole.content) > 50_000
    if encoding != "identity":
        assert int(whole.headers["content-length"]) < len(whole.content) / 5
    again = ask(api, path, **headers, **{"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == whole.headers["etag"]
    other = ask(api, path, **headers, **{"If-None-Match": '"0123456789abcdef"'})
    assert other.status_code == 200


def test_the_page_is_read_in_both_languages_and_keeps_the_one_chosen(api: Served) -> None:
    french, english = (ask(api, "/api/docs", **{"Accept-Language": one}) for one in ("fr", "en"))
    assert french.headers["content-language"] == "fr-CA"
    assert english.headers["content-language"] == "en-CA"
    assert french.headers["etag"] != english.headers["etag"]
    assert "Les heures portent leur décalage" in french.text
    assert "Times carry an offset" in english.text
    assert "Times carry" not in french.text
    assert {"Accept-Language", "Cookie"} <= set(english.headers["vary"].split(", "))
    chosen = ask(api, "/api/docs?lang=en&x=%3Cscript%3E", **{"Accept-Language": "fr"})
    assert chosen.text == english.text
    assert "language=en" in chosen.headers["set-cookie"]
    assert 'href="?lang=fr"' in chosen.text


def test_prose_has_curved_apostrophes_and_quotation_marks(api: Served) -> None:
    page = ask(api, "/api/docs", **{"Accept-Language": "en"}).text
    prose = html.unescape(re.sub(r"<code>.*?</code>|<[^>]*>", " ", page))
    assert "\u2019s" in prose
    assert re.findall(r".{20}['\"].{20}", prose) == []


def test_a_crowd_of_readers_keeps_nobody_else_waiting(api: Served) -> None:
    slowest = 0.0
    with ThreadPoolExecutor(20) as crowd:
        reading = [
            crowd.submit(ask, api, f"/api/docs?lang={language}&n={number}")
            for number in range(100)
            for language in ("fr", "en")
        ]
        while not all(one.done() for one in reading):
            started = time.monotonic()
            assert ask(api, "/health").status_code == 200
            slowest = max(slowest, time.monotonic() - started)
    assert {one.result().status_code for one in reading} == {200}
    assert len({one.result().headers["etag"] for one in reading}) == 2
    assert slowest < soon(5)
