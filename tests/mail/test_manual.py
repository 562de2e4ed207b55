"""T6 and point 19: a survey that somebody sends by hand is its round's, and obeys mute."""

import asyncio
from importlib import import_module
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from mail import contacts
from mail.campaigns.account_switch import pause_sending
from mail.campaigns.definition import Trigger
from mail.campaigns.lifecycle import archive_campaign, pause_campaign
from mail.delivery.cancel import cancel
from mail.delivery.claim import claim
from mail.message import wording
from mail.planning.manual import (
    Asked,
    AskedError,
    NoStepError,
    NotActiveError,
    Request,
    send_by_hand,
)
from mail.planning.rounds import open_round
from mail.responses.answers import open_survey
from sync.database import run, tx
from sync.errors import MissingError, UnknownReferenceError
from sync.feed.changes import TaskChange
from sync.ids import new_id
from sync.tokens import LENGTH
from tests.mail.campaigns import active, only_invitation, outcomes, plan_all, queue_again, rows
from tests.mail.delivering import DAY, HOUR, MINUTE, Post
from tests.sync.replica import Replica

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS = "marie@example.net"
WEEK = "07:00:00"
WHY = "La cliente le demande"


async def by_hand(post: Post, task: UUID, campaign: UUID, **changes: Any) -> Asked:
    """The dispatcher sends a survey by hand."""
    usual: dict[str, Any] = {"by": post.world.dispatcher, "reason": WHY, "waive_limits": False}
    request = Request(campaign, **usual | changes)
    actor = f"user/{post.world.dispatcher}"
    return await run(post.world.account, lambda tx: send_by_hand(tx, task, request), actor)


async def started(post: Post, email: str = ADDRESS) -> UUID:
    """A task that is under way, of a customer with this address."""
    customer = await post.world.customer(email=email)
    task = await post.world.task(customer=customer)
    await post.moved(task, "300")
    return task


async def test_t6_a_survey_is_sent_by_hand_at_once_whatever_the_state(post: Post) -> None:
    campaign = await active(post.world, delay="00:12:00")
    task = await started(post)
    asked = await by_hand(post, task, campaign)
    await post.deliver_all()
    found = await only_invitation(post.world, task)
    assert (found["id"], found["manual"], found["status"]) == (asked.id, True, "sent")
    assert (found["round"], found["technician"]) == (1, post.world.alice)
    [decision] = await rows(post.world, "SELECT * FROM decision WHERE task = $1", task)
    assert (decision["outcome"], decision["requested_by"], decision["request_reason"]) == (
        "scheduled",
        post.world.dispatcher,
        WHY,
    )
    [entry] = await rows(post.world, "SELECT * FROM audit WHERE action = 'survey.send'")
    assert entry["object"] == f"task/{task}"
    assert len(post.server.to(ADDRESS)) == 1


async def test_mail_and_page_tell_the_day_of_the_visit_however_late_it_is_sent(post: Post) -> None:
    campaign = await active(post.world, delay="00:12:00")
    task = await started(post)
    [step] = await rows(post.world, "SELECT moment FROM transition WHERE task = $1", task)
    await post.later(10 * DAY)
    await by_hand(post, task, campaign)
    await post.deliver_all()
    [mail] = post.server.to(ADDRESS)
    day = step["moment"].astimezone(ZoneInfo("America/Toronto")).date()
    text = mail.text()
    assert wording.visit("Appel de service", "{}", day, "fr_CA") in text
    survey = await open_survey(text.partition("/s/")[2][:LENGTH])
    assert survey is not None
    assert survey.visit is not None
    assert survey.visit.moment == step["moment"]


async def test_19_it_stands_as_the_survey_of_its_round(post: Post) -> None:
    campaign = await active(post.world, delay="00:12:00")
    task = await started(post)
    await by_hand(post, task, campaign)
    before = await only_invitation(post.world, task)
    await post.moved(task, "600")
    await queue_again(post.world, task)
    await plan_all()
    after = await only_invitation(post.world, task)
    assert after == before
    assert sorted((await outcomes(post.world, task)).values()) == ["not_first", "scheduled"]
    await post.later(DAY)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 1


async def test_devices_are_told_until_the_next_round(post: Post) -> None:
    """By planning and by what filled the column for surveys that were sent before it was there."""
    first, second = await active(post.world), await active(post.world)
    tasks = [await started(post) for _ in range(2)]
    replica = Replica(await post.world.device(post.world.alice))
    await replica.pull()
    for task in tasks:
        for campaign in (first, second, first):
            await by_hand(post, task, campaign)
    assert len(await replica.pull()) == 2
    assert told_by_hand(replica, tasks[0]) == [str(first), str(second)]
    await run(post.world.account, lambda tx: open_round(tx, tasks[0], 2, None, WHY))
    assert len(await replica.pull()) == 1
    assert told_by_hand(replica, tasks[0]) == []
    assert told_by_hand(replica, tasks[1]) == [str(first), str(second)]
    fill = import_module("mail.migrations.mail_2026_12_01t13_21_00_000000").SENT
    select = "SELECT id, sent_by_hand FROM task ORDER BY id"
    before = await post.owner.connection.fetch(select)
    await post.owner.connection.execute("UPDATE task SET sent_by_hand = NULL")
    await post.owner.connection.execute(fill)
    assert await post.owner.connection.fetch(select) == before


def told_by_hand(replica: Replica, task: UUID) -> list[str]:
    """The campaigns that were sent by hand in the task's round, as the device was told."""
    change = replica.things["task", str(task)]
    assert isinstance(change, TaskChange)
    return change.sent_by_hand


async def test_a_step_that_asks_already_stays_as_it_was_planned_by_hand(post: Post) -> None:
    """The step itself is one that the campaign asks about, later; the survey goes now."""
    campaign = await active(post.world, opt_out_allowed=True, delay="00:12:00")
    task = await post.world.task(customer=await post.world.customer(email=ADDRESS))
    await post.moved(task, "600", survey=False)
    assert list((await outcomes(post.world, task)).values()) == ["opted_out_by_agent"]
    await by_hand(post, task, campaign)
    before = await only_invitation(post.world, task)
    await queue_again(post.world, task)
    await plan_all()
    assert await only_invitation(post.world, task) == before
    assert list((await outcomes(post.world, task)).values()) == ["scheduled"]
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)


@pytest.mark.parametrize(
    ("waive", "outcome"), [(False, ("dropped", "muted")), (True, ("sent", None))]
)
async def test_19_it_obeys_mute_unless_that_is_waived(
    post: Post, waive: bool, outcome: tuple[str, str | None]
) -> None:
    campaign = await active(post.world, mute=WEEK)
    await post.visit(ADDRESS)
    await post.deliver_all()
    task = await started(post)
    await by_hand(post, task, campaign, waive_limits=waive)
    await post.later(MINUTE)
    await post.deliver_all()
    assert await post.status(task) == outcome
    assert (await only_invitation(post.world, task))["limits_waived"] is waive


async def test_19_a_survey_by_hand_takes_the_window_of_later_ones(post: Post) -> None:
    campaign = await active(post.world, mute=WEEK)
    await by_hand(post, await started(post), campaign, waive_limits=True)
    await post.deliver_all()
    await post.later(DAY)
    later = await post.visit(ADDRESS)
    await post.deliver_all()
    assert await post.status(later) == ("dropped", "muted")


@pytest.mark.parametrize("waive", [False, True])
async def test_who_unsubscribed_is_not_asked_by_hand_either(post: Post, waive: bool) -> None:
    campaign = await active(post.world)
    task = await started(post)
    async with tx(post.world.account) as opened:
        known = await contacts.create(opened, {ADDRESS})
        await contacts.suppress(opened, known[ADDRESS].id, "unsubscribed")
    await by_hand(post, task, campaign, waive_limits=waive)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "suppressed")
    assert post.server.mails == []


async def test_nobody_to_ask_by_hand_is_told(post: Post) -> None:
    campaign = await active(post.world)
    task = await started(post, "")
    await by_hand(post, task, campaign)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "no_address")


async def test_19_where_a_survey_stands_another_one_is_refused(post: Post) -> None:
    campaign = await active(post.world, delay="00:12:00")
    task = await post.visit(ADDRESS)
    with pytest.raises(AskedError) as refused:
        await by_hand(post, task, campaign)
    assert (refused.value.found.status, refused.value.found.round) == ("scheduled", 1)
    await post.later(DAY)
    await post.deliver_all()
    with pytest.raises(AskedError) as refused:
        await by_hand(post, task, campaign)
    assert refused.value.found.status == "sent"
    await run(post.world.account, lambda tx: open_round(tx, task, 2, None, WHY))
    with pytest.raises(NoStepError):
        await by_hand(post, task, campaign)
    await post.moved(task, "300")
    assert (await by_hand(post, task, campaign)).round == 2
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2


async def test_another_campaign_may_be_sent_by_hand(post: Post) -> None:
    await active(post.world)
    closing = [Trigger([post.world.service_call], ["700"])]
    other = await active(post.world, rules=closing)
    task = await post.visit(ADDRESS)
    await by_hand(post, task, other)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2


async def test_one_that_was_dropped_is_sent_by_hand_after_all(post: Post) -> None:
    campaign = await active(post.world, mute=WEEK)
    await post.visit(ADDRESS)
    await post.deliver_all()
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "muted")
    await by_hand(post, task, campaign, waive_limits=True)
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)
    assert await post.events(task) == ["dropped", "sent"]


async def test_one_that_was_dropped_at_a_retry_is_sent_by_hand_after_all(post: Post) -> None:
    """Its first attempt fixed address and links, which are fixed anew."""
    campaign = await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    async with tx(post.world.account) as opened:
        known = await contacts.create(opened, {ADDRESS})
        await contacts.suppress(opened, known[ADDRESS].id, "unsubscribed")
    await post.later(HOUR)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "suppressed")
    await run(
        post.world.account,
        lambda tx: tx.execute("UPDATE customer SET email = 'autre@example.net'"),
    )
    await by_hand(post, task, campaign)
    await run(post.world.account, lambda tx: open_round(tx, task, 2, None, WHY))
    assert await post.status(task) == ("dropped", "new_round")
    await post.deliver_all()
    assert post.server.mails == []


async def test_11_a_new_round_cancels_what_was_sent_by_hand_and_waits(post: Post) -> None:
    campaign = await active(post.world)
    task = await started(post)
    await by_hand(post, task, campaign)
    await run(post.world.account, lambda tx: open_round(tx, task, 2, None, WHY))
    for _ in range(2):
        assert await post.status(task) == ("dropped", "new_round")
        assert list((await outcomes(post.world, task)).values()) == ["new_round"]
        await queue_again(post.world, task)
        await plan_all()
    await post.deliver_all()
    assert post.server.mails == []


async def test_sending_it_twice_is_once(post: Post) -> None:
    campaign = await active(post.world)
    task = await started(post)
    made = await asyncio.gather(
        *(asyncio.create_task(by_hand(post, task, campaign)) for _ in range(4))
    )
    assert len({one.id for one in made}) == 1
    await post.deliver_all()
    assert (await by_hand(post, task, campaign)).status == "sent"
    with pytest.raises(AskedError):
        await by_hand(post, task, campaign, reason="autre chose")
    assert len(post.server.to(ADDRESS)) == 1
    entries = await rows(post.world, "SELECT * FROM audit WHERE action = 'survey.send'")
    assert len(entries) == 1


@pytest.mark.parametrize("stopped", ["pause", "archive", "switch off"])
async def test_a_campaign_that_sends_nothing_is_not_sent_by_hand(post: Post, stopped: str) -> None:
    campaign = await active(post.world)
    task = await started(post)
    async with tx(post.world.account) as opened:
        if stopped == "pause":
            await pause_campaign(opened, campaign)
        elif stopped == "archive":
            await archive_campaign(opened, campaign)
        else:
            await pause_sending(opened, None, "Rappel de produit")
    with pytest.raises(NotActiveError):
        await by_hand(post, task, campaign)


async def test_what_does_not_exist_is_not_asked_about(post: Post) -> None:
    campaign = await active(post.world)
    untouched = await post.world.task()
    with pytest.raises(NoStepError):
        await by_hand(post, untouched, campaign)
    with pytest.raises(UnknownReferenceError):
        await by_hand(post, untouched, new_id())
    with pytest.raises(MissingError):
        await by_hand(post, new_id(), campaign)


async def test_a_late_worker_with_a_cancelled_mail_finds_another_attempt(post: Post) -> None:
    """Its own would let it send to an address that was corrected since."""
    campaign = await active(post.world)
    task = await post.visit(ADDRESS)
    stalled = await claim(post.config, post.world.account, 10)
    found = await only_invitation(post.world, task)
    async with tx(post.world.account) as opened:
        await cancel(opened, found["id"], None, WHY)
    await by_hand(post, task, campaign)
    renewed = await claim(post.config, post.world.account, 10)
    assert [job.attempt for job in stalled.jobs] == [1]
    assert [job.attempt for job in renewed.jobs] == [2]


async def test_11_a_new_round_calls_off_a_survey_by_hand_that_no_rule_would_send(
    post: Post,
) -> None:
    campaign = await active(post.world, rules=[Trigger([post.world.installation], ["600"])])
    task = await started(post)
    await by_hand(post, task, campaign)
    async with tx(post.world.account) as opened:
        await open_round(opened, task, 2, None, WHY)
    await post.deliver_all()
    assert post.server.mails == []
    assert set((await outcomes(post.world, task)).values()) == {"new_round"}


async def test_18_a_survey_whose_limits_are_waived_mutes_those_of_its_chunk(post: Post) -> None:
    campaign = await active(post.world, mute=WEEK)
    task = await started(post)
    await by_hand(post, task, campaign, waive_limits=True)
    other = await post.visit(ADDRESS)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 1
    assert set((await outcomes(post.world, other)).values()) == {"muted"}
