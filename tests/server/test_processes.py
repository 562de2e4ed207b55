"""A process whose part has died ends with an error, so that a supervisor starts it again."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from mail.smtp.address import parse_server
from server.app import create_app
from server.runtime.processes import DiedError, listen_on, mail_config, serve, watched
from server.settings import load
from tests.support.databases import TestDatabase

pytestmark = pytest.mark.anyio


async def dies(stop: asyncio.Event) -> None:
    alive = [True]
    async with watched(lambda: alive[0], "the worker", stop):
        assert not stop.is_set()
        alive[0] = False
        await asyncio.wait_for(stop.wait(), 10)


async def test_a_part_that_dies_stops_the_process_and_is_named() -> None:
    with pytest.raises(DiedError, match="the worker ended by itself"):
        await dies(asyncio.Event())


async def test_a_process_that_is_told_to_stop_ends_without_an_error() -> None:
    stop, before = asyncio.Event(), asyncio.all_tasks()
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(watched(lambda: True, "the worker", stop))
        (watching,) = asyncio.all_tasks() - before
        stop.set()
        await asyncio.wait([watching], timeout=10)
        assert watching.done()
        assert watching.exception() is None
    assert asyncio.all_tasks() == before


async def test_a_part_that_lives_is_watched_until_its_block_ends() -> None:
    stop, before = asyncio.Event(), asyncio.all_tasks()
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(watched(lambda: True, "the worker", stop))
        (watching,) = asyncio.all_tasks() - before
    await asyncio.wait([watching], timeout=10)
    assert watching.cancelled()
    assert not stop.is_set()


async def test_an_api_whose_database_is_gone_does_not_start(database: TestDatabase) -> None:
    app = create_app(database.settings(), "postgresql://127.0.0.1:1/none", lambda _: None)
    with listen_on("127.0.0.1", 0) as listening, pytest.raises(DiedError, match="did not start"):
        await serve(app, listening, asyncio.Event())


async def test_it_says_when_it_answers_and_ends_when_told(database: TestDatabase) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    app = create_app(database.settings(), database.api, lambda _: None)
    with listen_on("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        serving = asyncio.create_task(serve(app, listening, stop, ready=ready.set))
        await asyncio.wait_for(ready.wait(), 20)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/ready")).status_code == 200
            stop.set()
            await asyncio.wait_for(serving, 20)
            with pytest.raises(httpx.ConnectError):
                await client.get("/ready")


def test_the_mail_side_is_told_every_setting_that_it_knows() -> None:
    settings = load({}, lease=1000, smtp_connections=3, namespace="mine", sweep=0.25)
    config = mail_config(settings, "postgresql://worker")
    assert config.worker_dsn == "postgresql://worker"
    assert config.smtp == parse_server(settings.smtp_url)
    for name in set(config.__struct_fields__) - {"worker_dsn", "smtp", "smtp_name"}:
        assert getattr(config, name) == getattr(settings, name)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"origin": "https://retour.example"}, "retour.example"),
        ({"origin": "https://retour.example:8443", "smtp_name": "mail.example"}, "mail.example"),
        ({"origin": "http://192.0.2.7:8000"}, "[192.0.2.7]"),
        ({"origin": "http://[2001:db8::1]:8000"}, "[IPv6:2001:db8::1]"),
        ({"origin": "http://localhost:8000"}, "[127.0.0.1]"),
        ({"origin": "http://localhost:8000", "smtp_name": "localhost"}, "localhost"),
        ({"origin": "https://retour.example", "smtp_name": "192.0.2.7"}, "[192.0.2.7]"),
        ({"origin": "https://retour.example", "smtp_name": "[192.0.2.7]"}, "[192.0.2.7]"),
    ],
)
def test_it_calls_itself_to_mail_servers_as_it_is_reached_or_as_it_is_told(
    told: dict[str, str], name: str
) -> None:
    assert mail_config(load({}, **told), "postgresql://worker").smtp_name == name
