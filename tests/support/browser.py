"""Chromium for tests: Debian's, headless, without any traffic of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

#: The whole browser: a phone that ends and starts again, and sends while no page is open.
CHROMIUM: Final = Path("/usr/bin/chromium")
#: The same engine without windows, tabs and sync: a page in it takes half the time.
SHELL: Final = Path("/usr/bin/chromium-headless-shell")
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE: Final = (390, 844)
TABLET: Final = (820, 1180)
DESK: Final = (1280, 800)
Scheme = Literal["light", "dark"]


def require_chromium() -> None:
    """Skip where there is no Chromium, unless RETOUR_TEST_ALL forbids that."""
    for missing in (one for one in (CHROMIUM, SHELL) if not one.exists()):
        if os.environ.get("RETOUR_TEST_ALL"):
            pytest.fail(f"{missing} is missing")
        pytest.skip(f"{missing} is missing")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. While it is open this thread has a running event loop: no `asyncio.run` in it."""
    require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=SHELL, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(
    browser: Browser,
    size: tuple[int, int] = DESK,
    *,
    scheme: Scheme = "light",
    scripts: bool = False,
    **options: Any,
) -> Iterator[Page]:
    """A page of a new visitor, in a window of `size` pixels; without scripts unless asked for."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=scripts,
        **options,
    )
    try:
        yield context.new_page()
    finally:
        context.close()
