"""What is done to a chunk of a long queue reads that chunk, whatever the planner believes.

A join of what is written with the account's rows may else read all of them.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar
from uuid import UUID

import pytest

from mail.campaigns.lifecycle import pause_campaign, resume_campaign
from mail.config import MailConfig
from mail.delivery.claim import Chunk, claim
from mail.delivery.retry import give_back
from mail.delivery.stages import Leased
from mail.planning.place_changes import queue_waiting
from mail.sending.progress import ProgressWriter
from sync.database import run, tx
from sync.records.customers import put_locations
from sync.records.shapes import LocationPut
from tests.mail.campaigns import active
from tests.mail.delivering import Post
from tests.support.databases import TestDatabase
from tests.support.growing import grow, prepare, rows_read
from tests.support.owner import Owner, owning
from tests.support.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

T = TypeVar("T")

#: Invitations of a chunk, and how many rows of a table each of them may read.
CHUNK, EACH = 200, 6
#: Customers with two visits each, and how often they are copied: sixteen chunks. In a much longer
#: queue even a planner that errs looks rows up one by one.
CUSTOMERS, COPIES = 4, 400
#: How much the account has grown since the oldest statistics, as in `tests.server.test_reads`.
TIMES_OLDER: Final = 20
#: From its sixth run on a session may keep a statement's plan.
ROUNDS: Final = 7

PLANNED: Final = "CREATE TEMP TABLE planned AS SELECT * FROM outbox"
#: All as it was planned, so that each chunk is one that was never tried; no row is there twice.
BEGIN_AGAIN: Final = (
    "DELETE FROM outbox",
    "DELETE FROM link",
    "DELETE FROM contact_use",
    "UPDATE invitation SET status = 'scheduled', address = NULL WHERE status <> 'scheduled'",
    "VACUUM",
    "INSERT INTO outbox SELECT * FROM planned",
    "VACUUM",
    "SELECT pg_stat_force_next_flush()",  # or what was read here counts as the next step's
)
OPEN: Final = """
INSERT INTO sender_breaker (account, sender, recipient, refused, reason, refused_at, probes,
  opened_at, until)
VALUES ($1, 'example.test', '*', '{}', 'no', now(), 0, now(), now() + interval '1 hour')
"""
SHUT: Final = "DELETE FROM sender_breaker"
LEFT: Final = "UPDATE task SET state = '100'"


class Chunks:
    """Steps of an account's queue, and the most that each read of a table at once."""

    def __init__(self, config: MailConfig, account: int, owner: Owner) -> None:
        self.config, self.account, self.owner = config, account, owner
        self.most: dict[tuple[str, str], int] = {}

    async def step(self, name: str, work: Awaitable[T]) -> T:
        before = await rows_read(self.owner)
        done = await work
        for table, count in (await rows_read(self.owner) - before).items():
            self.most[name, table] = max(count, self.most.get((name, table), 0))
        return done

    async def begin_again(self) -> None:
        for statement in BEGIN_AGAIN:
            await self.owner.connection.execute(statement)

    async def claim(self, name: str) -> Chunk:
        """The next chunk, of invitations that were never tried."""
        chunk = await self.step(name, claim(self.config, self.account, CHUNK))
        assert chunk.found == CHUNK
        return chunk

    async def send(self, jobs: Sequence[Leased]) -> None:
        """As if the server took them all at once."""
        progress = ProgressWriter()
        marks = asyncio.gather(*(progress.mark_content(job) for job in jobs))
        assert all(await self.step("content", marks))
        for job in jobs:
            progress.add_sent(job)
        await self.step("sent", progress.flush(0))

    async def try_some(self) -> None:
        """Claim, meet what is claimed, send the half of it, give the other back."""
        first = await self.claim("claim")
        assert len(first.jobs) == CHUNK
        while not (later := await self.claim("wait")).waiting:
            pass  # the second visits come behind the first ones
        assert later.waiting > CHUNK / 2
        await self.send(first.jobs[: CHUNK // 2])
        await self.step("give back", give_back(self.account, first.jobs[CHUNK // 2 :]))

    async def none_goes(self, name: str) -> None:
        """No invitation that is claimed goes; they all come to what the step is named after."""
        for _ in range(ROUNDS):
            await self.begin_again()
            assert (await self.claim(name)).jobs == []

    async def go(self, campaign: UUID) -> None:
        """Each step as often as a session needs to keep its plans."""
        execute = self.owner.connection.execute
        await execute(PLANNED)
        for _ in range(ROUNDS):
            await self.begin_again()
            await self.try_some()
        await execute(OPEN, self.account)
        await self.none_goes("park")
        await execute(SHUT)
        async with tx(self.account) as opened:
            await pause_campaign(opened, campaign)
        await self.none_goes("stand still")
        async with tx(self.account) as opened:
            await resume_campaign(opened, campaign)
        await execute(LEFT)
        await self.none_goes("drop")


async def planned(post: Post) -> UUID:
    """A campaign with a window, which is about to ask after two visits of each customer."""
    campaign = await active(post.world, mute="07:00:00")
    for customer in range(CUSTOMERS):
        for _ in range(2):
            await post.visit(f"c{customer}@example.net")
    return campaign


#: Half of the account's tasks are at one location, the other half each at its own.
TOGETHER: Final = """
UPDATE task SET location = $1 WHERE account = $2 AND id > (
  SELECT id FROM task WHERE account = $2 ORDER BY id OFFSET $3 LIMIT 1)
"""


async def test_a_location_that_changed_is_followed_chunk_by_chunk(
    as_worker: TestDatabase, post: Post
) -> None:
    """However many tasks are there, or elsewhere."""
    account, world = post.world.account, post.world
    async with owning(as_worker.owner) as owner:
        await prepare(owner)
        await planned(post)
        await grow(owner, account, COPIES)
        there = await world.location()
        await owner.connection.execute(TOGETHER, there, account, CUSTOMERS * COPIES)
        await owner.connection.execute("VACUUM ANALYZE")
        chunks = Chunks(post.config, account, owner)
        async with tx(account) as opened:
            await put_locations(opened, [LocationPut(id=there, zone="Europe/Paris")])
        for _ in range(ROUNDS):
            work = run(account, lambda tx: queue_waiting(tx, [there], CHUNK))
            assert await chunks.step("place", work) == 1
    assert {step: read for step, read in chunks.most.items() if read > CHUNK * EACH} == {}


@pytest.mark.parametrize("statistics", ["of others", "from before"])
async def test_what_is_done_to_a_chunk_reads_that_chunk(
    as_worker: TestDatabase, post: Post, statistics: str
) -> None:
    async with owning(as_worker.owner) as owner:
        await prepare(owner)
        account = post.world.account
        if statistics == "of others":
            known = Post(await World.create(), post.server, post.owner, post.config)
            await planned(known)
            await grow(owner, known.world.account, COPIES)
            await owner.connection.execute("ANALYZE")
            campaign = await planned(post)
            await grow(owner, account, COPIES)
        else:
            campaign = await planned(post)
            await grow(owner, account, COPIES // TIMES_OLDER)
            await owner.connection.execute("ANALYZE")
            await grow(owner, account, TIMES_OLDER, COPIES)
        chunks = Chunks(post.config, account, owner)
        await chunks.go(campaign)
    assert {step: read for step, read in chunks.most.items() if read > CHUNK * EACH} == {}
