"""Entries of the queue are locked by their ids, whoever picks them by what: nobody meets in a ring.

Each race is forced: one connection holds the first of two entries, the other wants both.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final
from uuid import UUID

import pytest

from mail.campaigns.lifecycle import archive_campaign
from mail.delivery import breakers
from mail.delivery.breakers import Route
from mail.delivery.claim import wake
from sync.database import run, tx
from tests.mail.campaigns import active, change, rows
from tests.mail.delivering import Post
from tests.support.lock_order import Heard
from tests.support.world import World

pytestmark = pytest.mark.anyio

ROUTE: Final = Route("example.test", "example.net")

#: Two entries that each of the works below concerns, the later one due first.
_BEHIND: Final = """
UPDATE outbox SET error = 'reserved', sender_domain = $1, recipient_domain = $2,
  not_before = now() - make_interval(hours => place::integer),
  release = release - make_interval(hours => place::integer)
FROM (SELECT invitation AS id, row_number() OVER (ORDER BY invitation) AS place FROM outbox) one
WHERE invitation = one.id
"""
_OPENED: Final = """
INSERT INTO sender_breaker (account, sender, recipient, refused, reason, refused_at, opened_at,
  until, probes)
VALUES ($1, $2, $3, '{}', 'no', now(), now(), now() + interval '1 hour', 0)
"""
_BOTH: Final = "SELECT FROM outbox WHERE invitation = ANY($1) ORDER BY invitation FOR NO KEY UPDATE"


async def shut(world: World, _: UUID) -> None:
    """A mail was taken: what waits behind the breaker is freed."""
    await run(world.account, lambda tx: breakers.close(tx, [ROUTE]))


async def outcome_known(world: World, _: UUID) -> None:
    """Who met a reservation is judged again."""
    await wake(world.account)


async def archive(world: World, campaign: UUID) -> None:
    """What waits of a campaign is taken off the queue."""
    await run(world.account, lambda tx: archive_campaign(tx, campaign))


@pytest.mark.parametrize("work", [shut, outcome_known, archive])
async def test_who_works_on_many_entries_locks_them_by_their_ids(
    post: Post, locks: Heard, work: Callable[[World, UUID], Coroutine[Any, Any, None]]
) -> None:
    world = post.world
    campaign = await active(world)
    await post.visits(2)
    await change(world, _BEHIND, ROUTE.sender, ROUTE.recipient)
    await change(world, _OPENED, world.account, ROUTE.sender, ROUTE.recipient)
    ids = [row["invitation"] for row in await rows(world, "SELECT invitation FROM outbox")]
    async with tx(world.account) as planner:
        await planner.fetch(_BOTH, [min(ids)])
        working = asyncio.create_task(work(world, campaign), context=Context())
        await post.owner.until_waiting(1)
        await planner.fetch(_BOTH, ids)
    await working
    assert locks.deadlocks == []
