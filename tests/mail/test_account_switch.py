"""Point 14: the switch of the account, and what is too late when a pause ends."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import pytest

from mail.campaigns.account_switch import pause_sending, read_stop, resume_sending
from mail.campaigns.lifecycle import pause_campaign, resume_campaign
from mail.delivery.held import held, let_go
from sync.database import Tx, tx
from tests.mail.campaigns import (
    active,
    change,
    only_invitation,
    outcomes,
    plan_all,
    queue_again,
    rows,
    time_of,
)
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Act: TypeAlias = Callable[[Tx, UUID], Awaitable[None]]


async def switch_off(opened: Tx, _campaign: UUID) -> None:
    """All sending of the account."""
    await pause_sending(opened, None, "Rappel de produit")


async def switch_on(opened: Tx, _campaign: UUID) -> None:
    """The same, on again."""
    await resume_sending(opened)


#: The two ways to stop a campaign for a while.
PAUSES = [(pause_campaign, resume_campaign), (switch_off, switch_on)]


async def do(post: Post, act: Act, campaign: UUID) -> None:
    """In a transaction of its own."""
    async with tx(post.world.account) as opened:
        await act(opened, campaign)


async def later_and_deliver(post: Post) -> None:
    """What waits for a pause is looked at again within a minute."""
    await post.later(MINUTE)
    await post.deliver_all()


async def test_14_the_switch_holds_all_campaigns_and_lets_go_what_is_due(post: Post) -> None:
    first, second = await active(post.world), await active(post.world)
    task = await post.visit()
    await do(post, switch_off, first)
    await post.deliver_all()
    await post.later(DAY)
    await post.deliver_all()
    assert post.server.mails == []
    await do(post, pause_campaign, second)
    await do(post, switch_on, first)
    await later_and_deliver(post)
    found = await rows(post.world, "SELECT campaign, status FROM invitation WHERE task = $1", task)
    assert {row["campaign"]: row["status"] for row in found} == {
        first: "sent",
        second: "scheduled",
    }


@pytest.mark.parametrize(("stop", "go"), PAUSES)
async def test_14_moments_inside_are_paused_and_never_asked_about_later(
    post: Post, stop: Act, go: Act
) -> None:
    campaign = await active(post.world)
    await do(post, stop, campaign)
    await post.later(HOUR)
    inside = await post.visit()
    moment = await time_of(post.world)
    await post.later(HOUR)
    await do(post, go, campaign)
    late = await post.visit(moment=moment + MINUTE)
    after = await post.visit()
    await later_and_deliver(post)
    assert list((await outcomes(post.world, inside)).values()) == ["paused"]
    assert list((await outcomes(post.world, late)).values()) == ["paused"]
    assert list((await outcomes(post.world, after)).values()) == ["scheduled"]
    assert len(post.server.mails) == 1


@pytest.mark.parametrize(("stop", "go"), PAUSES)
@pytest.mark.parametrize(
    ("late", "outcome"), [(-2 * SECOND, ("sent", None)), (2 * SECOND, ("dropped", "paused"))]
)
async def test_14_what_is_more_than_seven_days_late_on_resume_is_not_sent(
    post: Post, stop: Act, go: Act, late: timedelta, outcome: tuple[str, str | None]
) -> None:
    """Never silently: the decision says so, and so does an event of the timeline."""
    campaign = await active(post.world)
    task = await post.visit()
    release = (await only_invitation(post.world, task))["release"]
    await do(post, stop, campaign)
    await post.deliver_all()
    await post.later(release + 7 * DAY + late - await time_of(post.world))
    await do(post, go, campaign)
    await later_and_deliver(post)
    assert await post.status(task) == outcome
    decided = "paused" if outcome[1] else "scheduled"
    assert list((await outcomes(post.world, task)).values()) == [decided]
    assert await post.events(task) == [outcome[0]]
    await queue_again(post.world, task)
    await plan_all()
    await later_and_deliver(post)
    assert await post.status(task) == outcome
    assert list((await outcomes(post.world, task)).values()) == [decided]


async def test_a_step_after_it_was_dropped_so_late_asks_nobody(post: Post) -> None:
    campaign = await active(post.world)
    task = await post.visit()
    await do(post, switch_off, campaign)
    await post.later(8 * DAY)
    await do(post, switch_on, campaign)
    await later_and_deliver(post)
    await post.moved(task, "610")
    await later_and_deliver(post)
    assert sorted((await outcomes(post.world, task)).values()) == ["not_first", "paused"]
    assert post.server.mails == []


async def test_a_mail_that_was_put_off_before_a_long_pause_is_dropped_too(post: Post) -> None:
    campaign = await active(post.world, mute="07:00:00")
    task = await post.visit()
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    await do(post, switch_off, campaign)
    await post.later(8 * DAY)
    await do(post, switch_on, campaign)
    await later_and_deliver(post)
    assert await post.status(task) == ("dropped", "paused")
    assert (await post.events(task), await post.uses()) == (["deferred", "dropped"], [])


async def test_an_operators_word_after_the_pause_overrules_it(post: Post) -> None:
    campaign = await active(post.world)
    task = await post.visit()
    await do(post, switch_off, campaign)
    await post.later(8 * DAY)
    await do(post, switch_on, campaign)
    await change(post.world, "UPDATE account SET restored_at = retour_now()")
    await post.deliver_all()
    assert (await post.status(task))[0] == "held"
    async with tx(post.world.account) as opened:
        await let_go(opened, await held(opened))
    await later_and_deliver(post)
    assert await post.status(task) == ("sent", None)


async def test_switching_twice_is_once(post: Post) -> None:
    campaign = await active(post.world)
    for act in (switch_off, switch_off):
        await do(post, act, campaign)
    async with tx(post.world.account) as opened:
        stop = await read_stop(opened)
    assert stop is not None
    assert (stop.reason, stop.by_name) == ("Rappel de produit", None)
    for act in (switch_on, switch_on):
        await do(post, act, campaign)
    async with tx(post.world.account) as opened:
        assert await read_stop(opened) is None
    found = await rows(
        post.world, "SELECT action FROM audit WHERE action LIKE 'sending.%' ORDER BY at"
    )
    assert [row["action"] for row in found] == ["sending.pause", "sending.resume"]


async def test_devices_promise_no_survey_while_it_is_off(post: Post) -> None:
    campaign = await active(post.world)
    told = "SELECT count(*) AS asking FROM task_type WHERE asks <> '[]'"
    before = (await rows(post.world, told))[0]["asking"]
    await do(post, switch_off, campaign)
    off = (await rows(post.world, told))[0]["asking"]
    await do(post, switch_on, campaign)
    assert before == (await rows(post.world, told))[0]["asking"] == 2
    assert off == 0
