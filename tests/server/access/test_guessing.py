"""How often, at what cost and with what answer a password may be guessed."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count as numbers
from statistics import median

import httpx
import pytest

from server.access.passwords import hash_password
from server.access.rate_limit import PER_PERSON, PER_PERSON_AND_PEER, Bucket
from server.access.sessions import register
from sync.database import tx
from sync.records.people import set_password
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.office import PASSWORD, Office, in_database, open_office
from tests.support.signing_in import ME, SESSIONS, rows, sign_in

pytestmark = pytest.mark.slow

GUESSED = """
INSERT INTO throttle (bucket, window_start, hits) VALUES ($1, $2, 1000)
ON CONFLICT (bucket) DO UPDATE SET window_start = excluded.window_start
"""
OTHERS = "the firm next door's own"
SHARED = "maude@example.org"


@pytest.fixture
def guessed(template: TestDatabase) -> Iterator[TestDatabase]:
    """A database whose throttle a test may fill."""
    with clone(template) as made:
        yield made


def give(database: TestDatabase, office: Office, address: str, password: str) -> None:
    """Let the manager of `office` sign in with `address` and `password`."""
    stored = hash_password(password)

    async def work() -> None:
        async with tx(office.world.account) as opened:
            await set_password(opened, office.people["manager"], stored)
            await register(opened, office.people["manager"], address)

    in_database(database.api, work)


def two_offices(database: TestDatabase, *, attacker_first: bool) -> tuple[Office, Office]:
    """A victim's office and a co-tenant's, whose managers have one address."""
    first, second = sorted(
        (open_office(database, "north"), open_office(database, "south")),
        key=lambda office: office.world.account,
    )
    victim, attacker = (second, first) if attacker_first else (first, second)
    give(database, victim, SHARED, PASSWORD)
    give(database, attacker, SHARED, OTHERS)
    return victim, attacker


def set_over_http(api: Served, office: Office, password: str) -> None:
    """Have the administrator of `office` set its manager's password."""
    path = f"/api/v1/users/{office.people['manager']}/password"
    answer = api.client.post(path, json={"password": password}, headers=office.program)
    assert answer.status_code == 204, answer.text


def person_in(office: Office) -> str:
    """How the buckets of the manager of `office` name him."""
    return f"{office.world.account}/{office.people['manager']}"


def counted(database: TestDatabase, office: Office) -> int:
    """How many guesses at the manager of `office` this machine's address is charged with."""
    bucket = Bucket(f"login of {person_in(office)} from 127.0.0.1", PER_PERSON_AND_PEER).key
    found = rows(database.owner, "SELECT hits FROM throttle WHERE bucket = $1", bucket)
    return found[0]["hits"] if found else 0


def fill(database: TestDatabase, office: Office, *, near: bool = True) -> None:
    """Leave no guess at the manager of `office`, from here or else from anywhere, for an hour."""
    name = f"login of {person_in(office)}" + (" from 127.0.0.1" if near else "")
    bucket = Bucket(name, PER_PERSON_AND_PEER if near else PER_PERSON).key
    rows(database.owner, GUESSED, bucket, datetime.now(UTC) + timedelta(hours=1))


def test_a_co_tenants_administrator_gets_no_guess_more_than_a_stranger(
    guessed: TestDatabase,
) -> None:
    victim, _ = two_offices(guessed, attacker_first=True)
    with served(guessed) as api, httpx.Client(base_url=api.base_url, timeout=60) as attacker:
        for number in range(1, 4):
            # A fresh known-browser cookie before each guess: each has a bucket of its own.
            assert sign_in(attacker, SHARED, OTHERS).status_code == 204
            assert sign_in(attacker, SHARED, f"guess number {number}").status_code == 401
            assert counted(guessed, victim) == 2 * number
        fill(guessed, victim)
        assert sign_in(attacker, SHARED, OTHERS).status_code == 204
        assert sign_in(attacker, SHARED, PASSWORD).status_code == 401
    # The owner, from anywhere else, is not kept out.
    with served(guessed, trusted_proxies="127.0.0.1") as elsewhere:
        elsewhere.client.headers["X-Forwarded-For"] = "192.0.2.7"
        assert sign_in(elsewhere.client, SHARED).status_code == 204
        assert elsewhere.client.get(ME).json()["account"] == victim.world.account


@pytest.mark.parametrize("attacker_first", [True, False])
def test_a_password_that_the_administrator_sets_to_the_guess_is_a_guess(
    guessed: TestDatabase, attacker_first: bool
) -> None:
    victim, attacker = two_offices(guessed, attacker_first=attacker_first)
    with served(guessed) as api:
        for number, guess in enumerate(["the first of all guesses", "the second guess"], 1):
            set_over_http(api, attacker, guess)
            with httpx.Client(base_url=api.base_url, timeout=60) as browser:
                assert sign_in(browser, SHARED, guess).status_code == 204
            assert counted(guessed, victim) == number
        fill(guessed, victim)
        set_over_http(api, attacker, PASSWORD)
        with httpx.Client(base_url=api.base_url, timeout=60) as browser:
            assert sign_in(browser, SHARED, PASSWORD).status_code == 204
            assert browser.get(ME).json()["account"] == attacker.world.account


def test_a_known_browser_is_a_strangers_after_the_password_was_changed(
    guessed: TestDatabase,
) -> None:
    office = open_office(guessed)
    address = office.address("manager")
    with served(guessed) as api, httpx.Client(base_url=api.base_url, timeout=60) as browser:
        assert sign_in(browser, address).status_code == 204
        fill(guessed, office)
        assert sign_in(browser, address).status_code == 204
        set_over_http(api, office, OTHERS)
        assert sign_in(browser, address, OTHERS).status_code == 429


def test_the_known_person_comes_first_where_passwords_are_the_same(guessed: TestDatabase) -> None:
    north, south = open_office(guessed, "north"), open_office(guessed, "south")
    last = max(north, south, key=lambda office: office.world.account)
    give(guessed, last, SHARED, OTHERS)
    with served(guessed) as api:
        assert sign_in(api.client, SHARED, OTHERS).status_code == 204
        give(guessed, min(north, south, key=lambda one: one.world.account), SHARED, OTHERS)
        for _ in range(2):
            assert sign_in(api.client, SHARED, OTHERS).status_code == 204
            assert api.client.get(ME).json()["account"] == last.world.account


def test_who_has_no_try_left_is_told_to_wait_though_another_has_the_address(
    guessed: TestDatabase,
) -> None:
    first, second = two_offices(guessed, attacker_first=True)
    fill(guessed, first, near=False)
    with served(guessed) as api:
        assert sign_in(api.client, SHARED, PASSWORD).status_code == 429
        assert sign_in(api.client, SHARED, "wrong").status_code == 429
        assert sign_in(api.client, SHARED, OTHERS).status_code == 204
        assert api.client.get(ME).json()["account"] == second.world.account


@pytest.fixture(scope="module")
def many(template: TestDatabase) -> Iterator[tuple[TestDatabase, list[Office]]]:
    """Six offices of which all, two or one know an address."""
    with clone(template) as made:
        offices = [open_office(made, f"office{number}") for number in range(6)]
        offices.sort(key=lambda office: office.world.account)
        yield made, offices


def test_the_sixth_account_with_an_address_is_reachable(
    many: tuple[TestDatabase, list[Office]],
) -> None:
    database, offices = many
    for number, office in enumerate(offices):
        give(database, office, SHARED, f"the password of office {number}")
    with served(database) as api:
        for number, office in enumerate(offices):
            assert sign_in(api.client, SHARED, f"the password of office {number}").is_success
            assert api.client.get(ME).json()["account"] == office.world.account


@pytest.mark.usefixtures("dear")
def test_a_wrong_password_costs_the_same_for_nobody_one_account_or_two(
    many: tuple[TestDatabase, list[Office]],
) -> None:
    """By the processor's time of this process, which is the server's too and nobody else's."""
    database, offices = many
    one, two = "one@example.org", "two@example.org"
    for office, address in zip(offices, (two, two, one), strict=False):
        give(database, office, address, PASSWORD)
    addresses = ["nobody@example.org", one, two]
    with served(database) as api:
        sign_in(api.client, "warm@example.org", "wrong")

        def cost(address: str) -> float:
            before = time.process_time()
            answer = sign_in(api.client, address, "wrong")
            assert (answer.status_code, answer.json()["type"]) == (
                401,
                "urn:retour:problem:login_refused",
            )
            return time.process_time() - before

        costs = [median(cost(address) for _ in range(3)) for address in addresses]
    assert max(costs) < min(costs) * 1.5, costs


@pytest.mark.usefixtures("dear")
def test_health_answers_while_forty_guess_at_once(guessed: TestDatabase) -> None:
    office = open_office(guessed)
    number = numbers()
    with served(guessed) as api:

        def guess(_: int) -> int:
            address = f"person{next(number)}@example.org"
            with httpx.Client(base_url=api.base_url, timeout=300) as client:
                return sign_in(client, address, "wrong").status_code

        with ThreadPoolExecutor(40) as crowd:
            guesses = [crowd.submit(partial(guess, one)) for one in range(40)]
            waits = []
            while not all(one.done() for one in guesses):
                before = time.perf_counter()
                assert api.client.get("/health").status_code == 200
                waits.append(time.perf_counter() - before)
        assert {one.result() for one in guesses} <= {401, 429}
        assert max(waits) < 2, sorted(waits)[-5:]
        assert sign_in(api.client, office.address("manager")).status_code in {204, 429}


@pytest.mark.parametrize("letters", [1025, 200_000])
def test_a_password_of_a_novel_is_refused_before_it_is_hashed(
    guessed: TestDatabase, letters: int
) -> None:
    office = open_office(guessed)
    long = {"email": office.address("manager"), "password": "x" * letters}
    with served(guessed) as api:
        assert api.client.post(SESSIONS, json=long).status_code == 400
        page = api.client.post("/login", data=long, headers={"Accept": "text/html"})
        assert page.status_code in {401, 413}


def test_an_address_of_a_novel_is_nobodys_and_is_not_shown_again(guessed: TestDatabase) -> None:
    with served(guessed) as api:
        long = {"email": "x" * 65_000 + "@example.ca", "password": "x" * 12}
        page = api.client.post("/login", data=long, headers={"Accept": "text/html"})
        assert page.status_code == 401
        assert len(page.content) < 65_000
