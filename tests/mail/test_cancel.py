"""Cancelling: what waits is not sent, says who and why, and either went or was cancelled."""

import asyncio
from uuid import UUID

import pytest

from mail.delivery.cancel import EndedError, SentError, cancel
from mail.delivery.claim import claim, wake
from mail.sending.progress import ProgressWriter
from sync.database import tx
from sync.errors import MissingError
from sync.ids import new_id
from tests.mail.campaigns import active, only_invitation, outcomes, plan_all, rows
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WHY = "Le client est fâché"
ADDRESS = "marie@example.net"


async def cancelled(post: Post, task: UUID, by: UUID | None = None) -> None:
    """The task's survey is cancelled."""
    found = await only_invitation(post.world, task)
    async with tx(post.world.account) as opened:
        await cancel(opened, found["id"], by, WHY)


async def told(post: Post, task: UUID) -> list[tuple[str, str | None, UUID | None]]:
    """What happened to the task's mail, why and by whom."""
    found = await rows(
        post.world,
        "SELECT e.kind, e.detail, e.by FROM mail_event e JOIN invitation i ON i.id = e.invitation"
        " WHERE i.task = $1 ORDER BY e.happened_at, e.id",
        task,
    )
    return [(row["kind"], row["detail"], row["by"]) for row in found]


async def test_what_waits_is_not_sent_and_says_who_and_why(post: Post) -> None:
    """D3: the decision and the timeline say it, and the round stays used."""
    await active(post.world, delay="00:12:00")
    task = await post.visit(ADDRESS)
    dispatcher = post.world.dispatcher
    await cancelled(post, task, dispatcher)
    assert await post.status(task) == ("dropped", "cancelled")
    assert set((await outcomes(post.world, task)).values()) == {"cancelled"}
    assert await told(post, task) == [("cancelled", WHY, dispatcher)]
    [audited] = await rows(post.world, "SELECT after FROM audit WHERE action = 'survey.cancel'")
    assert WHY in audited["after"]
    await cancelled(post, task, dispatcher)  # nothing happens twice
    assert len(await told(post, task)) == 1
    await post.later(HOUR)
    await post.moved(task, "610")
    await plan_all()
    await post.later(DAY)
    await post.deliver_all()
    assert sorted((await outcomes(post.world, task)).values()) == ["cancelled", "not_first"]
    assert post.server.mails == []


async def test_the_reservation_of_its_address_is_released(post: Post) -> None:
    """Point 18: another survey to the address need not wait for its outcome any more."""
    await active(post.world, mute="07:00:00")
    post.server.always["RCPT"] = "450 4.2.0 later"
    customer = await post.world.customer(email=ADDRESS)
    first = await post.finished(customer=customer)
    await post.deliver()
    second = await post.finished(customer=customer)
    await post.later(SECOND)
    await post.deliver()
    assert await post.uses() == [(ADDRESS, False)]
    await cancelled(post, first)
    assert await post.uses() == []
    post.server.always["RCPT"] = "250 2.1.5 ok"
    await wake(post.world.account)
    await post.deliver()
    assert await post.status(second) == ("sent", None)
    assert await post.entry(first) is None


async def test_a_claimed_mail_is_cancelled_before_its_content(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.later(MINUTE)
    [job] = (await claim(post.config, post.world.account, 10)).jobs
    await cancelled(post, task)
    assert not await ProgressWriter().mark_content(job)
    assert await post.status(task) == ("dropped", "cancelled")


async def test_what_is_leaving_or_left_is_not_cancelled(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.later(MINUTE)
    [job] = (await claim(post.config, post.world.account, 10)).jobs
    progress = ProgressWriter()
    assert await progress.mark_content(job)
    with pytest.raises(SentError):
        await cancelled(post, task)
    progress.add_sent(job)
    await progress.flush(5)
    with pytest.raises(SentError):
        await cancelled(post, task)
    assert (await post.status(task), await post.events(task)) == (("sent", None), ["sent"])


async def test_it_went_or_it_was_cancelled_and_never_both(post: Post) -> None:
    """A worker delivers while somebody cancels one after the other."""
    await active(post.world)
    tasks = [await post.visit() for _ in range(12)]
    await post.later(SECOND)

    async def try_all() -> list[bool]:
        done = []
        for task in tasks:
            try:
                await cancelled(post, task)
            except SentError:
                done.append(False)
            else:
                done.append(True)
        return done

    done, _ = await asyncio.gather(try_all(), post.deliver_all())
    await post.deliver_all()
    found = [await post.status(task) for task in tasks]
    assert found == [("dropped", "cancelled") if was else ("sent", None) for was in done]
    assert len(post.server.mails) == done.count(False)


async def test_what_ended_otherwise_is_not_cancelled(post: Post) -> None:
    await active(post.world)
    task = await post.visit("")
    await post.later(MINUTE)
    await post.deliver_all()
    with pytest.raises(EndedError):
        await cancelled(post, task)
    assert await post.status(task) == ("dropped", "no_address")
    with pytest.raises(MissingError):
        async with tx(post.world.account) as opened:
            await cancel(opened, new_id(), None, WHY)


async def test_a_planner_that_read_it_as_claimed_does_not_revive_it(post: Post) -> None:
    """It may write its decision after the cancelling: the next planning puts that right."""
    await active(post.world)
    task = await post.visit(ADDRESS)
    await cancelled(post, task)
    async with tx(post.world.account) as opened:
        await opened.execute(
            "UPDATE decision SET outcome = 'scheduled' WHERE account = $1 AND task = $2",
            opened.account,
            task,
        )
    await post.moved(task, "700")
    await plan_all()
    await post.deliver_all()
    assert post.server.mails == []
    assert set((await outcomes(post.world, task)).values()) == {"cancelled"}
