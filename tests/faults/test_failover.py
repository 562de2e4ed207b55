"""Hazard 26: sessions of a server that was demoted only read; ours go to the one that writes."""

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from sync.connections import PROMPT, Connector
from sync.messages import Item
from tests.faults.scene import DONE, Yard, eventually, verdicts
from tests.support.clusters import Cluster, followed
from tests.support.owner import Owner, owning
from tests.support.patience import soon
from tests.support.silent_network import Cable

pytestmark = pytest.mark.anyio

_LOGINS = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE '%retour_api_login'"


@pytest.fixture
def standby(cluster: Cluster) -> Iterator[str]:
    """The owner's address of a server that follows the test's."""
    with followed(cluster) as address:
        yield address


@pytest.fixture
def cable(cluster: Cluster, standby: str) -> Iterator[Cable]:
    """The address that always leads to the primary, or should."""
    with Cable(cluster.database.owner) as made:
        yield made


async def test_26_a_failover_is_gone_through_without_a_restart(
    standby: str, cable: Cable, scene: Yard
) -> None:
    through: dict[str, Any] = {"database_url": cable.through(scene.database.owner)}
    api = scene.fleet.api(**through)
    processes = [api, scene.fleet.worker(**through), scene.fleet.clock(**through)]
    before = await scene.visits(1)
    await scene.finish(api.origin, before)
    await scene.mailed(before)
    await scene.rung()
    visits = await scene.visits(10)
    items = [scene.world.item(visit.task, DONE) for visit in visits]

    async with owning(standby) as second:
        await eventually(caught_up(scene.owner, second), "the standby has everything")
        assert await writes(standby, scene.database.owner)
        cable.lead_to(standby)
        await demote(scene.owner)
        refusals = [await scene.send(api.origin, body(item)) for item in items]
        refusals.append(await scene.read(api.origin, "/ready", "application/json"))
        for answer in refusals:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0

        await second.value("SELECT pg_promote()")
        begun = time.monotonic()
        for item in items:
            await eventually(accepted(scene, api.origin, item), "it is accepted", 10)
        assert (await scene.read(api.origin, "/ready", "application/json")).status_code == 200
        assert time.monotonic() - begun < soon(10)
        await scene.mailed(visits)
        found = "SELECT count(*) FROM transition WHERE id = ANY($1)"
        assert await second.value(found, [item.id for item in items]) == len(items)
    assert await scene.owner.value(_LOGINS) == 0
    assert [len(scene.sink.to(visit.address)) for visit in visits] == [1] * len(visits)
    assert all(process.runs for process in processes)
    await scene.owner.value("ALTER SYSTEM RESET default_transaction_read_only")
    await scene.owner.value("SELECT pg_reload_conf()")


async def demote(primary: Owner) -> None:
    """Let its sessions only read from now on, those that are open too."""
    await primary.value("ALTER SYSTEM SET default_transaction_read_only = on")
    await primary.value("SELECT pg_reload_conf()")


async def writes(*owners: str) -> bool:
    """Whether an address with the hosts of `owners`, in this order, leads to one that writes."""
    parts = urlsplit(owners[-1])
    hosts = ",".join(f"127.0.0.1:{urlsplit(owner).port}" for owner in owners)
    netloc = f"{parts.netloc.rpartition('@')[0]}@{hosts}"
    session = await Connector(urlunsplit(parts._replace(netloc=netloc)), PROMPT)()
    try:
        return not await session.fetchval("SELECT pg_is_in_recovery()")
    finally:
        await session.close()


def body(item: Item) -> object:
    return {"device_now": item.moment, "transitions": [item]}


def caught_up(primary: Owner, second: Owner) -> Callable[[], Awaitable[bool]]:
    async def replayed() -> bool:
        position = await primary.value("SELECT pg_current_wal_lsn()::text")
        return bool(
            await second.value("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", position)
        )

    return replayed


def accepted(scene: Yard, origin: str, item: Item) -> Callable[[], Awaitable[bool]]:
    async def taken() -> bool:
        answer = await scene.send(origin, body(item))
        assert answer.status_code in {200, 503}, answer.text
        return answer.status_code == 200 and verdicts(answer) == ["accepted"]

    return taken
