"""The order of locks is one: what is declared, what is written of it, and that a break is heard."""

import asyncio
import re
from contextvars import Context
from pathlib import Path

import pytest

from mail.recall import CLAIM_LOCK
from sync import enrolment
from sync.database import tx
from sync.intake import parking, recording
from tests.support.databases import TestDatabase
from tests.support.lock_order import ORDER, Heard, locks_of
from tests.support.owner import owning
from tests.support.world import World

pytestmark = pytest.mark.anyio

ARCHITECTURE = Path(__file__).parent.parent / "ARCHITECTURE.md"


@pytest.mark.parametrize(
    ("statement", "locks"),
    [
        ("SELECT * FROM task WHERE account = $1", ()),
        ("SELECT id FROM task ORDER BY id FOR NO KEY UPDATE SKIP LOCKED", ("task",)),
        ("SELECT FROM outbox o JOIN invitation i ON true FOR UPDATE OF o", ("outbox",)),
        ("SELECT FROM outbox o JOIN invitation i ON true FOR SHARE", ("outbox", "invitation")),
        (
            "SELECT FROM task WHERE id IN (SELECT task FROM task_change FOR UPDATE)",
            ("task_change",),
        ),
        ("INSERT INTO contact (account) VALUES ($1)", ()),
        ("INSERT INTO contact (account) VALUES ($1) ON CONFLICT DO NOTHING", ("contact",)),
        (
            "WITH a AS (DELETE FROM outbox RETURNING 1) UPDATE invitation SET x = 1",
            ("outbox", "invitation"),
        ),
        ("UPDATE task SET x = 'for update of state' -- update unit set", ("task",)),
        ('UPDATE "app_user" SET "name" = $1', ("app_user",)),
        (recording.ADD, ("task_change", "task")),
        (recording.CAPTURE, ("customer",)),
        (enrolment.ISSUE, ("app_user",)),
        (parking.PARKING_LOCK, ("parking",)),
        (CLAIM_LOCK, ("claims",)),
        ("SELECT * FROM task_lock($1, $2)", ("task",)),
    ],
)
def test_what_a_statement_locks_is_read_from_it(statement: str, locks: tuple[str, ...]) -> None:
    assert locks_of(statement) == locks


def test_the_order_is_written_once_and_is_this() -> None:
    written = re.search(r"## Locks\n.+?:\n(.+?)\.", ARCHITECTURE.read_text(), re.DOTALL)
    assert written is not None
    assert tuple(re.findall(r"`(\w+)`", written[1])) == ORDER


@pytest.mark.parametrize(
    ("statements", "late"),
    [
        (["SELECT FROM feed_head FOR UPDATE", "SELECT FROM task FOR UPDATE"], "task"),
        (["UPDATE outbox SET error = error", "SELECT pg_advisory_xact_lock(1)"], "claims"),
        (["SELECT FROM customer FOR SHARE", "DELETE FROM feed"], "feed"),
        (["DELETE FROM contact_use", "DELETE FROM outbox"], "outbox"),
        (["SELECT FROM task FOR SHARE", "DELETE FROM throttle"], None),
        (["SELECT FROM task FOR SHARE", "UPDATE customer SET name = name"], None),
        (["DELETE FROM contact_use"], None),
    ],
)
async def test_a_transaction_that_locks_against_the_order_is_heard(
    as_api: TestDatabase, locks: Heard, statements: list[str], late: str | None
) -> None:
    world = await World.create()
    async with tx(world.account) as opened:
        for statement in statements:
            await opened.execute(statement)
    await asyncio.sleep(0)  # what was sent is told in the loop's next round
    assert [one.late for one in locks.breaks] == ([late] if late else [])
    locks.forget()


async def test_two_that_wait_for_each_other_are_heard(as_api: TestDatabase, locks: Heard) -> None:
    world = await World.create()
    first, second = sorted([await world.task(), await world.task()])
    lock = "SELECT FROM task WHERE id = $1 FOR NO KEY UPDATE"

    async def other() -> None:
        async with tx(world.account) as opened:
            await opened.execute(lock, second)
            await opened.execute(lock, first)

    async with owning(as_api.owner) as owner, tx(world.account) as opened:
        await opened.execute(lock, first)
        waiting = asyncio.create_task(other(), context=Context())
        await owner.until_waiting(1)
        ended = await asyncio.gather(opened.execute(lock, second), waiting, return_exceptions=True)
        if isinstance(ended[0], BaseException):
            await waiting
    assert len(locks.deadlocks) == 1
    locks.forget()
