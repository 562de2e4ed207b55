"""How long a session lives: by what somebody does in it, and at most."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from server.access.sessions import IDLE, LIFE, SEEN_EVERY
from sync import tokens
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.office import Office, open_office
from tests.support.signing_in import ME, rows, shift_clock, sign_in

MINUTE = timedelta(minutes=1)
BY_ITSELF = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}


@pytest.fixture(scope="module")
def place(template: TestDatabase) -> Iterator[tuple[TestDatabase, Served, Office]]:
    """A database whose clock the tests move."""
    with clone(template) as made, served(made) as api:
        yield made, api, open_office(made)


@pytest.fixture
def browser(place: tuple[TestDatabase, Served, Office]) -> Iterator[httpx.Client]:
    """A manager's browser, signed in just now."""
    database, api, office = place
    shift_clock(database.owner, timedelta(0))
    with httpx.Client(base_url=api.base_url, timeout=20) as client:
        assert sign_in(client, office.address("manager")).status_code == 204
        yield client


def test_a_session_ends_when_nobody_uses_it(
    place: tuple[TestDatabase, Served, Office], browser: httpx.Client
) -> None:
    database, *_ = place
    for number in (1, 2):
        shift_clock(database.owner, number * (IDLE - 10 * MINUTE))
        assert browser.get(ME).status_code == 200
    shift_clock(database.owner, 3 * IDLE)
    assert browser.get(ME).status_code == 401
    assert browser.get("/tasks", headers={"Accept": "text/html"}).status_code == 303


def test_a_window_that_waits_for_news_keeps_no_session_alive(
    place: tuple[TestDatabase, Served, Office], browser: httpx.Client
) -> None:
    database, *_ = place
    shift_clock(database.owner, IDLE - MINUTE)
    page = {"Accept": "text/html", **BY_ITSELF}
    assert browser.get("/tasks", headers=page).status_code == 200
    shift_clock(database.owner, IDLE + MINUTE)
    assert browser.get("/tasks", headers=page).status_code == 303


def test_what_a_script_sends_for_a_person_counts_as_use(
    place: tuple[TestDatabase, Served, Office], browser: httpx.Client
) -> None:
    database, *_ = place
    shift_clock(database.owner, IDLE - MINUTE)
    assert browser.post("/api/v1/tasks", json={}, headers=BY_ITSELF).status_code == 403
    shift_clock(database.owner, IDLE + MINUTE)
    assert browser.get(ME).status_code == 200


def test_a_session_in_use_ends_after_fourteen_days_all_the_same(
    place: tuple[TestDatabase, Served, Office], browser: httpx.Client
) -> None:
    database, _, office = place
    step = IDLE - 10 * MINUTE
    for number in range(1, int(LIFE / step) + 1):
        shift_clock(database.owner, number * step)
        assert browser.get(ME).status_code == 200
    shift_clock(database.owner, LIFE + MINUTE)
    assert browser.get(ME).status_code == 401
    assert sign_in(browser, office.address("manager")).status_code == 204
    mine = "SELECT FROM session WHERE app_user = $1"
    assert len(rows(database.owner, mine, office.people["manager"])) == 1


def test_use_is_written_seldom(
    place: tuple[TestDatabase, Served, Office], browser: httpx.Client
) -> None:
    database, *_ = place
    ref = tokens.read(browser.cookies["retour"])
    assert ref is not None

    def version() -> str:
        sql = "SELECT xmin::text AS version FROM session WHERE token_hash = $1"
        return str(rows(database.owner, sql, ref.hash)[0]["version"])

    first = version()
    browser.get(ME)
    assert version() == first
    shift_clock(database.owner, SEEN_EVERY + MINUTE)
    browser.get(ME)
    second = version()
    assert second != first
    browser.get(ME)
    assert version() == second
