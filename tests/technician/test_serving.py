"""How the app is served: its addresses, its headers, its size."""

import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import zstandard
from babel.messages.jslexer import tokenize

from server.technician.files import APP, files, minified
from tests.server.conftest import api as api
from tests.server.conftest import north as north
from tests.server.conftest import shared as shared
from tests.support.api_process import Served
from tests.technician.gate import Gate
from tests.technician.phone import Phone

PLAIN: Final[dict[str | None, Callable[[bytes], bytes]]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "zstd": zstandard.decompress,
}
#: Bytes of what a first load fetches, compressed as it goes over the wire.
LARGEST_LOAD: Final = 64 * 1024


def test_the_app_has_one_address_and_the_one_without_slash_leads_there(api: Served) -> None:
    bare = api.client.get("/tech")
    assert (bare.status_code, bare.headers["location"]) == (308, "/tech/")
    page = api.client.get("/tech/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert api.client.get("/tech/nothing.js").status_code == 404
    assert api.client.get("/tech/../../settings.py").status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("worker.js", "text/javascript; charset=utf-8"),
        ("engine/engine.js", "text/javascript; charset=utf-8"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("tokens.css", "text/css; charset=utf-8"),
        ("icons/192.png", "image/png"),
        ("texts.fr.json", "application/json"),
    ],
)
def test_each_file_says_what_it_is_and_is_asked_for_again(
    api: Served, name: str, kind: str
) -> None:
    answer = api.client.get(f"/tech/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": answer.headers["etag"]}
    again = api.client.get(f"/tech/{name}", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert api.client.head(f"/tech/{name}").status_code == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, deflate, br, zstd", "zstd"), ("gzip", "gzip"), ("br", None), ("", None)],
)
def test_files_come_compressed_as_the_browser_takes_them(
    api: Served, accepted: str, encoding: str | None
) -> None:
    request = api.client.build_request(
        "GET", "/tech/engine/engine.js", headers={"Accept-Encoding": accepted}
    )
    answer = api.client.send(request, stream=True)
    raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert PLAIN[encoding](raw) == minified((APP / "engine" / "engine.js").read_bytes())


def test_the_worker_names_every_file_by_its_hash(api: Served) -> None:
    first, _, rest = api.client.get("/tech/worker.js").text.partition(";")
    told = json.loads(first.removeprefix("self.APP="))
    assert rest.strip().encode() == minified((APP / "worker.js").read_bytes())
    assert {"", "engine/engine.js", "texts.fr.json", "tokens.css"} <= told["files"].keys()
    for name, digest in told["files"].items():
        content = api.client.get(f"/tech/{name}").content
        assert hashlib.sha256(content).hexdigest().startswith(digest), name


def test_the_manifest_makes_the_app_installable(api: Served) -> None:
    manifest = api.client.get("/tech/manifest.webmanifest").json()
    assert (manifest["start_url"], manifest["scope"]) == ("/tech/", "/tech/")
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert api.client.get(f"/tech/{icon['src']}").status_code == 200, icon


@pytest.mark.parametrize("file", sorted(APP.rglob("*.js")), ids=lambda file: file.name)
def test_modules_without_comments_say_the_same(file: Path) -> None:
    source = file.read_bytes()
    assert _tokens(minified(source)) == _tokens(source)
    assert b"//" not in minified(b"run(); // a comment\n")


def _tokens(source: bytes) -> str:
    found = tokenize(source.decode(), jsx=False)
    return "".join(token.value for token in found if "comment" not in token.type)


def test_every_module_that_is_imported_is_served() -> None:
    served = files()
    for name in (one for one in served if one.endswith(".js")):
        text = served[name].encoded[""].decode()
        for wanted in re.findall(r"(?:^|[;\n}])(?:import|export)\b[^;]*?'(\.[^']+)'", text):
            folder = name.rpartition("/")[0]
            path = f"{folder}/{wanted}" if folder else wanted
            parts: list[str] = []
            for part in path.split("/"):
                if part == "..":
                    parts.pop()
                elif part != ".":
                    parts.append(part)
            assert "/".join(parts) in served, (name, wanted)


#: Registers as the app does at its start; done twice it is once.
INSTALL: Final = """async () => {
  const { Installed } = await import('/tech/engine/installed.js');
  await new Installed().start();
  await navigator.serviceWorker.ready;
}"""


def test_a_first_load_with_its_installation_stays_small(handset: Phone, gate: Gate) -> None:
    page = handset.context.new_page()
    page.goto(f"{handset.origin}/tech/")
    page.evaluate(INSTALL)
    assert gate.count(b"GET /tech/worker.js") >= 1
    assert gate.count(b"GET /api/") == 0
    assert 10_000 < gate.sent <= LARGEST_LOAD
