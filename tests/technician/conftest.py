"""Fixtures of the app's tests: an office, its API behind a gate, and a phone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from sync.database import tx
from sync.enrolment import issue_code
from tests.support.api_process import Served, served
from tests.support.browser import chromium
from tests.support.databases import TestDatabase
from tests.support.office import Office, open_office
from tests.support.stories import aside
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone, Tab
from tests.technician.screen import Screen, visit_type


@pytest.fixture
def office(database: TestDatabase) -> Office:
    """An account with technicians."""
    return open_office(database)


@pytest.fixture
def field(database: TestDatabase, office: Office) -> Field:
    """What the office does meanwhile."""
    return Field(database, office)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """The network, with nothing behind it yet."""
    with Gate() as one:
        yield one


@pytest.fixture
def site(database: TestDatabase, office: Office, gate: Gate) -> Iterator[Served]:
    """Retour behind the gate."""
    with served(database, origin=gate.origin) as one:
        gate.upstream = int(one.base_url.rpartition(":")[2])
        yield one


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The Chromium whose contexts are phones, once for all tests of the app."""
    with chromium() as one:
        yield one


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where the phone of a test marked `restarts` keeps what it stores."""
    return tmp_path / "profile" if request.node.get_closest_marker("restarts") else None


@pytest.fixture
def phone(site: Served, gate: Gate, browser: Browser, folder: Path | None) -> Iterator[Phone]:
    """A phone whose browser opens the app and does not install it."""
    with Phone(browser, gate.origin, installs=False, folder=folder) as one:
        yield one


@pytest.fixture
def handset(site: Served, gate: Gate, browser: Browser, folder: Path | None) -> Iterator[Phone]:
    """A phone that installs the app as soon as it sees it."""
    with Phone(browser, gate.origin, installs=True, folder=folder) as one:
        yield one


@pytest.fixture
def code(database: TestDatabase, office: Office) -> Callable[[UUID], str]:
    """Issues an enrolment code for a technician."""

    def issue(technician: UUID) -> str:
        async def work() -> str:
            async with tx(office.world.account) as opened:
                return await issue_code(opened, technician)

        return aside(database, work)

    return issue


@pytest.fixture
def installed(handset: Phone, office: Office, code: Callable[[UUID], str]) -> Tab:
    """A tab of the handset, the app complete and alice enrolled."""
    tab = handset.tab()
    tab.enrol(code(office.world.alice))
    handset.until_installed(tab)
    return tab


@pytest.fixture
def alice(phone: Phone, office: Office, code: Callable[[UUID], str]) -> Tab:
    """A tab in which alice is enrolled."""
    tab = phone.tab()
    tab.enrol(code(office.world.alice))
    return tab


@pytest.fixture
def visit(field: Field) -> UUID:
    """A task of alice's with usual next states."""
    return field.new_task(type=visit_type(field), title="Fuite au sous-sol")


@pytest.fixture
def screen(phone: Phone, visit: UUID, alice: Tab) -> Screen:
    """The app at its list, alice enrolled, nothing else open; in English."""
    alice.page.close()
    return Screen(phone)
