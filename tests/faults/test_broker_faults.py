"""Hazard 8: the broker is away while devices push, or loses what it held."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scene import Yard, opened_yard
from tests.support.brokers import BROKERS, forget, shared_broker
from tests.support.databases import TestDatabase
from tests.support.silent_network import Cable
from tests.support.smtp_sink import Sink

pytestmark = [pytest.mark.anyio, pytest.mark.long]


@pytest.fixture(params=BROKERS)
def shared(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Settings of each broker in turn."""
    with shared_broker(request.param) as settings:
        yield settings


@pytest.fixture
def cable(shared: dict[str, Any]) -> Iterator[Cable]:
    """The only way to it."""
    with Cable(shared["broker_url"]) as made:
        yield made


@pytest.fixture
async def yard(
    as_worker: TestDatabase, sink: Sink, tmp_path: Path, shared: dict[str, Any], cable: Cable
) -> AsyncIterator[Yard]:
    """An account whose processes reach their broker by that way."""
    settings = {**shared, "broker_url": cable.through(shared["broker_url"])}
    async with opened_yard(as_worker, sink, tmp_path, **settings) as opened:
        yield opened


async def test_8_while_the_broker_is_away_pushes_are_taken_and_all_is_worked_off_afterwards(
    yard: Yard, cable: Cable
) -> None:
    api = yard.fleet.api()
    yard.fleet.worker()
    yard.fleet.clock()
    before = await yard.visits(3)
    await yard.finish(api.origin, before)
    await yard.mailed(before)

    cable.refuse()
    cable.cut()
    meanwhile = await yard.visits(20)
    for visit in meanwhile:
        await yard.finish(api.origin, [visit])
    cable.listen()

    await yard.mailed(meanwhile)
    await yard.idle()
    assert set(yard.sink.per_address().values()) == {1}


async def test_8_what_a_broker_lost_with_its_queues_is_found_in_the_database(
    yard: Yard, shared: dict[str, Any]
) -> None:
    api = yard.fleet.api()
    visits = await yard.visits(20)
    for visit in visits:  # nobody takes the messages yet
        await yard.finish(api.origin, [visit])
    forget(shared)
    yard.fleet.worker()
    yard.fleet.clock()
    await yard.mailed(visits)
    forget(shared)  # and again, under whoever listens
    more = await yard.visits(5)
    await yard.finish(api.origin, more)
    await yard.mailed(more)
    await yard.idle()
    assert set(yard.sink.per_address().values()) == {1}
