"""Marks that are written together, whenever they come."""

import asyncio
from collections.abc import Sequence

import pytest

from mail.delivery.checkpoint import Batch
from mail.delivery.claiming import claim
from mail.delivery.leasing import Leased
from tests.mail.campaigns import active
from tests.mail.delivering import Post

pytestmark = pytest.mark.anyio

#: Seconds in which anything is written.
SOON = 20.0


class Written:
    """Whoever writes, and what was written at once."""

    def __init__(self) -> None:
        self.together: list[list[Leased]] = []
        self.begun = asyncio.Event()

    async def write(self, jobs: Sequence[Leased]) -> list[int]:
        self.together.append(list(jobs))
        self.begun.set()
        await asyncio.sleep(0)
        return [len(self.together)] * len(jobs)


async def jobs_of(post: Post, mails: int) -> list[Leased]:
    await active(post.world)
    for _ in range(mails):
        await post.visit()
    return (await claim(post.config, post.world.account, 100)).jobs


@pytest.mark.parametrize("at_once", [1, 2])
async def test_what_comes_as_the_last_writer_ends_is_written(post: Post, at_once: int) -> None:
    """Who hears of one mark has the next one ready in the same breath."""
    jobs = await jobs_of(post, 4)
    written = Written()
    batch = Batch(written.write, at_once=at_once)

    async def one_after_the_other(mine: Sequence[Leased]) -> None:
        for job in mine:
            await batch.add(job)

    async with asyncio.timeout(SOON):
        await asyncio.gather(one_after_the_other(jobs[:2]), one_after_the_other(jobs[2:]))
    assert sorted(job.invitation for some in written.together for job in some) == sorted(
        job.invitation for job in jobs
    )


async def test_those_that_come_while_others_are_written_go_together(post: Post) -> None:
    first, *others = await jobs_of(post, 4)
    written = Written()
    batch = Batch(written.write)
    before = batch.add(first)
    await written.begun.wait()
    heard = [batch.add(job) for job in others]
    assert (await before, await asyncio.gather(*heard)) == (1, [2, 2, 2])
    assert written.together == [[first], others]


async def test_who_waits_is_told_why_it_was_not_written(post: Post) -> None:
    [job] = await jobs_of(post, 1)

    async def fails(_: Sequence[Leased]) -> list[bool]:
        raise ConnectionError("the database is away")

    batch = Batch(fails)
    for _ in range(2):
        with pytest.raises(ConnectionError, match="away"):
            await batch.add(job)
