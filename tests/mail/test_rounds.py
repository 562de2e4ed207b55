"""Points 6 and 11: a task is asked once a round, and a return visit in a round of its own."""

import asyncio
from contextvars import Context
from datetime import datetime, timedelta
from importlib import import_module
from uuid import UUID

import asyncpg
import pytest

from mail.delivery.claim import claim
from mail.delivery.stages import Leased
from mail.planning.rounds import Round, RoundOrderError, open_round, read_rounds
from mail.sending.run import Pool
from sync.database import run, tx
from sync.errors import MissingError
from sync.feed.changes import TaskChange
from sync.ids import new_id
from tests.mail.campaigns import (
    active,
    change,
    happened,
    invitations,
    only_invitation,
    plan_all,
    queue_again,
    rows,
    time_of,
)
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post
from tests.support.lock_order import Heard
from tests.sync.replica import Replica

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS = "marie@example.net"
WHY = "La fuite est revenue"


async def opened(post: Post, task: UUID, number: int = 2) -> Round:
    """The round, opened now by the dispatcher."""
    account, by = post.world.account, post.world.dispatcher
    return await run(account, lambda tx: open_round(tx, task, number, by, WHY), f"user/{by}")


async def decided(post: Post, task: UUID) -> list[tuple[int, str]]:
    """Round and outcome of the task's decisions, in the order of its steps."""
    found = await rows(
        post.world,
        "SELECT d.round, d.outcome FROM decision d JOIN transition t ON t.id = d.transition"
        " WHERE d.task = $1 ORDER BY t.moment",
        task,
    )
    return [tuple(row) for row in found]


async def completed(post: Post, task: UUID) -> list[int]:
    """The rounds in which the task was completed."""
    found = await rows(
        post.world, "SELECT round FROM completion WHERE task = $1 ORDER BY round", task
    )
    return [row["round"] for row in found]


async def statuses(post: Post, task: UUID) -> dict[int, str]:
    """The statuses of the task's surveys, by round."""
    return {row["round"]: row["status"] for row in await invitations(post.world, task)}


async def send(post: Post, jobs: list[Leased]) -> None:
    """What a worker has claimed."""
    pool = Pool(post.config)
    await pool.take(jobs)
    await pool.finish()
    await post.server.ended()


async def test_11_a_return_visit_is_asked_about_in_its_round(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    await post.later(DAY)
    await opened(post, task)
    for state in ("300", "600", "610"):
        await post.later(HOUR)
        await post.moved(task, state)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2
    assert await decided(post, task) == [(1, "scheduled"), (2, "scheduled"), (2, "not_first")]
    assert await statuses(post, task) == {1: "sent", 2: "sent"}
    assert await completed(post, task) == [1, 2]


async def test_6_without_a_new_round_it_is_not(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    for state in ("300", "600"):
        await post.later(DAY)
        await post.moved(task, state)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 1
    assert (await decided(post, task), await completed(post, task)) == (
        [(1, "scheduled"), (1, "not_first")],
        [1],
    )


async def test_11_opening_cancels_what_waits_for_the_round_before(post: Post) -> None:
    await active(post.world, delay="00:12:00")
    task = await post.visit(ADDRESS)
    made = await opened(post, task)
    assert (made.round, made.opened_by, made.reason) == (2, post.world.dispatcher, WHY)
    assert await invitations(post.world, task) == []
    assert await decided(post, task) == [(1, "new_round")]
    await queue_again(post.world, task)
    await plan_all()
    await post.later(DAY)
    await post.deliver_all()
    assert post.server.mails == []
    assert await decided(post, task) == [(1, "new_round")]
    [entry] = await rows(post.world, "SELECT * FROM audit WHERE action = 'round.open'")
    assert (entry["object"], entry["actor"]) == (
        f"task/{task}",
        f"user/{post.world.dispatcher}",
    )


async def test_11_a_held_mail_that_never_left_is_cancelled_too(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.later(MINUTE)
    async with tx(post.world.account) as changing:
        await changing.execute("UPDATE account SET restored_at = retour_now()")
    await post.deliver_all()
    assert (await post.status(task))[0] == "held"
    await opened(post, task)
    assert await invitations(post.world, task) == []
    assert await decided(post, task) == [(1, "new_round")]


@pytest.mark.parametrize("ago", [2 * HOUR, SECOND])
async def test_11_a_step_that_arrives_late_finds_its_round(post: Post, ago: timedelta) -> None:
    """It happened before the round was opened, so it is asked about no more, and completes it."""
    await active(post.world)
    task = await post.world.task(customer=await post.world.customer(email=ADDRESS))
    at = (await opened(post, task)).opened_at
    await post.later(HOUR)
    await post.moved(task, "600")
    await post.deliver_all()
    await happened(post.world, task, "600", at - ago, received_at=await time_of(post.world))
    await plan_all()
    await post.deliver_all()
    assert await decided(post, task) == [(1, "new_round"), (2, "scheduled")]
    assert (await completed(post, task), len(post.server.to(ADDRESS))) == ([1, 2], 1)


async def test_a_late_step_of_a_sent_round_is_not_first_there(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    await post.later(HOUR)
    at = (await opened(post, task)).opened_at
    await happened(post.world, task, "610", at - MINUTE, received_at=await time_of(post.world))
    await plan_all()
    assert await decided(post, task) == [(1, "scheduled"), (1, "not_first")]


async def test_what_was_armed_again_is_dropped_as_before(post: Post) -> None:
    await active(post.world, delay="00:01:00")
    task = await post.visit(ADDRESS)
    await post.moved(task, "300")
    await post.later(2 * HOUR)
    await post.deliver_all()
    await post.moved(task, "600")
    assert await post.status(task) == ("scheduled", None)
    await opened(post, task)
    assert await post.status(task) == ("dropped", "left_state")
    assert await decided(post, task) == [(1, "left_state"), (1, "new_round")]


async def test_11_what_was_claimed_goes_and_the_new_round_asks_once_more(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    jobs = (await claim(post.config, post.world.account, 100)).jobs
    await opened(post, task)
    await post.later(HOUR)
    await post.moved(task, "610")
    await send(post, jobs)
    await post.deliver_all()
    assert await statuses(post, task) == {1: "sent", 2: "sent"}
    assert len(post.server.to(ADDRESS)) == 2


async def test_a_round_that_is_opened_while_a_worker_claims_waits_for_it(
    post: Post, locks: Heard
) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    async with post.owner.connection.transaction():
        await post.owner.connection.execute("LOCK TABLE link IN SHARE MODE")
        claiming = asyncio.ensure_future(claim(post.config, post.world.account, 100))
        await post.owner.until_waiting(1)
        opening = asyncio.create_task(opened(post, task), context=Context())
        await post.owner.until_waiting(2)
    jobs = (await claiming).jobs
    await opening
    await send(post, jobs)
    await post.deliver_all()
    assert (await statuses(post, task), len(post.server.to(ADDRESS))) == ({1: "sent"}, 1)
    assert locks.deadlocks == []


async def test_a_worker_that_claims_while_a_round_is_opened_leaves_it_alone(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    async with tx(post.world.account) as opening:
        await open_round(opening, task, 2, None, WHY)
        claiming = asyncio.create_task(
            claim(post.config, post.world.account, 100), context=Context()
        )
        assert (await claiming).jobs == []
    await post.deliver_all()
    assert (await invitations(post.world, task), post.server.mails) == ([], [])


async def test_11_opening_a_round_twice_is_once_whoever_is_faster(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    made = await asyncio.gather(*(asyncio.create_task(opened(post, task)) for _ in range(4)))
    assert len({one.opened_at for one in made}) == 1
    third = await opened(post, task, 3)
    async with tx(post.world.account) as reading:
        assert await read_rounds(reading, task) == [made[0], third]
    assert third.opened_at > made[0].opened_at
    assert await opened(post, task, 2) == made[0]
    entries = await rows(post.world, "SELECT * FROM audit WHERE action = 'round.open'")
    assert len(entries) == 2


async def test_devices_are_told_when_the_current_round_was_opened(post: Post) -> None:
    """Whether a campaign asks about the task or not; and once, whoever asks for it again."""
    task = await post.world.task()
    replica = Replica(await post.world.device(post.world.alice))
    await replica.pull()
    assert told_rounds(replica, task) is None
    for number in (2, 3):
        made = await opened(post, task, number)
        [change] = await replica.pull()
        assert (change.id, told_rounds(replica, task)) == (str(task), made.opened_at)
        await post.later(HOUR)
    await opened(post, task, 2)
    assert await replica.pull() == []


def told_rounds(replica: Replica, task: UUID) -> datetime | None:
    """Since when steps count for the current round of `task`, as the device was told."""
    change = replica.things["task", str(task)]
    assert isinstance(change, TaskChange)
    return change.round_opened_at


async def test_rounds_that_were_open_before_devices_were_told_are_told(post: Post) -> None:
    tasks = [await post.visit(ADDRESS) for _ in range(3)]
    await opened(post, tasks[0])
    await post.later(HOUR)
    for task, number in ((tasks[0], 3), (tasks[1], 2)):
        await opened(post, task, number)
    fill = import_module("mail.migrations.mail_2026_12_01t13_01_00_000000").OPENED
    select = "SELECT id, round_opened_at FROM task ORDER BY id"
    before = await post.owner.connection.fetch(select)
    await post.owner.connection.execute("UPDATE task SET round_opened_at = NULL")
    await post.owner.connection.execute(fill)
    assert await post.owner.connection.fetch(select) == before
    assert sum(row["round_opened_at"] is not None for row in before) == 2


@pytest.mark.parametrize("number", [0, 1, 3])
async def test_only_the_next_round_is_opened(post: Post, number: int) -> None:
    task = await post.visit()
    with pytest.raises(RoundOrderError):
        await opened(post, task, number)
    with pytest.raises(MissingError):
        await opened(post, new_id())


async def test_6_the_database_allows_one_survey_of_a_campaign_and_round(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    asked = await only_invitation(post.world, task)
    of_queue = {"id", "phase", "not_before", "queued_release"}
    copied = ", ".join(name for name in set(asked.keys()) - of_queue)
    with pytest.raises(asyncpg.UniqueViolationError, match="invitation_of_task"):
        await change(
            post.world,
            f"INSERT INTO invitation (id, {copied}) SELECT $1, {copied} FROM invitation",
            new_id(),
        )
