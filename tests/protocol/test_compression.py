"""Answers are compressed for who takes them so, and say the same."""

import gzip
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
import zstandard

from server.http.middleware.answers import SMALLEST
from server.http.negotiation import preferred_encoding
from tests.support.api_process import Served
from tests.support.office import Office
from tests.support.processes import PATIENCE

PULL = "/api/v1/sync/pull"


def raw(api: Served, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer and its body as it came, whatever its encoding."""
    request = api.client.build_request("GET", path, headers=headers, timeout=PATIENCE)
    request.headers["accept-encoding"] = headers.get("Accept-Encoding", "identity")
    answer = api.client.send(request, stream=True)
    try:
        return answer, b"".join(answer.iter_raw())
    finally:
        answer.close()


def changes(page: Any) -> list[Any]:
    """What a page tells; its cursor may differ."""
    found: list[Any] = page["changes"]
    return found


HOW = ("HEAD", "GET")
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdDecompressor().decompress,
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize("encoding", sorted(UNPACK))
@pytest.mark.parametrize(
    ("kind", "decode"),
    [("application/json", json.loads), ("application/msgpack", msgspec.msgpack.decode)],
)
def test_a_pull_is_compressed_and_says_the_same(
    api: Served, north: Office, encoding: str, kind: str, decode: Any
) -> None:
    _, plain = raw(api, PULL, Accept=kind, **north.device)
    assert len(plain) > SMALLEST
    headers = {"Accept": kind, "Accept-Encoding": encoding}
    answer, packed = raw(api, PULL, **headers, **north.device)
    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len(packed))
    assert len(packed) < len(plain)
    assert changes(decode(UNPACK[encoding](packed))) == changes(decode(plain))


def test_a_large_answer_is_compressed_too(api: Served, north: Office) -> None:
    answer, packed = raw(api, "/api/openapi.json", **{"Accept-Encoding": "zstd"})
    _, plain = raw(api, "/api/openapi.json")
    assert len(plain) > 1 << 16
    assert answer.headers["content-encoding"] == "zstd"
    assert zstandard.ZstdDecompressor().decompress(packed) == plain


@pytest.mark.parametrize("accepts", ["", "identity", "br", "gzip;q=0", "zstd;q=0, gzip;q=0"])
def test_who_takes_neither_gets_it_plain(api: Served, north: Office, accepts: str) -> None:
    answer, body = raw(api, PULL, **{"Accept-Encoding": accepts}, **north.device)
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert json.loads(body)["changes"]


def test_small_answers_and_pages_go_as_they_are(api: Served, north: Office) -> None:
    for path in ("/api/v1/sync/me", "/login"):
        answer, body = raw(api, path, **{"Accept-Encoding": "gzip"}, **north.device)
        assert answer.status_code == 200
        assert "content-encoding" not in answer.headers
        assert answer.headers["content-length"] == str(len(body))


def test_head_tells_the_headers_of_get(api: Served) -> None:
    asked = {"Accept-Encoding": "gzip"}
    head, get = (api.client.request(how, "/api/openapi.json", headers=asked) for how in HOW)
    assert head.content == b""
    for name in ("content-encoding", "content-length", "vary"):
        assert head.headers[name] == get.headers[name]


def test_style_sheets_are_compressed(api: Served) -> None:
    page = api.client.get("/login", headers={"Accept": "text/html"}).text
    (path, *_) = re.findall(r"/static/[^\"]+\.css", page)
    answer, packed = raw(api, path, **{"Accept-Encoding": "gzip"})
    _, plain = raw(api, path)
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert gzip.decompress(packed) == plain


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP", "gzip"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0.5, zstd;q=0.5", "zstd"),
        ("*", "zstd"),
        ("*;q=0.1, gzip", "gzip"),
        ("zstd;q=0, *", "gzip"),
        ("identity, *;q=0", ""),
        ("gzip;q=much", ""),
        ("gzip; q=0.3", "gzip"),
        (",,;", ""),
    ],
)
def test_the_client_says_what_it_likes(header: str, encoding: str) -> None:
    assert preferred_encoding(header) == encoding
