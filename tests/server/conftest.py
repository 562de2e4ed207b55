"""Fixtures of HTTP tests: two offices in one database, served once for a module."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.api_process import Served, served
from tests.support.browser import chromium
from tests.support.databases import TestDatabase, clone
from tests.support.office import Office, open_office


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once for a module; its contexts are visitors."""
    with chromium() as one:
        yield one
