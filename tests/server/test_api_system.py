"""What the process says of itself, how it does without its database, and its slow clients."""

import asyncio
import time
from typing import cast

import asyncpg
import httpx
import msgspec
import pytest
from litestar.types import HTTPReceiveMessage, Message, Receive, Scope, Send

from server.http.middleware.answers import answer_errors
from server.http.middleware.body import read_bodies
from server.http.middleware.heads import Hosts
from server.http.problems import ClientGoneError, SlowBodyError
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.office import Office, open_office
from tests.support.postgres_proxy import PostgresProxy

pytestmark = pytest.mark.anyio


def cut_connections(owner: str) -> None:
    """End every connection of the running roles, as a restart of the database does."""

    async def cut() -> None:
        connection = await asyncpg.connect(owner)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

    asyncio.run(cut())


def test_a_process_says_that_it_lives_and_that_it_can_serve(api: Served) -> None:
    assert api.client.get("/health").json() == {"status": "ok"}
    assert api.client.get("/ready").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path", ["/health", "/ready", "/metrics", "/api/v1/me", "/api/v1/sync/live"]
)
def test_head_answers_as_get_does_without_a_body(api: Served, north: Office, path: str) -> None:
    whose = north.device if "sync" in path else north.program
    head = api.client.head(path, headers=whose)
    with api.client.stream("GET", path, headers=whose) as get:
        assert (head.status_code, get.status_code) == (200, 200)
        for name in ("content-type", "content-length", "cache-control"):
            assert head.headers.get(name) == get.headers.get(name)
    assert head.content == b""


@pytest.mark.parametrize(
    ("accept", "answered"),
    [("*/*", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
def test_prometheus_reads_the_lag_of_the_feed_in_the_format_it_asks_for(
    api: Served, accept: str, answered: str
) -> None:
    answer = api.client.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(answered)
    assert "# TYPE retour_feed_lag_seconds gauge\nretour_feed_lag_seconds 0.0\n" in answer.text


def test_without_its_database_it_asks_to_come_back_later_and_recovers_alone(
    database: TestDatabase,
) -> None:
    office = open_office(database)
    with PostgresProxy(database.api) as proxy:
        through = msgspec.structs.replace(database, api=proxy.dsn)
        with served(through) as api:
            assert api.client.get("/ready").status_code == 200
            proxy.refuse()
            cut_connections(database.owner)
            for path in ("/ready", "/metrics", "/api/v1/units"):
                answer = api.client.get(path, headers=office.program)
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) > 0
                assert answer.json()["type"].endswith("unavailable")
            assert api.client.get("/health").status_code == 200
            proxy.listen()
            until_ready(api.client)
            assert api.client.get("/api/v1/units", headers=office.program).status_code == 200


def until_ready(client: httpx.Client) -> None:
    """Ask until the process can serve; ten seconds are too many."""
    deadline = time.monotonic() + 10
    while client.get("/ready").status_code != 200:
        assert time.monotonic() < deadline, "did not recover"


async def slow_client() -> HTTPReceiveMessage:
    """A client that announces a body and does not send it."""
    await asyncio.Event().wait()
    raise AssertionError


async def gone_client() -> HTTPReceiveMessage:
    """A client that leaves before its body is there."""
    return {"type": "http.disconnect"}


async def unreached(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that must not be asked."""
    raise AssertionError


SCOPE = cast(
    "Scope", {"type": "http", "path": "/api/v1/me", "headers": [(b"content-length", b"10")]}
)


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    reading = read_bodies(unreached, deadline=0.01)
    with pytest.raises(SlowBodyError):
        await reading(SCOPE, slow_client, collect([]))


async def test_nothing_is_answered_to_a_client_that_left() -> None:
    reading = read_bodies(unreached)
    with pytest.raises(ClientGoneError):
        await reading(SCOPE, gone_client, collect([]))
    sent: list[Message] = []
    await answer_errors(reading)(SCOPE, gone_client, collect(sent))
    assert sent == []


async def test_an_answer_that_began_is_not_begun_again() -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("half way")

    sent: list[Message] = []
    with pytest.raises(ValueError, match="half way"):
        await answer_errors(breaking)(SCOPE, gone_client, collect(sent))
    assert len(sent) == 1


def collect(sent: list[Message]) -> Send:
    """A client that keeps what it is sent."""

    async def send(message: Message) -> None:
        sent.append(message)

    return send


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("retour.example", True),
        ("RETOUR.Example:443", True),
        ("retour.example:444", False),
        ("other.example:1", True),
        ("exact.example:81", True),
        ("exact.example", False),
        ("[::1]:9", True),
        ("retour.example:x", False),
        ("retour.example:99999", False),
        ("a@retour.example", False),
        ("retour.example/x", False),
        ("retour.example?", False),
        ("", False),
    ],
)
def test_a_host_is_ours_by_name_and_port_whatever_its_case(host: str, known: bool) -> None:
    hosts = Hosts.of("https://retour.example", "other.example, exact.example:81, [::1]")
    assert hosts.know(host) is known


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ("https://retour.example", True),
        ("http://retour.example", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_an_origin_is_ours_by_scheme_and_host(origin: str, known: bool) -> None:
    assert Hosts.of("https://retour.example", "").know_origin(origin) is known


def test_the_api_can_be_reached_by_a_further_host(shared: TestDatabase, north: Office) -> None:
    with served(shared, hosts="inside.example") as api:
        for host, status in (("inside.example:8080", 200), ("outside.example", 400)):
            answer = api.client.get("/api/v1/me", headers=north.program | {"Host": host})
            assert answer.status_code == status
