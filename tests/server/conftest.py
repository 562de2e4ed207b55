"""Fixtures of HTTP tests: offices in one database, served once for a module; a demo; a browser."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from sync.ids import new_id
from tests.support.api_process import Served, served
from tests.support.browser import chromium
from tests.support.databases import TestDatabase, clone
from tests.support.form_browser import browsing
from tests.support.office import Office, open_office
from tests.support.seeding import seeded


@pytest.fixture(scope="module")
def shared(template: TestDatabase) -> Iterator[TestDatabase]:
    """A database that the tests of one module share."""
    with clone(template) as made:
        yield made


@pytest.fixture(scope="module")
def north(shared: TestDatabase) -> Office:
    """An office."""
    return open_office(shared, "north")


@pytest.fixture(scope="module")
def south(shared: TestDatabase) -> Office:
    """Another account in the same database."""
    return open_office(shared, "south")


@pytest.fixture(scope="module")
def api(shared: TestDatabase) -> Iterator[Served]:
    """The API over both."""
    with served(shared) as serving:
        yield serving


@pytest.fixture
def office(shared: TestDatabase) -> Office:
    """An office of the test's own."""
    return open_office(shared, f"office-{new_id()}")


@pytest.fixture
def diane(api: Served, office: Office) -> Iterator[httpx.Client]:
    """The office's dispatcher, reading English."""
    with browsing(api, office) as browser:
        yield browser


@pytest.fixture(scope="module")
def seeded_demo(template: TestDatabase) -> Iterator[tuple[TestDatabase, int]]:
    """A demo that tests only read, and the number of its account."""
    with clone(template) as made:
        yield made, asyncio.run(seeded(made))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once for a module; its contexts are visitors."""
    with chromium() as one:
        yield one
