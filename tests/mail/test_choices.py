"""A7, T10: who is asked seldom, not by one campaign, or never, judged at release by a worker."""

from typing import Final
from uuid import UUID

import pytest

from mail import contacts
from mail.campaigns.lifecycle import archive_campaign
from mail.campaigns.sender import SenderIdentity, read_sender, write_sender
from mail.consent import standing, suppressions
from mail.delivery.claim import claim
from mail.responses.subscriptions import (
    Leaving,
    open_subscription,
    resubscribe,
    unsubscribe,
)
from sync.database import tx
from tests.mail.campaigns import active, change, rows
from tests.mail.delivering import DAY, MINUTE, Post

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS: Final = "marie@example.net"
LINK: Final = "<https://retour.test/u/"


def link_of(post: Post) -> str:
    """The token by which the first customer leaves."""
    return str(post.server.mails[0].parsed["List-Unsubscribe"]).removeprefix(LINK).rstrip(">")


async def asked(post: Post) -> tuple[UUID, str]:
    """A campaign without mute whose survey went to `ADDRESS`, and the token of its link."""
    campaign = await active(post.world)
    await post.visit(ADDRESS)
    await post.deliver_all()
    return campaign, link_of(post)


async def decided(post: Post, task: UUID) -> list[tuple[str, str | None]]:
    """Outcome and choice of the decisions on a task, by campaign."""
    sql = "SELECT outcome, detail FROM decision WHERE task = $1 ORDER BY campaign"
    return [(row["outcome"], row["detail"]) for row in await rows(post.world, sql, task)]


async def kept(post: Post) -> list[str]:
    """What the timeline and the audit tell of subscriptions, in order."""
    events = await rows(
        post.world,
        "SELECT kind FROM mail_event WHERE kind IN ('unsubscribed', 'left_campaign', 'quarterly',"
        " 'resubscribed') ORDER BY happened_at, id",
    )
    audits = await rows(
        post.world, "SELECT action FROM audit WHERE action LIKE 'subscription.%' ORDER BY at, id"
    )
    return [row["kind"] for row in events] + [row["action"] for row in audits]


async def test_who_leaves_one_campaign_is_asked_by_the_others(post: Post) -> None:
    _, token = await asked(post)
    left = await unsubscribe(token, "campaign")
    assert left is not None
    assert (left.left, left.ended, left.quarterly) == (True, False, False)
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    assert sorted(await decided(post, task), key=str) == [
        ("scheduled", None),
        ("suppressed", "campaign"),
    ]
    assert len(post.server.to(ADDRESS)) == 2


async def test_who_chose_one_a_quarter_gets_one_in_ninety_days_of_all_campaigns(post: Post) -> None:
    _, token = await asked(post)
    await active(post.world)
    chosen = await unsubscribe(token, "quarter")
    assert chosen is not None
    assert chosen.quarterly
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    assert await decided(post, task) == [("suppressed", "quarter")] * 2
    await post.later(90 * DAY)
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    await post.later(2 * MINUTE)
    await post.deliver_all()
    assert sorted(await decided(post, task), key=str) == [
        ("scheduled", None),
        ("suppressed", "quarter"),
    ]
    assert len(post.server.to(ADDRESS)) == 2


async def test_a_quarter_that_a_refused_mail_reserved_is_free_again(post: Post) -> None:
    _, token = await asked(post)
    await unsubscribe(token, "quarter")
    await post.later(90 * DAY)
    first = await post.visit(ADDRESS)
    second = await post.visit(ADDRESS)
    post.server.next("RCPT", "550 5.6.0 no")
    await post.deliver_all()
    await post.later(2 * MINUTE)
    await post.deliver_all()
    assert (await post.status(first))[0] == "failed"
    assert (await post.status(second))[0] == "sent"


async def test_two_that_were_on_their_way_do_not_wait_for_each_other(post: Post) -> None:
    _, token = await asked(post)
    await change(post.world, "UPDATE contact_use SET counted_from = counted_from - interval '1 y'")
    tasks = [await post.visit(ADDRESS) for _ in range(2)]
    post.server.always["RCPT"] = "450 4.2.0 later"
    await post.deliver()
    await unsubscribe(token, "quarter")
    post.server.always["RCPT"] = "250 2.1.5 ok"
    for _ in range(3):
        await post.later(5 * MINUTE)
        await post.deliver_all()
    assert {(await post.status(task))[0] for task in tasks} <= {"sent", "dropped"}


LEAVINGS: Final[tuple[Leaving, ...]] = ("all", "campaign", "quarter")


@pytest.mark.parametrize("leaving", LEAVINGS)
async def test_what_is_claimed_does_not_leave_once_it_is_not_wanted(
    post: Post, leaving: Leaving
) -> None:
    _, token = await asked(post)
    task = await post.visit(ADDRESS)
    assert len((await claim(post.config, post.world.account, 10)).jobs) == 1
    await unsubscribe(token, leaving)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "suppressed")
    assert len(post.server.to(ADDRESS)) == 1


@pytest.mark.parametrize("leaving", LEAVINGS)
async def test_each_choice_is_told_once_and_taken_back_by_the_same_link(
    post: Post, leaving: Leaving
) -> None:
    _, token = await asked(post)
    for _ in range(2):
        await unsubscribe(token, leaving)
    for _ in range(2):
        back = await resubscribe(token)
        assert back is not None
        assert (back.ended, back.left, back.quarterly) == (False, False, False)
    event = {"all": "unsubscribed", "campaign": "left_campaign", "quarter": "quarterly"}[leaving]
    assert await kept(post) == [
        event,
        "resubscribed",
        "subscription.end",
        "subscription.start",
    ]
    await post.visit(ADDRESS)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2


ERASE: Final = (
    "UPDATE contact SET address = NULL",
    "UPDATE invitation SET address = NULL, typed_address = NULL",
    "UPDATE customer SET email = NULL",
)


@pytest.mark.parametrize("leaving", LEAVINGS)
async def test_a_link_works_after_sixty_days_whatever_is_erased_or_ended(
    post: Post, leaving: Leaving
) -> None:
    campaign, token = await asked(post)
    for statement in ERASE:
        await change(post.world, statement)
    async with tx(post.world.account) as opened:
        await archive_campaign(opened, campaign)
    await post.later(61 * DAY)
    found = await open_subscription(token)
    assert found is not None
    assert not found.ended
    left = await unsubscribe(token, leaving)
    assert left is not None
    assert left.ended or left.left or left.quarterly
    await active(post.world)
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    expected = ("sent", None) if leaving == "campaign" else ("dropped", "suppressed")
    assert await post.status(task) == expected


async def own(post: Post, *domains: str) -> None:
    """Say which domains are the account's."""
    async with tx(post.world.account) as opened:
        known = await read_sender(opened)
        new = SenderIdentity(known.legal_name, known.postal_address, known.phone, domains=domains)
        await write_sender(opened, new)


@pytest.mark.parametrize("address", ["Alice@example.org", "reception@Plomberie.example"])
async def test_the_company_asks_neither_its_users_nor_its_domains(post: Post, address: str) -> None:
    """T10, at release: nobody's mistake in the records is answered by a colleague."""
    await active(post.world)
    await own(post, "plomberie.example")
    task = await post.visit(address)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "internal")
    assert post.server.mails == []


async def test_internal_comes_after_no_address_and_before_suppressed(post: Post) -> None:
    """22: of several reasons the first in their order."""
    _, token = await asked(post)
    await unsubscribe(token)
    await own(post, "example.net")
    task = await post.visit(ADDRESS)
    nobody = await post.visit("")
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "internal")
    assert await post.status(nobody) == ("dropped", "no_address")


async def test_who_was_a_user_and_is_none_any_more_is_asked(post: Post) -> None:
    await active(post.world)
    await change(post.world, "UPDATE app_user SET active = false WHERE email = 'bob@example.org'")
    task = await post.visit("bob@example.org")
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)


async def test_who_comes_back_lifts_no_bounce_that_lies_further_back(post: Post) -> None:
    async with tx(post.world.account) as opened:
        added = await suppressions.add(opened, ADDRESS, "bounced")
        await standing.override(opened, [added.id], "complaint", "staff")
        await standing.override(opened, [added.id], "unsubscribed", "link")
        assert await standing.resubscribe(opened, added.id)
        assert (await contacts.read(opened, [ADDRESS]))[ADDRESS].suppressed == "bounced"
