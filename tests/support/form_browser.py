"""Somebody of an office in a browser without scripts: forms are sent, pages are read."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.api_process import BRIEF, Served
from tests.support.office import Office
from tests.support.signed_in import let_in

HTML = {"Accept": "text/html"}


@contextmanager
def browsing(
    api: Served, office: Office, role: str = "dispatcher", language: str = "en"
) -> Iterator[httpx.Client]:
    """A browser in which the office's person of `role` is signed in and reads `language`."""
    with httpx.Client(base_url=api.base_url, timeout=20, headers=HTML, limits=BRIEF) as browser:
        let_in(browser, api.database, office.address(role))
        browser.cookies.set("language", language)
        yield browser


def words_of(page: str) -> str:
    """The page's text as a person reads it."""
    text = re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))
    return re.sub(r"\s+", " ", html.unescape(text))
