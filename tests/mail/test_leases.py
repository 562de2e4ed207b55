"""Hazards 7, 10, 11: who holds an invitation, and what one who lost it can still do."""

import asyncio
from datetime import timedelta
from multiprocessing import get_context
from uuid import UUID

import asyncpg
import pytest

from mail.config import MailConfig
from mail.delivery.claim import claim
from mail.delivery.held import fault
from mail.delivery.retry import give_back, record
from mail.delivery.stages import Leased
from mail.delivery.uncertain import recover
from mail.sending.progress import ProgressWriter
from mail.sending.run import deliver_due
from mail.sending.session import Session, letter_of
from mail.smtp.replies import Phase, SendError
from sync.database import DB
from tests.mail.campaigns import active, change, rows
from tests.mail.delivering import HOUR, Post
from tests.support.smtp_server import HANG

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS = "marie@example.net"
REFUSED = SendError(Phase.RCPT, "550 5.1.1 no", 550, "5.1.1")
LATER = SendError(Phase.RCPT, "450 4.2.0 later", 450, "4.2.0")
SILENCE = SendError(Phase.CONTENT, "no reply in time")

#: How a database that went away shows.
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

#: Everything that deliveries write, with the row versions that any write would change.
_STATE = """
SELECT 'outbox', xmin::text, ctid::text FROM outbox
UNION ALL SELECT 'invitation', xmin::text, ctid::text FROM invitation
UNION ALL SELECT 'use', xmin::text, ctid::text FROM contact_use
UNION ALL SELECT 'contact', xmin::text, ctid::text FROM contact
UNION ALL SELECT 'event', xmin::text, ctid::text FROM mail_event
ORDER BY 1, 2, 3
"""


async def claimed(post: Post, mails: int = 1) -> list[Leased]:
    """Jobs of a worker that then does nothing."""
    await active(post.world, mute="07:00:00")
    for _ in range(mails):
        await post.visit()
    return (await claim(post.config, post.world.account, 100)).jobs


async def state(post: Post) -> list[tuple[str, ...]]:
    return [tuple(row) for row in await rows(post.world, _STATE)]


async def lease_passed(post: Post, times: float = 1) -> None:
    await post.later(timedelta(seconds=post.config.lease * times))


async def test_7_a_claim_whose_worker_died_is_taken_over_after_its_lease(post: Post) -> None:
    [job] = await claimed(post)
    await post.later(timedelta(seconds=post.config.lease - 1))
    assert await post.deliver() == 0
    await post.later(timedelta(seconds=1))
    assert await post.deliver() == 1
    assert [mail.parsed["Message-ID"] for mail in post.server.mails] == [job.sending.message_id]
    [sent] = await rows(post.world, "SELECT status FROM invitation")
    assert sent["status"] == "sent"


async def test_content_of_a_dead_worker_is_in_doubt_after_its_lease(post: Post) -> None:
    [job] = await claimed(post)
    assert await ProgressWriter().mark_content(job)
    await lease_passed(post)
    assert await post.deliver() == 0
    [found] = await rows(post.world, "SELECT i.status, o.phase, o.resent FROM invitation i"
                         " JOIN outbox o ON o.invitation = i.id")  # fmt: skip
    assert tuple(found) == ("uncertain", "waiting", True)
    await post.later(HOUR)
    await post.deliver_all()
    [sent] = await rows(post.world, "SELECT status FROM invitation")
    assert sent["status"] == "sent"


async def test_content_is_in_doubt_whatever_becomes_of_what_its_campaign_says(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes it back, which cannot read the texts: what it needs are the rules."""
    [job] = await claimed(post)
    assert await ProgressWriter().mark_content(job)
    await post.owner.connection.execute("UPDATE campaign_version SET content = '{}'")
    monkeypatch.setattr("mail.campaigns.cache._versions", {})
    await lease_passed(post)
    await recover(post.config, post.world.account)
    [found] = await rows(post.world, "SELECT status FROM invitation")
    assert found["status"] == "uncertain"


async def test_11_a_worker_that_slept_through_its_lease_writes_nothing(post: Post) -> None:
    [job] = await claimed(post)
    await lease_passed(post, 2)
    before = await state(post)
    assert not await ProgressWriter().mark_content(job)
    assert await state(post) == before


async def test_11_a_mail_whose_lease_was_lost_leaves_nothing_to_the_next(post: Post) -> None:
    lost, kept = [letter_of(post.config, job) for job in await claimed(post, 2)]
    await change(
        post.world, "UPDATE outbox SET attempt = 9 WHERE invitation = $1", lost.job.invitation
    )
    progress = ProgressWriter()
    session = Session(post.config, progress)
    for outgoing in (lost, kept):
        await session.send(outgoing, None)
    await session.close()
    await progress.flush(1)
    [mail] = post.server.mails
    assert mail.parsed["Message-ID"] == kept.job.sending.message_id
    assert post.server.said("DATA") == 2


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
async def test_of_two_attempts_at_a_mail_only_the_last_may_leave(
    post: Post, order: list[int]
) -> None:
    """A run that is slow with the first one claims it again, once that was taken back."""
    attempts = await claimed(post)
    await lease_passed(post)
    await recover(post.config, post.world.account)
    attempts += (await claim(post.config, post.world.account, 100)).jobs
    assert attempts[0].invitation == attempts[1].invitation
    progress = ProgressWriter()
    stand = await asyncio.gather(*(progress.mark_content(attempts[place]) for place in order))
    assert dict(zip(order, stand, strict=True)) == {0: False, 1: True}


async def test_a_mark_that_was_written_unheard_tells_the_rest_again(post: Post) -> None:
    """The connection was lost in its COMMIT: it is not recorded yet that the mailbox has room."""
    [job] = await claimed(post)
    progress = ProgressWriter()
    assert await progress.mark_content(job)
    for _ in range(2):
        progress.add_sent(job)
        await progress.flush(1)
        left = await change(
            post.world,
            "UPDATE contact SET full_since = retour_now(), full_visits = '{}'"
            " WHERE full_since IS NULL",
        )
        assert left == 1


@pytest.mark.parametrize("as_far_as", ["claimed", "data"])
@pytest.mark.parametrize("then", ["taken over", "sent by another"])
async def test_11_whatever_it_has_to_say_comes_too_late(
    post: Post, as_far_as: str, then: str
) -> None:
    [job] = await claimed(post)
    if as_far_as == "data":
        assert await ProgressWriter().mark_content(job)
    await lease_passed(post, 2)
    await recover(post.config, post.world.account)
    if then == "sent by another":
        await post.later(HOUR)
        await post.deliver_all()
    before = await state(post)
    late = ProgressWriter()
    assert not await late.mark_content(job)
    late.add_sent(job)
    await late.flush(1)
    for said in (LATER, REFUSED, SILENCE):
        await record(post.config, job, said)
    await give_back(job.account, [job])
    if then == "sent by another":
        await fault(job.account, job.invitation, job.attempt, ValueError("late"))
    assert await state(post) == before
    assert await post.suppressed() == {}


async def test_marks_of_many_mails_are_written_together(post: Post) -> None:
    jobs = await claimed(post, 6)
    progress = ProgressWriter()
    before = await _commits(post)
    assert all(await asyncio.gather(*(progress.mark_content(job) for job in jobs)))
    for job in jobs:
        progress.add_sent(job)
    await progress.flush(5)
    assert await _commits(post) - before <= 4
    assert {row["status"] for row in await rows(post.world, "SELECT status FROM invitation")} == {
        "sent"
    }


async def test_what_was_sent_while_the_database_was_away_is_written_when_it_is_back(
    post: Post,
) -> None:
    [job] = await claimed(post)
    progress = ProgressWriter()
    assert await progress.mark_content(job)
    await _cut(post, allowed=False)
    progress.add_sent(job)
    waiting = asyncio.create_task(progress.flush(30))
    with pytest.raises(AWAY):
        await progress.mark_content(job)
    await _cut(post, allowed=True)
    await waiting
    [found] = await rows(post.world, "SELECT status FROM invitation")
    assert found["status"] == "sent"


async def test_what_cannot_be_written_at_all_is_told(post: Post) -> None:
    [job] = await claimed(post)
    progress = ProgressWriter()
    assert await progress.mark_content(job)
    await _cut(post, allowed=False)
    progress.add_sent(job)
    with pytest.raises(AWAY):
        await progress.flush(0)
    await _cut(post, allowed=True)


async def test_a_run_ends_with_an_error_where_the_database_went_away(post: Post) -> None:
    await active(post.world)
    tasks = [await post.visit() for _ in range(8)]
    post.server.next("RCPT", HANG)
    post.configure(smtp_timeout=2, actor_timeout=20)
    delivering = asyncio.create_task(post.deliver())
    await post.server.until("RCPT")
    await _cut(post, allowed=False)
    with pytest.raises(AWAY):
        await delivering
    await _cut(post, allowed=True)
    for _ in range(4):
        await post.later(HOUR)
        await post.deliver_all()
    assert {await post.status(task) for task in tasks} == {("sent", None)}
    assert len({mail.parsed["Message-ID"] for mail in post.server.mails}) == 8


async def test_a_run_that_has_no_time_left_gives_back_what_it_took(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await active(post.world)
    tasks = [await post.visit() for _ in range(30)]
    post.configure(smtp_timeout=8, actor_timeout=16, smtp_connections=1)
    post.server.next("RCPT", HANG)
    delivering = asyncio.create_task(post.deliver())
    await post.server.until("RCPT")
    await _all_claimed(post)
    # However slow the machine is, the time is over exactly while the first mail hangs, and no
    # statement is under way whose own time would be over with it.
    loop = asyncio.get_running_loop()
    since = loop.time
    monkeypatch.setattr(loop, "time", lambda: since() + 9)
    assert await delivering == 30
    left = await rows(post.world, "SELECT attempt, first_tried_at, phase FROM outbox")
    assert len(left) == 30
    assert {row["phase"] for row in left} == {"waiting"}
    assert sum(row["first_tried_at"] is None for row in left) == 29
    post.configure(smtp_timeout=5, actor_timeout=60)
    await post.later(HOUR)
    await post.deliver_all()
    assert {await post.status(task) for task in tasks} == {("sent", None)}


async def test_a_cancelled_run_leaves_nothing_half_done(post: Post) -> None:
    await active(post.world)
    tasks: list[UUID] = [await post.visit() for _ in range(8)]
    post.configure(smtp_timeout=1, actor_timeout=20)
    post.server.next("DOT", HANG)
    delivering = asyncio.create_task(post.deliver())
    await post.server.until("DATA", 4)
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    await post.server.ended()
    for _ in range(3):
        await post.later(HOUR)
        await post.deliver_all()
    assert {await post.status(task) for task in tasks} == {("sent", None)}
    assert len({mail.parsed["Message-ID"] for mail in post.server.mails}) == 8


async def test_10_six_workers_at_once_send_each_mail_once(post: Post) -> None:
    await active(post.world, mute="07:00:00")
    for number in range(120):
        await post.visit(f"c{number % 60}@example.net")
    context = get_context("spawn")
    workers = [context.Process(target=_worker, args=(post.config,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await asyncio.to_thread(worker.join, 60)
        assert worker.exitcode == 0
        worker.close()
    await post.later(HOUR)
    await post.deliver_all()
    assert len(post.server.mails) == len({mail.recipient for mail in post.server.mails}) == 60
    found = await rows(post.world, "SELECT status, count(*) FROM invitation GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in found] == [("dropped", 60), ("sent", 60)]
    attempts = await rows(post.world, "SELECT max(attempt) FROM mail_event WHERE kind = 'sent'")
    assert attempts[0][0] == 1


def _worker(config: MailConfig) -> None:
    """A process that delivers until nothing is due."""

    async def deliver() -> None:
        await DB.open(config.worker_dsn, size=4)
        while await deliver_due(config):
            pass
        await DB.close()

    asyncio.run(deliver())


async def _cut(post: Post, *, allowed: bool) -> None:
    """Refuse the worker's connections and end those it has, or let it in again."""
    connection = post.owner.connection
    login = (await connection.fetchrow(
        "SELECT usename FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename <> current_user LIMIT 1"
    )) if not allowed else None  # fmt: skip
    if login is not None:
        post.configure(namespace=login["usename"])
    name = post.config.namespace
    await connection.execute(f'ALTER ROLE "{name}" {"LOGIN" if allowed else "NOLOGIN"}')
    quiet = 5 if allowed else 0
    async with asyncio.timeout(10):
        while quiet < 5:  # one that was let in a moment before shows a moment after
            ended = await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", name
            )
            quiet = 0 if ended else quiet + 1
            await connection.execute("SELECT pg_sleep(0.02)")


async def _all_claimed(post: Post) -> None:
    """Wait until the run has looked for more, found nothing, and asks the database no more."""
    quiet, connection = 0, post.owner.connection
    async with asyncio.timeout(10):
        while quiet < 5:
            await connection.execute("SELECT pg_sleep(0.02)")
            asked = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
            left = await post.owner.count("outbox WHERE phase = 'waiting'")
            quiet = 0 if asked or left else quiet + 1


async def _commits(post: Post) -> int:
    """Transactions that wrote, so far."""
    [row] = await rows(post.world, "SELECT pg_current_xact_id()::text::bigint AS id")
    await change(post.world, "UPDATE account SET name = name")
    return int(row["id"])
