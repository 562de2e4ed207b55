"""Entries of the queue are locked by their ids, whoever picks them by what: nobody meets in a ring.

Each race is forced: one connection holds the first of two entries, the other wants both.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Final
from uuid import UUID

import pytest

from mail.campaigns.definition import Trigger
from mail.campaigns.lifecycle import archive_campaign
from mail.delivery import breakers
from mail.delivery.breakers import Route
from mail.delivery.claim import wake
from mail.planning.plan import plan
from sync.database import run, tx
from tests.mail.campaigns import active, change, happened, rows, time_of
from tests.mail.delivering import HOUR, MINUTE, Post
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
#: What planning does before it writes completions.
_DECISIONS: Final = """
SELECT FROM decision WHERE transition = ANY($1) ORDER BY campaign, transition FOR SHARE
"""


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


async def test_who_drops_locks_decisions_by_their_key(post: Post, locks: Heard) -> None:
    """As planning does, which holds those of a task for each completion that it writes."""
    world = post.world
    await active(world, rules=[Trigger([world.service_call], ["600"])], delay="00:00:10")
    early, late = [await world.task() for _ in range(2)]
    at = await time_of(world)
    for task in (late, early):  # so that the decision of what was made last comes first
        await happened(world, task, "600", at)
    for task in (early, late):
        await run(world.account, partial(plan, tasks=[task]))
        await happened(world, task, "300", at + MINUTE)
    await change(world, "DELETE FROM task_change")
    await post.later(HOUR)
    decided = await rows(world, "SELECT transition FROM decision ORDER BY transition")
    keys = [row["transition"] for row in decided]
    async with tx(world.account) as planner:
        await planner.fetch(_DECISIONS, keys[:1])
        dropping = asyncio.create_task(post.deliver_all(), context=Context())
        await post.owner.until_waiting(1)
        await planner.fetch(_DECISIONS, keys)
    await dropping
    assert {await post.status(task) for task in (early, late)} == {("dropped", "left_state")}
    assert locks.deadlocks == []
