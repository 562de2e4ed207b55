"""Marks that are written together, whenever they come."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import pytest

from mail.delivery.claim import claim
from mail.delivery.stages import Leased
from mail.sending.progress import ProgressWriter
from mail.sending.run import Pool
from tests.mail.campaigns import active, rows
from tests.mail.delivering import Post

pytestmark = pytest.mark.anyio

#: Seconds in which anything is written.
SOON = 20.0


async def jobs_of(post: Post, mails: int) -> list[Leased]:
    await active(post.world)
    await post.visits(mails)
    return (await claim(post.config, post.world.account, 100)).jobs


@pytest.mark.parametrize("sessions", [1, 2, 3])
async def test_what_comes_as_the_last_writer_ends_is_written(post: Post, sessions: int) -> None:
    """Who hears of one mark has the next one ready in the same breath."""
    jobs = await jobs_of(post, 4 * sessions)
    progress = ProgressWriter()

    async def one_after_the_other(mine: Sequence[Leased]) -> list[bool]:
        return [await progress.mark_content(job) for job in mine]

    async with asyncio.timeout(SOON):
        stand = await asyncio.gather(
            *(one_after_the_other(jobs[place::sessions]) for place in range(sessions))
        )
    assert stand == [[True] * 4] * sessions
    found = await rows(post.world, "SELECT DISTINCT phase FROM outbox")
    assert [row["phase"] for row in found] == ["data"]


async def test_those_that_come_while_others_are_written_go_together(post: Post) -> None:
    jobs = await jobs_of(post, 5)
    progress = ProgressWriter()
    async with post.owner.connection.transaction():
        await post.owner.connection.execute("LOCK TABLE outbox IN SHARE MODE")
        heard = []
        for number, job in enumerate(jobs[:2], 1):
            heard.append(asyncio.create_task(progress.mark_content(job)))
            await post.owner.until_waiting(number)
        heard += [asyncio.create_task(progress.mark_content(job)) for job in jobs[2:]]
        await asyncio.sleep(0)
    async with asyncio.timeout(SOON):
        assert all(await asyncio.gather(*heard))
    written = await _transactions(post)
    assert len({written[job.invitation] for job in jobs}) == 3
    assert len({written[job.invitation] for job in jobs[2:]}) == 1


async def test_who_waits_is_told_why_it_was_not_written(post: Post) -> None:
    [job] = await jobs_of(post, 1)
    progress = ProgressWriter()
    await post.owner.connection.execute("ALTER TABLE outbox RENAME TO elsewhere")
    for _ in range(2):
        with pytest.raises(asyncpg.UndefinedTableError):
            await progress.mark_content(job)
    await post.owner.connection.execute("ALTER TABLE elsewhere RENAME TO outbox")
    assert await progress.mark_content(job)


async def test_what_was_not_begun_is_given_back_where_what_was_sent_cannot_be_written(
    post: Post,
) -> None:
    jobs = await jobs_of(post, 3)
    post.configure(smtp_connections=1)
    post.server.next("MAIL", "250 2.1.0 ok", "530 5.7.0 authenticate")
    pool = Pool(post.config, flush_timeout=0)
    await post.owner.connection.execute("ALTER TABLE mail_event RENAME TO elsewhere")
    await pool.take(jobs)
    with pytest.raises(asyncpg.UndefinedTableError):
        await pool.finish()
    found = await rows(post.world, "SELECT invitation, phase FROM outbox")
    phases = {row["invitation"]: row["phase"] for row in found}
    assert [phases[job.invitation] for job in jobs] == ["data", "waiting", "waiting"]
    assert len(post.server.mails) == 1


async def test_all_rests_though_what_was_not_begun_cannot_be_given_back(post: Post) -> None:
    await active(post.world)
    await post.visits(2)
    jobs = (await claim(post.config, post.world.account, 1)).jobs
    post.server.next("MAIL", "530 5.7.0 authenticate")
    await post.owner.connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not given back'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON outbox FOR EACH ROW"
        " WHEN (OLD.phase = 'claimed' AND NEW.phase = 'waiting') EXECUTE FUNCTION refuse()"
    )
    pool = Pool(post.config)
    await pool.take(jobs)
    with pytest.raises(asyncpg.RaiseError, match="not given back"):
        await pool.finish()
    [waiting] = await rows(
        post.world,
        "SELECT not_before > retour_now() AS rests FROM outbox WHERE phase = 'waiting'",
    )
    assert waiting["rests"]


async def test_what_was_taken_is_written_though_the_time_of_its_run_is_over(post: Post) -> None:
    [job] = await jobs_of(post, 1)
    progress = ProgressWriter()
    assert await progress.mark_content(job)
    async with post.owner.connection.transaction():
        await post.owner.connection.execute("LOCK TABLE mail_event IN SHARE MODE")
        progress.add_sent(job)
        flushing = asyncio.create_task(progress.flush(SOON))
        await post.owner.until_waiting(1)
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
    async with asyncio.timeout(SOON):
        await progress.flush(SOON)
    [row] = await rows(post.world, "SELECT status FROM invitation")
    assert row["status"] == "sent"


async def _transactions(post: Post) -> dict[UUID, str]:
    """By invitation, which transaction wrote its entry in the queue last."""
    found = await rows(post.world, "SELECT invitation, xmin::text AS by FROM outbox")
    return {row["invitation"]: row["by"] for row in found}
