"""Nothing of one account is read or written from another: every route, and raw SQL."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import httpx
import pytest
from litestar.routes import HTTPRoute

from server.api.operation import OPERATION, Operation
from server.openapi.document import operations
from server.provisioning.provision import UNFENCED
from sync.ids import new_id
from tests.mail.sent import sent
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.images import CIRCLE
from tests.support.office import PASSWORD, Office, in_database

#: What may be shown to workers of all accounts: the queues.
QUEUES = frozenset(
    {"task_change", "place_change", "outbox", "rollup_change", "ledger_change", "sender_breaker"}
)
#: A state of one account only.
FOREIGN_STATE = "foreign"


def definition(office: Office) -> dict[str, Any]:
    """The least that a campaign says."""
    both = {"fr": "x", "en": "x"}
    return {
        "rules": [{"task_types": [str(office.world.service_call)], "states": ["600"]}],
        "question": {"text": both},
        "message": {"sender_name": "x", "subject": both, "title": both, "body": both},
    }


def body_for(spoken: Operation, office: Office) -> dict[str, Any] | None:
    """A body that fits an operation with an id in its path."""
    if spoken.body is None:
        return None
    bodies: dict[str, dict[str, Any]] = {
        "change_password": {"password": "a long enough password"},
        "assign_task": {},
        "edit_campaign": {"name": "x", "definition": definition(office)},
        "change_question": {"category": "x", "kind": "text", "text": {"fr": "?"}},
        "progress_task": {"id": str(new_id()), "state": "600"},
        "dismiss_transition": {"reason": "x"},
        "lift_suppression": {"why": "x"},
        "open_task_round": {"round": 2, "reason": "x"},
        "send_survey": {"campaign": str(new_id()), "reason": "x"},
        "cancel_send": {"reason": "x"},
        "resend_survey": {"id": str(new_id()), "reason": "x"},
    }
    return bodies[spoken.name]


class Foreign:
    """Ids of things of the other office, by the subject of the routes that take them."""

    def __init__(self, api: Served, office: Office, shared: TestDatabase) -> None:
        world = office.world
        token = api.client.post("/api/v1/tokens", json={"name": "x"}, headers=office.program)
        devices = api.client.get("/api/v1/devices", headers=office.program).json()["items"]
        state = {"code": FOREIGN_STATE, "name": "x", "kind": "done"}
        api.client.post("/api/v1/states", json=state, headers=office.program)
        self.ids: dict[str, str] = {
            "units": str(world.site),
            "users": str(world.alice),
            "customers": str(office.customer),
            "locations": self._made(api, office, "locations", {"name": "x", "address": "y"}),
            "task-types": str(world.service_call),
            "states": FOREIGN_STATE,
            "tasks": str(office.task),
            "devices": devices[0]["id"],
            "transitions": self._refused(api, office, shared),
            "sends": str(in_database(shared.worker, lambda: sent(world)).invitation),
            "tokens": token.json()["id"],
            "suppressions": self._made(
                api, office, "suppressions", {"address": "x@example.org", "reason": "full"}
            ),
            "assets": self._made(
                api, office, "assets", {"name": "x", "file": b64encode(CIRCLE).decode()}
            ),
            "questions": self._made(
                api, office, "questions", {"category": "x", "kind": "text", "text": {"fr": "?"}}
            ),
            "campaigns": self._made(
                api, office, "campaigns", {"name": "x", "definition": definition(office)}
            ),
        }

    @staticmethod
    def _refused(api: Served, office: Office, shared: TestDatabase) -> str:
        """A step of alice on a task that is not hers."""
        world = office.world
        task = in_database(shared.api, lambda: world.task(technician=world.bob))
        key = str(new_id())
        item = {
            "id": key,
            "task": str(task),
            "state": "600",
            "moment": "2026-01-01T00:00:00Z",
            "sequence": 1,
        }
        body = {"device_now": "2026-01-01T00:00:00Z", "transitions": [item]}
        answer = api.client.post("/api/v1/sync/push", json=body, headers=office.device)
        assert answer.json()["results"][0]["verdict"] == "refused"
        return key

    @staticmethod
    def _made(api: Served, office: Office, subject: str, body: dict[str, Any]) -> str:
        answer = api.client.post(f"/api/v1/{subject}", json=body, headers=office.program)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@pytest.fixture(scope="module")
def foreign(api: Served, south: Office, shared: TestDatabase) -> Foreign:
    """What the southern office has."""
    return Foreign(api, south, shared)


def missing(subject: str) -> str:
    """An id of the subject's kind that nobody has."""
    if subject == "states":
        return "nothing"
    return "00" * 32 if subject == "tokens" else str(new_id())


def subject_of(path: str) -> str:
    """The kind of thing that a route is about."""
    return path.removeprefix("/api/v1/").split("/")[0]


#: What operations want in the query, by name.
QUERIES: Final = {"try_task": {"task": "1"}}


def with_key(api: Served) -> list[tuple[str, str, Operation]]:
    """The operations that take an id in their path."""
    found = [one for one in operations(api.app) if "key" in one[2].path_parameters]
    assert len(found) > 15
    return found


def test_every_route_answers_a_foreign_id_as_a_missing_one(
    api: Served, north: Office, foreign: Foreign
) -> None:
    for path, method, spoken in with_key(api):
        subject = subject_of(path)
        body, query = body_for(spoken, north), QUERIES.get(spoken.name)
        answers = [
            api.client.request(
                method, path.format(key=key), params=query, json=body, headers=north.program
            )
            for key in (foreign.ids[subject], missing(subject))
        ]
        assert [answer.status_code for answer in answers] == [404, 404], path
        assert answers[0].text == answers[1].text


def told(api: Served, path: str, headers: Mapping[str, str]) -> str:
    """What a GET is answered; of a stream, which has no end, its first event."""
    with api.client.stream("GET", path, headers=headers) as answer:
        if answer.headers["content-type"].startswith("text/event-stream"):
            return next(answer.iter_text())
        return answer.read().decode()


def test_no_list_shows_anything_of_another_account(
    api: Served, north: Office, south: Office, foreign: Foreign
) -> None:
    hidden = [*foreign.ids.values(), "south", str(south.world.account)]
    hidden.remove(FOREIGN_STATE)
    for path, method, spoken in operations(api.app):
        if method != "GET" or spoken.path_parameters:
            continue
        headers = north.device if "/sync/" in path else north.program
        text = told(api, path, headers)
        assert not [secret for secret in hidden if secret in text], path


def test_a_reference_to_a_foreign_id_is_a_reference_to_nothing(
    api: Served, north: Office, foreign: Foreign
) -> None:
    def answers(subject: str, field: str, referred: str, rest: dict[str, Any]) -> list[str]:
        texts = []
        for key in (foreign.ids[referred], missing(referred)):
            answer = api.client.post(
                f"/api/v1/{subject}", json=rest | {field: key}, headers=north.program
            )
            assert answer.status_code in {400, 404}, answer.text
            texts.append(answer.text)
        return texts

    task = {
        "type": str(north.world.service_call),
        "state": "100",
        "title": "x",
        "unit": str(north.world.site),
    }
    cases: list[tuple[str, str, str, dict[str, Any]]] = [
        ("units", "parent", "units", {"kind": "site", "name": "x"}),
        (
            "users",
            "unit",
            "units",
            {"role": "manager", "name": "x", "email": "x@example.org"},
        ),
        ("locations", "customer", "customers", {"name": "x", "address": "y"}),
        ("tasks", "type", "task-types", task),
        ("tasks", "state", "states", task),
        ("tasks", "unit", "units", task),
        ("tasks", "customer", "customers", task),
        ("tasks", "location", "locations", task),
        ("tasks", "technician", "users", task),
        ("tasks", "pool", "units", task),
        ("tasks", "account_manager", "users", task),
        (f"tasks/{north.task}/assignments", "technician", "users", {}),
        (f"tasks/{north.task}/assignments", "unit", "units", {}),
        ("devices/codes", "user", "users", {}),
    ]
    for case in cases:
        first, second = answers(*case)
        assert first == second, case


def test_putting_a_foreign_id_takes_nothing_away(
    api: Served, shared: TestDatabase, north: Office, south: Office, foreign: Foreign
) -> None:
    before = dump(shared.owner, south.world.account)
    for subject, key in foreign.ids.items():
        if subject in {"tokens", "devices", "campaigns", "transitions", "sends"}:
            continue
        named = "code" if subject == "states" else "id"
        body = {named: key, "name": "stolen", "kind": "done"}
        api.client.post(f"/api/v1/{subject}", json=body, headers=north.program)
        api.client.put(
            f"/api/v1/{subject}/external/{key}", json={"name": "stolen"}, headers=north.program
        )
    assert dump(shared.owner, south.world.account) == before


def test_a_device_parks_what_it_pushes_for_a_foreign_task(
    api: Served, shared: TestDatabase, north: Office, south: Office
) -> None:
    before = dump(shared.owner, south.world.account)
    item = {
        "id": str(new_id()),
        "task": str(south.task),
        "state": "600",
        "moment": "2026-01-01T00:00:00Z",
        "sequence": 1,
    }
    body = {"device_now": "2026-01-01T00:00:00Z", "transitions": [item]}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=north.device)
    assert answer.json()["results"] == [{"id": item["id"], "verdict": "parked"}]
    assert dump(shared.owner, south.world.account) == before


def test_a_device_gets_no_page_with_anothers_cursor(
    api: Served, north: Office, south: Office
) -> None:
    cursor = api.client.get("/api/v1/sync/pull", headers=south.device).json()["cursor"]
    answer = api.client.get(f"/api/v1/sync/pull?cursor={cursor}", headers=north.device)
    assert answer.status_code == 400


def test_every_page_answers_a_foreign_id_as_a_missing_one(
    api: Served, north: Office, foreign: Foreign
) -> None:
    tried = 0
    with httpx.Client(base_url=api.base_url, timeout=20) as browser:
        sign_in(browser, north)
        for route in api.app.routes:
            if not isinstance(route, HTTPRoute) or not is_console_page(route):
                continue
            tried += 1
            name = next(iter(route.path_parameters.values())).name
            key, nothing = foreign.ids[NAMED[name]], str(new_id())
            for method in sorted(route.methods - {"OPTIONS", "HEAD"}):
                texts = []
                for one in (key, nothing):
                    answer = browser.request(
                        method,
                        route.path_format.format(**{name: one}),
                        data={"state": "600"} if method == "POST" else None,
                        headers={"Accept": "text/html"},
                    )
                    assert answer.status_code == 404, (method, route.path)
                    texts.append(answer.text.replace(one, ""))
                assert texts[0] == texts[1], (method, route.path)
    assert tried >= 6


#: What the ids in the paths of pages are of.
NAMED = {
    "task": "tasks",
    "campaign": "campaigns",
    "device": "devices",
    "technician": "users",
    "transition": "transitions",
    "key": "sends",
}


def is_console_page(route: HTTPRoute) -> bool:
    """A page of the console that takes an id."""
    is_page = all(OPERATION not in handler.opt for handler in route.route_handlers)
    places = ("/tasks", "/campaigns", "/devices", "/refused", "/sends")
    return is_page and bool(route.path_parameters) and route.path.startswith(places)


def sign_in(browser: httpx.Client, office: Office) -> None:
    """Sign the office's administrator in."""
    body = {"email": office.address("administrator"), "password": PASSWORD}
    assert browser.post("/api/v1/sessions", json=body).status_code == 204


def dump(owner: str, account: int) -> dict[str, list[str]]:
    """Every row of an account, table by table, as the owner sees it."""

    async def read() -> dict[str, list[str]]:
        connection = await asyncpg.connect(owner)
        try:
            rows = {}
            for table in await tables(connection):
                sql = f'SELECT t::text FROM "{table}" t WHERE account = $1 ORDER BY 1'
                rows[table] = [row[0] for row in await connection.fetch(sql, account)]
            return rows
        finally:
            await connection.close()

    return asyncio.run(read())


async def tables(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Every table whose rows belong to an account, but for those that say whose an address is."""
    names = await connection.fetch(
        """
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'account' ORDER BY table_name
        """
    )
    return [row[0] for row in names if row[0] not in UNFENCED]


@pytest.fixture(scope="module")
def all_tables(shared: TestDatabase) -> list[str]:
    """Names of the fenced tables."""

    async def read() -> list[str]:
        connection = await asyncpg.connect(shared.owner)
        try:
            return await tables(connection)
        finally:
            await connection.close()

    found = asyncio.run(read())
    assert len(found) > 25
    return found


@pytest.fixture(params=["api", "worker"])
def role(request: pytest.FixtureRequest) -> str:
    """A running role."""
    return str(request.param)


async def attempt(dsn: str, scope: int | None, sql: str, *args: object) -> str | int:
    """Rows that `sql` touched in the scope of an account, or the name of the refusal."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            if scope is not None:
                await connection.execute(
                    "SELECT set_config('retour.account', $1, true)", str(scope)
                )
            status = await connection.execute(sql, *args)
            return int(status.rpartition(" ")[2])
    except asyncpg.PostgresError as error:
        return type(error).__name__
    finally:
        await connection.close()


DENIED = "InsufficientPrivilegeError"
#: A scope that was never set is an unknown parameter or no number.
UNSCOPED = {"UndefinedObjectError", "InvalidTextRepresentationError", DENIED}


def test_raw_sql_neither_reads_nor_writes_rows_of_another_account(
    shared: TestDatabase, role: str, all_tables: list[str], north: Office, south: Office
) -> None:
    dsn = shared.api if role == "api" else shared.worker
    mine, theirs = north.world.account, south.world.account

    async def check(table: str) -> None:
        seen = {0, DENIED}
        if role == "worker" and table in QUEUES:
            return
        where = f'"{table}" WHERE account = $1'
        assert await attempt(dsn, mine, f"SELECT FROM {where}", theirs) in seen
        assert await attempt(dsn, mine, f"DELETE FROM {where}", theirs) in seen
        moved = f'UPDATE "{table}" SET account = account WHERE account = $1'
        assert await attempt(dsn, mine, moved, theirs) in seen
        added = f'INSERT INTO "{table}" (account) VALUES ($1)'
        assert await attempt(dsn, mine, added, theirs) == DENIED
        if await attempt(dsn, mine, f"SELECT FROM {where}", mine) not in seen:
            taken = f'UPDATE "{table}" SET account = $2 WHERE account = $1'
            assert await attempt(dsn, mine, taken, mine, theirs) == DENIED

    async def check_all() -> None:
        for table in all_tables:
            await check(table)

    asyncio.run(check_all())


def test_raw_sql_without_a_scope_is_an_error_and_not_an_empty_page(
    shared: TestDatabase, role: str, all_tables: list[str]
) -> None:
    dsn = shared.api if role == "api" else shared.worker

    async def check_all() -> None:
        for table in all_tables:
            if role == "worker" and table in QUEUES:
                continue
            assert await attempt(dsn, None, f'SELECT FROM "{table}"') in UNSCOPED, table

    asyncio.run(check_all())


def test_an_account_writes_no_line_of_anothers_in_the_login_directory(
    shared: TestDatabase, north: Office, south: Office
) -> None:
    mine, theirs = north.world.account, south.world.account

    def tried(sql: str, *args: object, scope: int | None = mine) -> str | int:
        return asyncio.run(attempt(shared.api, scope, sql, *args))

    someone = south.people["dispatcher"]
    added = "INSERT INTO login (address, account, app_user) VALUES ('x@example.org', $1, $2)"
    assert tried(added, theirs, someone) == DENIED
    assert tried("UPDATE login SET address = 'x@example.org' WHERE account = $1", theirs) == 0
    assert tried("UPDATE login SET account = $2 WHERE account = $1", mine, theirs) == DENIED
    assert tried("DELETE FROM login WHERE account = $1", theirs) == 0
    assert tried("DELETE FROM login", scope=None) in UNSCOPED


@pytest.mark.parametrize("table", ["login", "session", "api_token", "throttle"])
def test_a_worker_sees_nothing_of_who_signs_in(shared: TestDatabase, table: str) -> None:
    assert asyncio.run(attempt(shared.worker, 1 << 39, f'SELECT FROM "{table}"')) == DENIED
