"""Hazard 28: a pooler in transaction mode; what it may do works, and what it may not is refused."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from msgspec.structs import replace

from server.provisioning import ProvisionError
from server.provisioning.provision import provision
from tests.faults.scene import DONE, Yard, verdicts
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.pgbouncer import pooler

pytestmark = pytest.mark.anyio

READS = 80


@pytest.fixture
def through(database: TestDatabase) -> Iterator[dict[str, Any]]:
    """Settings of processes behind a pooler."""
    with pooler(database.owner) as made:
        yield {"database_url": made.dsn}


async def test_28_a_pooler_in_transaction_mode_makes_no_difference(
    yard: Yard, through: dict[str, Any]
) -> None:
    api = yard.fleet.api(**through)
    processes = [api, yard.fleet.worker(**through), yard.fleet.clock(**through)]
    visits = await yard.visits(20)
    items = [yard.world.item(visit.task, DONE) for visit in visits]
    async with httpx.AsyncClient(base_url=api.origin, timeout=30) as client:
        bodies = [{"device_now": item.moment, "transitions": [item]} for item in items]
        pushed = await asyncio.gather(*(yard.send_on(client, body) for body in bodies))
        read = await asyncio.gather(
            *(yard.read_on(client, "/api/v1/sync/me") for _ in range(READS))
        )
    assert [verdicts(answer) for answer in pushed] == [["accepted"]] * len(items)
    assert {answer.status_code for answer in read} == {200}
    await yard.mailed(visits)
    await yard.idle()
    assert [len(yard.sink.to(visit.address)) for visit in visits] == [1] * len(visits)
    later = yard.fleet.api(**through)  # no lock was left behind
    assert (await yard.read(later.origin, "/ready", "application/json")).status_code == 200
    assert all(process.runs for process in processes)


async def test_28_a_pooler_that_signs_in_as_somebody_else_is_refused(
    database: TestDatabase,
) -> None:
    password = urlsplit(database.owner).password
    async with owning(database.owner) as owner:
        await owner.connection.execute(
            f"CREATE ROLE somebody SUPERUSER LOGIN PASSWORD '{password}'"
        )
        with (
            pooler(database.owner, signs_in_as="somebody") as made,
            pytest.raises(ProvisionError, match="a pooler signed in as somebody in place of"),
        ):
            await provision(replace(database.settings(), database_url=made.dsn))
        await owner.connection.execute("DROP ROLE somebody")


async def test_28_a_pooler_that_does_not_know_the_running_roles_is_refused(
    database: TestDatabase,
) -> None:
    says = r"the running role test_[0-9a-f]+_retour_api_login cannot sign in"
    with (
        pooler(database.owner, asks=False) as made,
        pytest.raises(ProvisionError, match=says),
    ):
        await provision(replace(database.settings(), database_url=made.dsn))
