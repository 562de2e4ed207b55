"""What is checked in one transaction and done in another, forced into both orders.

The order is forced by locks: whoever comes second is seen waiting in PostgreSQL, then let go.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import httpx
import pytest

from server.access.passwords import hash_password
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.office import PASSWORD, Office, open_office
from tests.support.signing_in import ME, SESSIONS, sign_in

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

#: A request that is sent when it is called.
Sending: TypeAlias = Callable[[], Coroutine[Any, Any, httpx.Response]]
#: SQL with its parameters.
Statements: TypeAlias = list[tuple[str, tuple[Any, ...]]]
Raced: TypeAlias = tuple[TestDatabase, Served]

NEW = "quite another password"
#: Seconds until a statement that must wait is seen waiting.
PATIENCE = 30.0

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
CHANGE = "UPDATE app_user SET password_hash = $3 WHERE account = $1 AND id = $2"
LEAVE = "UPDATE app_user SET active = false WHERE account = $1 AND id = $2"
MOVE = "UPDATE login SET address = 'elsewhere@example.org' WHERE account = $1 AND app_user = $2"
END = "DELETE FROM session WHERE account = $1 AND app_user = $2"
REVOKE = "UPDATE api_token SET revoked_at = now() WHERE account = $1"


@pytest.fixture(scope="module")
def raced(template: TestDatabase) -> Iterator[Raced]:
    """An office of its own: the tests change everybody's passwords."""
    with clone(template) as made, served(made) as api:
        yield made, api


@asynccontextmanager
async def waited_for(
    owner: "Connection", answer: Sending
) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """The request `answer`, under way and seen waiting for a lock."""
    request = asyncio.create_task(answer())
    async with asyncio.timeout(PATIENCE):
        while not await owner.fetchval(WAITING):
            assert not request.done(), "it did not wait: " + request.result().text
            await asyncio.sleep(0.01)
    yield request


def post(base_url: str, path: str, body: object, headers: Any = None) -> Sending:
    """A request to be sent later."""

    async def sent() -> httpx.Response:
        async with httpx.AsyncClient(base_url=base_url, timeout=PATIENCE) as client:
            return await client.post(path, json=body, headers=headers)

    return sent


def between(owner_dsn: str, statements: Statements, answer: Sending) -> httpx.Response:
    """The answer to a request that meets `statements` done, not committed; then they are."""

    async def race() -> httpx.Response:
        first, second = await asyncpg.connect(owner_dsn), await asyncpg.connect(owner_dsn)
        try:
            held = first.transaction()
            await held.start()
            for sql, arguments in statements:
                await first.execute(sql, *arguments)
            async with waited_for(second, answer) as request:
                await held.commit()
                return await request
        finally:
            await first.close()
            await second.close()

    return asyncio.run(race())


@pytest.mark.parametrize("change", ["password", "leave", "address"])
def test_a_sign_in_that_a_change_overtook_starts_no_session(raced: Raced, change: str) -> None:
    database, api = raced
    office = open_office(database, f"before-{change}")
    person = (office.world.account, office.people["manager"])
    statements: dict[str, Statements] = {
        "password": [(CHANGE, (*person, hash_password(NEW))), (END, person)],
        "leave": [(LEAVE, person), (END, person)],
        "address": [(MOVE, person)],
    }
    body = {"email": office.address("manager"), "password": PASSWORD}
    answer = between(database.owner, statements[change], post(api.base_url, SESSIONS, body))
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert not sessions_of(database, office)


def sessions_of(database: TestDatabase, office: Office) -> list[Any]:
    """The sessions of the office, as the owner sees them."""

    async def read() -> list[Any]:
        owner = await asyncpg.connect(database.owner)
        try:
            sql = "SELECT * FROM session WHERE account = $1"
            return await owner.fetch(sql, office.world.account)
        finally:
            await owner.close()

    return asyncio.run(read())


def test_a_change_that_a_sign_in_overtook_ends_its_session(raced: Raced) -> None:
    database, api = raced
    office = open_office(database, "after")
    body = {"email": office.address("manager"), "password": PASSWORD}
    path = f"/api/v1/users/{office.people['manager']}/password"
    signing = post(api.base_url, SESSIONS, body)
    changing = post(api.base_url, path, {"password": NEW}, office.program)

    async def race() -> tuple[httpx.Response, httpx.Response]:
        first, second = await asyncpg.connect(database.owner), await asyncpg.connect(database.owner)
        try:
            held = first.transaction()
            await held.start()
            # The session cannot be written yet; who signs in has been found, and is held.
            await first.execute("LOCK TABLE session IN SHARE MODE")
            async with waited_for(second, signing) as signed:
                change = asyncio.create_task(changing())
                async with asyncio.timeout(PATIENCE):
                    while await second.fetchval(WAITING) < 2:
                        assert not change.done()
                        await asyncio.sleep(0.01)
                await held.commit()
                return await signed, await change
        finally:
            await first.close()
            await second.close()

    signed, changed = asyncio.run(race())
    assert (signed.status_code, changed.status_code) == (204, 204)
    cookie = signed.headers["set-cookie"].partition(";")[0]
    assert httpx.get(api.base_url + ME, headers={"Cookie": cookie}).status_code == 401
    assert not sessions_of(database, office)


GIVEN_OUT = {
    "token": ("/api/v1/tokens", {"name": "ERP"}),
    "password": ("/api/v1/users/{manager}/password", {"password": NEW}),
    "user": ("/api/v1/users", {"id": "{manager}", "role": "administrator"}),
    "code": ("/api/v1/devices/codes", {"user": "{technician}"}),
}


@pytest.mark.parametrize("given", GIVEN_OUT)
@pytest.mark.parametrize("by", ["session", "program"])
def test_nothing_is_given_out_by_who_was_shut_out_meanwhile(
    raced: Raced, given: str, by: str
) -> None:
    database, api = raced
    office = open_office(database, f"{given}-{by}")
    names = {role: str(key) for role, key in office.people.items()}
    path, body = GIVEN_OUT[given]
    body = {key: value.format(**names) for key, value in body.items()}
    headers = office.program
    statements: Statements = [(REVOKE, (office.world.account,))]
    if by == "session":
        person = (office.world.account, office.people["administrator"])
        with httpx.Client(base_url=api.base_url, timeout=PATIENCE) as browser:
            assert sign_in(browser, office.address("administrator")).status_code == 204
            headers = {"Cookie": f"retour={browser.cookies['retour']}"}
        statements = [(LEAVE, person), (END, person)]
    request = post(api.base_url, path.format(**names), body, headers)
    answer = between(database.owner, statements, request)
    assert answer.status_code == 401, answer.text


def test_no_code_is_issued_for_who_left_meanwhile(raced: Raced) -> None:
    database, api = raced
    office = open_office(database, "left")
    person = (office.world.account, office.people["technician"])
    body = {"user": str(office.people["technician"])}
    request = post(api.base_url, "/api/v1/devices/codes", body, office.program)
    assert between(database.owner, [(LEAVE, person)], request).status_code == 404
