"""C2: images of an account over the API: kept once, redrawn, served to anybody, deleted."""

import io
import json
from base64 import b64encode
from typing import Any, Final

import httpx
import msgspec
import pytest
from PIL import Image

from mail.assets.store import MOST_ASSETS
from sync.database import Tx
from sync.ids import new_id
from tests.server.test_api_campaigns import create
from tests.server.test_tenants import definition
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.images import CIRCLE, SVG, chunk, drawing, plant, png
from tests.support.office import Office
from tests.support.stories import on

PATH: Final = "/api/v1/assets"


def send(api: Served, office: Office, file: bytes, name: str = "star") -> httpx.Response:
    """The answer to an upload."""
    body = {"name": name, "file": b64encode(file).decode()}
    return api.client.post(PATH, json=body, headers=office.program)


def kept(api: Served, office: Office, file: bytes, name: str = "star") -> Any:
    """An image that was taken."""
    answer = send(api, office, file, name)
    assert answer.status_code == 201, answer.text
    return answer.json()


def flaw(api: Served, office: Office, file: bytes) -> str:
    """Why an image is refused."""
    answer = send(api, office, file)
    assert answer.status_code == 400, answer.text
    (fault,) = answer.json()["errors"]
    assert answer.json()["type"].endswith(":bad_image")
    assert fault["pointer"] == "/file"
    assert fault["detail"]
    return str(fault["code"])


@pytest.mark.parametrize(
    ("file", "mime"), [(CIRCLE, "image/svg+xml"), (png(), "image/png")], ids=["svg", "png"]
)
def test_an_image_is_kept_listed_served_and_deleted(
    api: Served, office: Office, file: bytes, mime: str
) -> None:
    asset = kept(api, office, file)
    assert (asset["name"], asset["mime"]) == ("star", mime)
    listed = api.client.get(PATH, headers=office.program).json()
    assert listed == {"items": [asset], "next": None}
    shown = api.client.get(asset["path"])
    assert shown.status_code == 200
    assert shown.headers["content-type"].partition(";")[0] == mime
    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert shown.headers["x-content-type-options"] == "nosniff"
    policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert shown.headers["content-security-policy"] == policy
    assert "set-cookie" not in shown.headers
    gone = api.client.delete(f"{PATH}/{asset['id']}", headers=office.program)
    assert gone.status_code == 204
    assert api.client.get(asset["path"]).status_code == 404
    entries = api.client.get("/api/v1/audit", headers=office.program).json()["items"]
    assert [entry["action"] for entry in entries[:2]] == ["asset.delete", "asset.write"]


def test_the_same_image_again_is_the_one_that_is_there(api: Served, office: Office) -> None:
    first = kept(api, office, png())
    again = kept(api, office, png(chunk(b"tEXt", b"Comment\0other")), name="again")
    assert again == first


def test_messagepack_has_the_bytes_as_they_are(api: Served, office: Office) -> None:
    body = msgspec.msgpack.encode({"name": "star", "file": png()})
    headers = office.program | {"Content-Type": "application/msgpack"}
    assert api.client.post(PATH, content=body, headers=headers).status_code == 201


def test_a_png_is_drawn_anew_from_its_pixels(api: Served, office: Office) -> None:
    secret = b"GPS 46.8 -71.2"
    extra = (chunk(b"tEXt", b"Comment\0" + secret), chunk(b"eXIf", b"MM\0*" + secret))
    asset = kept(api, office, png(*extra, end=b"<script>alert(1)</script>"))
    served = api.client.get(asset["path"]).content
    assert secret not in served
    assert b"script" not in served
    with Image.open(io.BytesIO(served)) as image:
        assert image.size == (8, 8)
        assert image.convert("RGBA").getpixel((3, 3)) == (192, 0, 0, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_every_kind_of_pixels_looks_as_before(
    api: Served, office: Office, mode: str
) -> None:
    image = Image.linear_gradient("L").resize((16, 16)).convert(mode)
    written = io.BytesIO()
    image.save(written, "PNG")
    asset = kept(api, office, written.getvalue())
    with Image.open(io.BytesIO(api.client.get(asset["path"]).content)) as served:
        assert served.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


def test_a_transparent_colour_stays_so(api: Served, office: Office) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    written = io.BytesIO()
    image.save(written, "PNG", transparency=1)
    asset = kept(api, office, written.getvalue())
    with Image.open(io.BytesIO(api.client.get(asset["path"]).content)) as served:
        assert served.convert("RGBA").getpixel((0, 0)) == (200, 0, 0, 0)


def test_what_editors_add_to_a_drawing_is_removed(api: Served, office: Office) -> None:
    file = (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?><!-- Created by somebody -->'
        f'<svg {SVG} xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape">'
        "<metadata>the author</metadata><inkscape:view><inkscape:grid/></inkscape:view>"
        "<defs><style>.a{fill:#0a0}</style>"
        '<linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs>'
        '<g inkscape:label="Layer"><path class="a" d="M2 2h20v20z" style="stroke:url(#g)"/></g>'
        "</svg>"
    ).encode()
    served = api.client.get(kept(api, office, file)["path"]).text
    assert "author" not in served
    assert "inkscape" not in served
    assert "somebody" not in served
    assert ".a{fill:#0a0}" in served
    assert "url(#g)" in served


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"", "not_an_image"),
        (b"hello", "not_an_image"),
        (b"<html><body>hello</body></html>", "not_an_image"),
        (b"x" * 65537, "too_large"),
        (png(width=513, rows=b""), "many_pixels"),
        (drawing("<image href='data:image/png;base64,AA=='/>"), "not_a_drawing"),
        (drawing("<use href='https://example.org/#a'/>"), "refers_outside"),
        (drawing("", before="<!DOCTYPE svg>"), "document_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused_with_words(
    api: Served, office: Office, file: bytes, why: str
) -> None:
    assert flaw(api, office, file) == why


def test_the_words_are_french_for_whoever_reads_french(api: Served, office: Office) -> None:
    body = {"name": "star", "file": ""}
    headers = office.program | {"Accept-Language": "fr-CA"}
    said = api.client.post(PATH, json=body, headers=headers).json()
    assert said["title"] == "Ce fichier n\u2019est pas conservé comme image"
    assert said["errors"][0]["detail"] == "Ce n\u2019est ni une image PNG ni une image SVG."


def with_look(api: Served, office: Office, look: Any) -> httpx.Response:
    """Try to make a campaign whose scale looks so."""
    body = definition(office)
    question = body["question"] | {"look": look}
    return create(api, office, definition=body | {"question": question})


def test_an_image_that_a_campaign_shows_is_not_deleted(api: Served, office: Office) -> None:
    shown, other = kept(api, office, CIRCLE)["id"], kept(api, office, png())["id"]
    look = {"style": "icons", "icons": [shown] * 5}
    campaign = with_look(api, office, look)
    assert campaign.status_code == 201, campaign.text
    assert campaign.json()["definition"]["question"]["look"] == look
    path = f"/api/v1/campaigns/{campaign.json()['id']}"
    edited = {"name": "Other", "definition": definition(office)}
    assert api.client.put(path, json=edited, headers=office.program).json()["version"] == 2
    answers = [
        api.client.delete(f"{PATH}/{asset}", headers=office.program) for asset in (shown, other)
    ]
    assert [answer.status_code for answer in answers] == [409, 204]  # surveys of version 1 show it


@pytest.mark.parametrize(
    ("look", "pointer"),
    [
        ({"style": "icons", "icons": ["OWN"]}, "/definition/question/look/icons"),
        ({"style": "icons", "icons": ["OWN"] * 4 + ["THEIRS"]}, "/definition/question/look"),
        ({"style": "pair", "filled": "OWN", "empty": "THEIRS"}, "/definition/question/look"),
        (
            {"style": "gradient", "colours": ["red", "#00ff00"]},
            "/definition/question/look/colours/0",
        ),
        ({"style": "gradient", "colours": ["#ff0000"]}, "/definition/question/look/colours"),
        ({"style": "gradient", "colours": ["#ff0000"] * 4}, "/definition/question/look/colours"),
        ({"style": "rainbow"}, "/definition/question/look/style"),
        ({"style": "plain", "icons": []}, "/definition/question/look"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_look_that_cannot_be_drawn_is_refused(
    api: Served, office: Office, south: Office, look: dict[str, Any], pointer: str
) -> None:
    own, theirs = (kept(api, place, CIRCLE)["id"] for place in (office, south))
    text = json.dumps(look).replace("OWN", own).replace("THEIRS", theirs)
    refused = with_look(api, office, json.loads(text))
    assert refused.status_code == 400, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_an_account_keeps_so_many_images(api: Served, shared: TestDatabase, office: Office) -> None:
    async def fill(tx: Tx) -> None:
        for number in range(MOST_ASSETS - 1):
            await plant(tx, new_id(), str(number).encode(), "image/png")

    on(shared, office.world.account, fill)
    last = kept(api, office, png())
    assert send(api, office, CIRCLE).status_code == 413
    assert kept(api, office, png()) == last


@pytest.mark.parametrize("name", ["", "x", "{0}", "{0}-", "{0}-{1}", "{0}-{2}x", "00000000-{2}"])
def test_no_other_name_shows_an_image(
    api: Served, office: Office, south: Office, name: str
) -> None:
    own = kept(api, office, CIRCLE)["path"].removeprefix("/i/")
    theirs = kept(api, south, CIRCLE)["path"].removeprefix("/i/")
    locator, _, key = own.partition("-")
    path = "/i/" + name.format(locator, theirs.partition("-")[2], key)
    assert api.client.get(path).status_code == 404
