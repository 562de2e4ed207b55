"""Who follows an account hears of each thing that surveys do, and of nothing that they do not."""

from datetime import timedelta

import pytest

from mail.campaigns.lifecycle import archive_campaign, pause_campaign
from mail.responses.answers import submit
from mail.responses.rollup import roll_due
from mail.responses.submission import Submission
from mail.responses.subscriptions import resubscribe, unsubscribe
from sync.database import tx
from tests.mail.campaigns import active, happened, plan_all, rows, time_of
from tests.mail.delivering import DAY, Post
from tests.mail.sent import Sent, sent
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def position(world: World) -> int:
    """How far the account's mail is."""
    found = await rows(world, "SELECT position FROM mail_head")
    return found[0]["position"] if found else 0


async def finish(world: World) -> None:
    """A task ends; it waits to be planned."""
    await happened(world, await world.task(), "600", await time_of(world) - timedelta(hours=1))


async def test_planning_tells_of_what_will_be_asked(world: World) -> None:
    await finish(world)
    await plan_all()
    assert await position(world) == 0
    await active(world)
    await plan_again(world)
    asked = await position(world)
    assert asked > 0
    await plan_again(world)
    assert await position(world) == asked


async def plan_again(world: World) -> None:
    """Every task is planned again, whether anything changed or not."""
    async with tx(world.account) as opened:
        await opened.execute(
            "INSERT INTO task_change (account, task, changed_at, attempts, not_before)"
            " SELECT account, id, $1, 0, $1 FROM task",
            opened.now,
        )
    await plan_all()


async def test_sending_tells_once_a_batch_and_not_of_what_waits(world: World, post: Post) -> None:
    await active(world, delay="00:12:00")
    await post.visits(20)
    waiting = await position(world)
    await post.deliver_all()
    assert await position(world) == waiting
    await post.later(DAY)
    await post.deliver_all()
    assert len(post.server.mails) == 20
    assert waiting < await position(world) < waiting + 20


async def test_a_refusal_tells(world: World, post: Post) -> None:
    await active(world)
    await post.visit()
    waiting = await position(world)
    post.server.next("RCPT", "550 5.1.1 unknown")
    await post.later(DAY)
    await post.deliver_all()
    assert await position(world) > waiting


async def test_what_is_not_sent_after_all_tells(world: World, post: Post) -> None:
    await active(world, mute="30:00:00")
    await post.visit("one@example.net")
    await post.visit("one@example.net")
    await post.later(DAY)
    waiting = await position(world)
    await post.deliver_all()
    assert len(post.server.mails) == 1
    assert await position(world) >= waiting + 2


async def test_putting_a_paused_campaign_away_tells_of_what_is_not_sent(
    world: World, post: Post
) -> None:
    campaign = await active(world, delay="00:12:00")
    await post.visit()
    async with tx(world.account) as opened:
        await pause_campaign(opened, campaign)
    waiting = await position(world)
    async with tx(world.account) as opened:
        await archive_campaign(opened, campaign)
    assert await position(world) > waiting


async def test_an_answer_tells_and_its_result_does(world: World) -> None:
    mail: Sent = await sent(world)
    before = await position(world)
    await submit(mail.survey, Submission(rating=4))
    answered = await position(world)
    assert answered > before
    await submit(mail.survey, Submission(rating=4))
    assert await position(world) == answered
    assert await roll_due() == 1
    rolled = await position(world)
    assert rolled > answered
    assert await roll_due() == 0


async def test_leaving_tells_and_coming_back_does(world: World) -> None:
    mail: Sent = await sent(world)
    for change in (unsubscribe, resubscribe):
        before = await position(world)
        await change(mail.unsubscribe)
        changed = await position(world)
        assert changed > before
        await change(mail.unsubscribe)
        assert await position(world) == changed
