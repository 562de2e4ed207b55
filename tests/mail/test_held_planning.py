"""What was ever claimed stands; what was never claimed is planned anew, held or not."""

import asyncio
from contextvars import Context
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from mail.campaigns.lifecycle import pause_campaign, resume_campaign
from mail.delivery.claim import claim
from mail.delivery.held import held, let_go
from sync.database import Tx, run, tx
from sync.restore import record_restore
from tests.mail.campaigns import (
    active,
    change,
    happened,
    invitations,
    only_invitation,
    outcomes,
    plan_all,
    rows,
    time_of,
)
from tests.mail.delivering import HOUR, MINUTE, SECOND, Post
from tests.support.smtp_server import TAKE_AND_CUT

pytestmark = pytest.mark.anyio

ADDRESS = "marie@example.net"


async def restored(post: Post) -> None:
    """As if the database had come back from a backup just now."""
    await post.later(MINUTE)
    await run(post.world.account, record_restore)
    await post.later(SECOND)


async def word_given(post: Post) -> None:
    """An operator lets everything go that is held."""

    async def write(opened: Tx) -> None:
        await let_go(opened, await held(opened))

    await run(post.world.account, write)


async def unticked_before(post: Post, task: UUID) -> UUID:
    """An earlier step arrives late, in which the technician had unticked the survey."""
    moment = await time_of(post.world) - 2 * HOUR
    return await happened(post.world, task, "610", moment, survey=False)


async def quarantined(post: Post) -> list[asyncpg.Record]:
    """Tasks that could not be planned."""
    return await rows(post.world, "SELECT task, error FROM task_change")


async def test_a_mail_that_was_claimed_before_a_restore_stands_when_it_is_let_go(
    post: Post,
) -> None:
    await active(post.world, opt_out_allowed=True)
    task = await post.visit(ADDRESS)
    before = await only_invitation(post.world, task)
    [job] = (await claim(post.config, post.world.account, 10)).jobs
    await post.later(timedelta(seconds=post.config.lease))
    await restored(post)
    await post.deliver_all()
    assert (await post.status(task))[0] == "held"
    await word_given(post)
    assert await post.status(task) == ("claimed", None)
    earlier = await unticked_before(post, task)
    await plan_all()
    assert await quarantined(post) == []
    asked = await only_invitation(post.world, task)
    assert (asked["id"], asked["transition"]) == (before["id"], before["transition"])
    assert (await outcomes(post.world, task))[earlier] == "not_first"
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)
    assert [mail.parsed["Message-ID"] for mail in post.server.mails] == [job.sending.message_id]


async def test_a_mail_that_may_have_gone_is_not_pointed_elsewhere_when_it_is_let_go(
    post: Post,
) -> None:
    campaign = await active(post.world, opt_out_allowed=True)
    await change(post.world, "UPDATE account SET after_crash = 'hold'")
    task = await post.visit(ADDRESS)
    post.server.next("DOT", TAKE_AND_CUT)
    await post.deliver_all()
    before = await only_invitation(post.world, task)
    assert before["status"] == "held"
    async with tx(post.world.account) as opened:
        await pause_campaign(opened, campaign)
    await word_given(post)
    await unticked_before(post, task)
    await plan_all()
    after = await only_invitation(post.world, task)
    assert (after["id"], after["transition"]) == (before["id"], before["transition"])
    assert after["status"] == "uncertain"
    assert await quarantined(post) == []
    async with tx(post.world.account) as opened:
        await resume_campaign(opened, campaign)
    await post.later(MINUTE)
    await post.deliver_all()
    assert await post.events(task) == ["held", "let_go", "resent"]


@pytest.mark.parametrize("first", ["the step", "the word"])
async def test_a_held_mail_that_was_never_claimed_obeys_an_earlier_untick(
    post: Post, first: str
) -> None:
    await active(post.world, opt_out_allowed=True)
    task = await post.visit(ADDRESS)
    await restored(post)
    await post.deliver_all()
    assert (await post.status(task))[0] == "held"
    if first == "the word":
        await word_given(post)
    earlier = await unticked_before(post, task)
    await plan_all()
    await word_given(post)
    await post.deliver_all()
    assert await quarantined(post) == []
    assert (await invitations(post.world, task), post.server.mails) == ([], [])
    assert (await outcomes(post.world, task))[earlier] == "opted_out_by_agent"


async def test_a_word_waits_for_a_planner_that_has_read_what_is_held(post: Post) -> None:
    await active(post.world, opt_out_allowed=True)
    task = await post.visit(ADDRESS)
    await restored(post)
    await post.deliver_all()
    await unticked_before(post, task)
    owner = post.owner.connection
    async with owner.transaction():
        await owner.execute("LOCK TABLE decision IN ACCESS EXCLUSIVE MODE")
        planning = asyncio.create_task(plan_all(), context=Context())
        await post.owner.until_waiting(1)
        letting = asyncio.create_task(word_given(post), context=Context())
        await post.owner.until_waiting(2)
    await asyncio.gather(planning, letting)
    await post.deliver_all()
    assert await quarantined(post) == []
    assert (await invitations(post.world, task), post.server.mails) == ([], [])
