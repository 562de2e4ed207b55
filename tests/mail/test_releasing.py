"""The decision at release: when, to which address, and why not."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from mail.campaigns.lifecycle import archive_campaign, pause_campaign, resume_campaign
from mail.campaigns.store import edit_campaign
from mail.responses.subscriptions import unsubscribe
from rules.campaign import AddressField
from sync.database import tx
from tests.mail.campaigns import (
    active,
    change,
    definition,
    only_invitation,
    outcomes,
    plan_all,
    rows,
    time_of,
)
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS = "marie@example.net"
OTHER = "chalet@example.net"
WEEK = "07:00:00"


async def test_nothing_goes_a_second_early(post: Post) -> None:
    await active(post.world, delay="00:12:00")
    task = await post.visit()
    release: datetime = (await only_invitation(post.world, task))["release"]
    await post.later(release - await time_of(post.world) - SECOND)
    assert await post.deliver() == 0
    await post.later(2 * SECOND)
    assert await post.deliver() == 1
    assert await post.status(task) == ("sent", None)
    sent = await only_invitation(post.world, task)
    assert sent["sent_at"] >= release
    assert sent["deadline"] == sent["sent_at"] + 28 * DAY


@pytest.mark.parametrize(
    ("early", "outcome"), [(timedelta(0), ("sent", None)), (SECOND, ("dropped", "muted"))]
)
async def test_the_window_ends_exactly_seven_days_after_the_release(
    post: Post, early: timedelta, outcome: tuple[str, str | None]
) -> None:
    await active(post.world, mute=WEEK, delay="00:01:00")
    first = await time_of(post.world)
    await post.visit(ADDRESS, moment=first)
    await post.later(HOUR + 10 * MINUTE)
    await post.deliver_all()
    await post.later(7 * DAY - HOUR)
    second = await post.visit(ADDRESS, moment=first + 7 * DAY - early)
    await post.later(55 * MINUTE)
    await post.deliver_all()
    assert await post.status(second) == outcome
    await post.later(30 * DAY)
    await post.deliver_all()
    assert await post.status(second) == outcome


@pytest.mark.parametrize(
    ("now", "outcome"),
    [(None, ("sent", None)), ("00:01:00", ("sent", None)), (WEEK, ("dropped", "muted"))],
)
async def test_mute_is_as_the_campaign_has_it_at_release(
    post: Post, now: str | None, outcome: tuple[str, str | None]
) -> None:
    campaign = await active(post.world, mute="01:00:00", delay="00:02:00")
    await post.visit(ADDRESS)
    await post.later(2 * HOUR)
    await post.deliver_all()
    second = await post.visit(ADDRESS, moment=await time_of(post.world))
    async with tx(post.world.account) as opened:
        edited = definition(post.world, mute=now, delay="00:02:00")
        await edit_campaign(opened, campaign, "Satisfaction", edited)
    await post.later(2 * HOUR)
    await post.deliver_all()
    assert await post.status(second) == outcome


async def test_a_window_counts_from_sending_where_that_was_late(post: Post) -> None:
    await active(post.world, mute=WEEK)
    await post.visit(ADDRESS)
    await post.later(DAY)
    await post.deliver_all()
    await post.later(7 * DAY - HOUR)
    second = await post.visit(ADDRESS)
    await post.deliver_all()
    assert await post.status(second) == ("dropped", "muted")


async def test_of_two_for_one_address_the_earlier_release_goes(post: Post) -> None:
    await active(post.world, mute=WEEK)
    now = await time_of(post.world)
    loud = await post.world.customer(email=f" {ADDRESS.upper()} ")
    second = await post.finished(moment=now, customer=loud)
    first = await post.visit(ADDRESS, moment=now - MINUTE)
    await change(post.world, "UPDATE outbox SET release = outbox.release - interval '1 min'"
                 " FROM invitation i WHERE i.id = invitation AND i.task = $1", first)  # fmt: skip
    assert await post.deliver() == 2
    assert await post.status(first) == ("sent", None)
    await post.deliver_all()
    assert await post.status(second) == ("dropped", "muted")
    assert await outcomes(post.world, second) != {}
    assert len(post.server.mails) == 1


async def test_who_meets_a_reservation_goes_when_that_fails(post: Post) -> None:
    await active(post.world, mute=WEEK)
    first, second = await post.visit(ADDRESS), await post.visit(ADDRESS)
    post.server.next("RCPT", "550 5.6.0 no")
    await post.deliver_all()
    assert [(await post.status(task))[0] for task in (first, second)] == ["failed", "sent"]


async def test_who_meets_a_reservation_waits_as_long_as_its_holder(post: Post) -> None:
    await active(post.world, mute=WEEK)
    first, second = await post.visit(ADDRESS), await post.visit(ADDRESS)
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    holder, waiting = await post.entry(first), await post.entry(second)
    assert holder is not None
    assert waiting is not None
    assert holder["not_before"] < waiting["not_before"]
    assert await post.deliver() == 0
    await post.later(MINUTE)
    await post.deliver_all()
    assert await post.status(first) == ("sent", None)
    await post.later(MINUTE)
    await post.deliver_all()
    assert await post.status(second) == ("dropped", "muted")


async def test_another_campaign_has_a_window_of_its_own(post: Post) -> None:
    await active(post.world, mute=WEEK)
    await active(post.world, mute=WEEK)
    await post.visit(ADDRESS)
    await post.deliver_all()
    assert [mail.recipient for mail in post.server.mails] == [ADDRESS, ADDRESS]


async def test_without_a_window_each_visit_asks(post: Post) -> None:
    await active(post.world)
    for _ in range(2):
        await post.visit(ADDRESS)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2
    assert await post.uses() == [(ADDRESS, True), (ADDRESS, True)]


@pytest.mark.parametrize("empty", ["", "  ", "nobody", "a@b@example.net"])
async def test_the_second_address_counts_where_the_first_is_none(post: Post, empty: str) -> None:
    await active(post.world, secondary=AddressField.LOCATION)
    customer = await post.world.customer()
    await change(post.world, "UPDATE customer SET email = $1", empty)
    place = await post.world.location(email=OTHER)
    task = await post.finished(customer=customer, location=place)
    await post.deliver_all()
    found = await only_invitation(post.world, task)
    assert (found["address"], found["address_field"]) == (OTHER, "location")


async def test_who_opted_out_is_not_asked_at_the_second_address(post: Post) -> None:
    await active(post.world, secondary=AddressField.LOCATION)
    await post.visit(ADDRESS)
    await post.deliver_all()
    link = str(post.server.mails[0].parsed["List-Unsubscribe"])
    await unsubscribe(link.removeprefix("<https://retour.test/u/").removesuffix(">"))
    place = await post.world.location(email=OTHER)
    task = await post.visit(ADDRESS, location=place)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "suppressed")
    assert len(post.server.mails) == 1


async def test_nobody_to_ask_is_told(post: Post) -> None:
    await active(post.world)
    task = await post.visit("")
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "no_address")
    assert await post.events(task) == ["dropped"]
    [decided] = await rows(post.world, "SELECT outcome, release FROM decision")
    assert tuple(decided) == ("no_address", None)


@pytest.mark.parametrize(
    ("state", "reason"), [("100", "left_state"), ("300", "left_state"), ("900", "task_cancelled")]
)
async def test_a_task_that_left_asks_once_when_it_comes_back(
    post: Post, state: str, reason: str
) -> None:
    await active(post.world, delay="00:01:00")
    task = await post.visit(ADDRESS)
    await post.moved(task, state)
    await post.later(2 * HOUR)
    await post.deliver_all()
    dropped = await only_invitation(post.world, task)
    assert (dropped["status"], dropped["reason"]) == ("dropped", reason)
    last = await rows(post.world, "SELECT state_transition FROM task WHERE id = $1", task)
    assert dropped["rearm_transition"] == last[0][0]
    await post.moved(task, "600")
    await post.deliver_all()
    assert post.server.mails == []
    await post.later(2 * HOUR)
    await post.deliver_all()
    await post.moved(task, "610")
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)
    assert len(post.server.mails) == 1
    assert sorted((await outcomes(post.world, task)).values()) == sorted(
        ["not_first", reason, "scheduled"]
    )


async def test_a_pause_holds_and_the_end_of_it_lets_go(post: Post) -> None:
    campaign = await active(post.world)
    task = await post.visit()
    async with tx(post.world.account) as opened:
        await pause_campaign(opened, campaign)
    await post.deliver_all()
    await post.later(HOUR)
    await post.deliver_all()
    assert post.server.mails == []
    async with tx(post.world.account) as opened:
        await resume_campaign(opened, campaign)
    await post.later(MINUTE)
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)


async def test_what_is_put_off_when_its_campaign_is_archived_is_not_sent(post: Post) -> None:
    campaign = await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    async with tx(post.world.account) as opened:
        await archive_campaign(opened, campaign)
    await post.later(HOUR)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "paused")
    assert (await post.uses(), await post.deliver()) == ([], 0)


async def test_an_address_that_the_rated_technician_noted_is_flagged(post: Post) -> None:
    await active(post.world, secondary=AddressField.LOCATION)
    place = await post.world.location(email=OTHER)
    noted = await post.finished(customer=await post.world.customer(), note_email=ADDRESS)
    known = await post.visit()
    elsewhere = await post.finished(location=place)
    await post.deliver_all()
    flags = [
        (await only_invitation(post.world, task))["address_by_technician"]
        for task in (noted, known, elsewhere)
    ]
    assert flags == [True, False, False]
    assert len(post.server.to(ADDRESS)) == 1


async def test_it_is_delivered_to_what_was_typed_and_known_by_its_normal_form(post: Post) -> None:
    await active(post.world, mute=WEEK)
    task = await post.visit("  Marie+Devis@Éxample.NET ")
    await post.deliver_all()
    found = await only_invitation(post.world, task)
    assert found["typed_address"] == "Marie+Devis@Éxample.NET"
    assert found["address"] == "marie+devis@xn--xample-9ua.net"
    assert post.server.mails[0].recipient == "Marie+Devis@xn--xample-9ua.net"


async def test_a_later_version_of_the_campaign_changes_no_invitation(post: Post) -> None:
    campaign = await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    await change(
        post.world,
        "INSERT INTO campaign_version"
        " (account, campaign, version, rules, content, format, created_at)"
        " SELECT account, campaign, 2, rules,"
        " jsonb_set(content, '{message,subject,fr}', '\"Neuf\"'), format, created_at"
        " FROM campaign_version WHERE campaign = $1",
        campaign,
    )
    await change(post.world, "UPDATE campaign SET version = 2")
    await change(post.world, "UPDATE campaign_set SET revision = revision + 1")
    await post.deliver_all()
    assert post.server.mails[0].parsed["Subject"] == "Votre avis"
    assert (await only_invitation(post.world, task))["version"] == 1


async def test_many_accounts_each_get_their_turn(post: Post) -> None:
    await active(post.world)
    tasks = [await post.visit() for _ in range(5)]
    others = await asyncio.gather(*(_elsewhere(post) for _ in range(3)))
    await post.deliver_all()
    assert {await post.status(task) for task in tasks} == {("sent", None)}
    assert len(post.server.mails) == 5 + sum(others)


async def _elsewhere(post: Post) -> int:
    world = await type(post.world).create()
    await active(world)
    customer = await world.customer(email="elsewhere@example.net")
    task: UUID = await world.task(customer=customer)
    device = await world.device(world.alice)
    await world.push(device, world.item(task, "600", await time_of(world)))
    await plan_all()
    return 1
