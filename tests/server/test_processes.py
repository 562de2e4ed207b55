"""A process whose part has died ends with an error, so that a supervisor starts it again."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from server.app import create_app
from server.processes import DiedError, listen_on, mail_config, serve, watched
from server.settings import load
from tests.databases import TestDatabase

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
    stop = asyncio.Event()
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(watched(lambda: True, "the worker", stop))
        stop.set()


async def test_an_api_whose_database_is_gone_does_not_start(database: TestDatabase) -> None:
    app = create_app(database.settings(), "postgresql://127.0.0.1:1/none", lambda _: None)
    with listen_on("127.0.0.1", 0) as listening, pytest.raises(DiedError, match="did not start"):
        await serve(app, listening, asyncio.Event())


async def test_it_says_when_it_answers_and_ends_when_told(database: TestDatabase) -> None:
    stop = asyncio.Event()
    app = create_app(database.settings(), database.api, lambda _: None)
    with listen_on("127.0.0.1", 0) as listening:
        await serve(app, listening, stop, ready=stop.set)


def test_the_mail_side_is_told_every_setting_that_it_knows() -> None:
    settings = load({}, lease=1000, smtp_connections=3, namespace="mine", sweep=0.25)
    config = mail_config(settings, "postgresql://worker")
    assert config.worker_dsn == "postgresql://worker"
    for name in set(config.__struct_fields__) - {"worker_dsn"}:
        assert getattr(config, name) == getattr(settings, name)
