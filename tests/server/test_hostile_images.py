"""C2: hostile files are refused or cleaned; and as they were, the policy keeps them harmless."""

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Dialog, Page

from mail.assets.public_path import image_path
from sync.ids import new_id
from tests.server.hostile_images import disguises, hostile_images
from tests.server.test_api_assets import flaw, kept, send
from tests.support.api_process import Served
from tests.support.browser import visiting
from tests.support.databases import TestDatabase
from tests.support.images import plant
from tests.support.listening import Listening
from tests.support.office import Office
from tests.support.stories import on

NAMES: Final = tuple(hostile_images(""))
SHOWN: Final = "/shown"
#: The elements of a page that could show an image, or run it.
ELEMENTS: Final = (
    '<img src="{0}">',
    '<object data="{0}"></object>',
    '<embed src="{0}">',
    '<iframe src="{0}"></iframe>',
    '<svg><use href="{0}#u0"/><image href="{0}"/></svg>',
    '<link rel="stylesheet" href="{0}">',
    '<script src="{0}"></script>',
)


class Elsewhere(Listening):
    """Another host, which knows who connected."""

    def __init__(self) -> None:
        super().__init__()
        self.met = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self) -> asyncio.Server:
        """Count who connects, and hang up."""

        async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.met += 1
            writer.close()

        return await asyncio.start_server(meet, "127.0.0.1", 0)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """Another host."""
    with Elsewhere() as listening:
        yield listening


def test_there_are_more_than_thirty() -> None:
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_is_refused_or_cleaned(api: Served, office: Office, name: str) -> None:
    file, why = hostile_images("http://elsewhere.example")[name]
    if why:
        assert flaw(api, office, file) == why
        return
    served = api.client.get(kept(api, office, file)["path"]).content
    for trace in (b"alert", b"script", b"elsewhere", b"onload", b"javascript", b"<html", b"GIF"):
        assert trace not in served
    assert send(api, office, served).status_code == 201  # what is served would be taken again


class Looking:
    """Somebody who looks at images with a browser that runs scripts, which asks when it may."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialogs: list[str] = []
        page.on("dialog", self._note)

    def _note(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def look(self, base: str, path: str) -> None:
        """See an image by itself, then in each way on a page of its origin without a policy."""
        self.page.goto(base + path)
        self.page.goto(base + SHOWN)
        self.page.set_content("".join(ELEMENTS).replace("{0}", path), wait_until="load")


@pytest.fixture
def looking(browser: Browser) -> Iterator[Looking]:
    """A visitor, and a bare page."""
    with visiting(browser, scripts=True) as page:
        page.route(
            f"**{SHOWN}",
            lambda route: route.fulfill(status=200, content_type="text/html", body="<p>"),
        )
        yield Looking(page)


def planted(shared: TestDatabase, office: Office, file: bytes, mime: str) -> str:
    """The path of a file that stands in the database as it was sent."""
    key = new_id()
    on(shared, office.world.account, lambda tx: plant(tx, key, file, mime))
    return image_path(office.world.account, key)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("mime", "names"),
    [("image/svg+xml", NAMES), ("image/png", tuple(disguises()))],
    ids=["svg", "png"],
)
def test_what_cleaning_missed_would_be_harmless(
    api: Served,
    shared: TestDatabase,
    office: Office,
    looking: Looking,
    elsewhere: Elsewhere,
    mime: str,
    names: tuple[str, ...],
) -> None:
    for name in names:
        file, why = hostile_images(elsewhere.address)[name]
        if file and why != "too_complex":  # which costs time, and does nothing else
            looking.look(api.base_url, planted(shared, office, file, mime))
        assert (looking.dialogs, elsewhere.met) == ([], 0), name


@pytest.mark.browser
def test_without_the_policy_they_do_harm(looking: Looking, elsewhere: Elsewhere) -> None:
    """What the test above would see."""
    file, _ = hostile_images(elsewhere.address)["a script"]
    looking.page.route(
        "**/bare",
        lambda route: route.fulfill(status=200, content_type="image/svg+xml", body=file),
    )
    with looking.page.expect_request(f"{elsewhere.address}/ran"):
        looking.look("http://bare.example", "/bare")
    assert looking.dialogs
    assert elsewhere.met
