"""Sending a survey again: another mail of it goes, and the survey stays sent if that one fails."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import pytest

from mail import contacts
from mail.campaigns.lifecycle import archive_campaign
from mail.delivery.cancel import cancel
from mail.delivery.claim import claim
from mail.delivery.send_again import (
    ClosedError,
    NotSentError,
    Order,
    UnderWayError,
    UnreachableError,
    send_again,
)
from mail.responses.answers import open_survey, submit
from mail.responses.recording import Recorded, Theirs
from mail.responses.submission import Submission
from mail.responses.subscriptions import unsubscribe
from mail.sending.progress import ProgressWriter
from rules.campaign import AddressField
from rules.decide import Reason
from sync import tokens
from sync.database import tx
from sync.ids import new_id
from tests.mail.campaigns import active, change, only_invitation, rows
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WHY: Final = "La cliente ne le trouve plus"
ADDRESS: Final = "marie@example.net"
OTHER: Final = "bureau@example.net"
LINK: Final = re.compile(r"https://retour\.test/s/([\w-]+)")
GONE: Final = "550 5.1.1 no such user"


async def asked(post: Post, **fields: Any) -> UUID:
    """A task whose survey was tried once; its contact has another address."""
    task = await post.visit(ADDRESS, contact_email=OTHER, **fields)
    await post.later(SECOND)
    await post.deliver_all()
    return task


async def again(post: Post, task: UUID, **order: Any) -> None:
    """The task's survey is asked for again, due now."""
    found = await only_invitation(post.world, task)
    by = post.world.dispatcher
    async with tx(post.world.account) as opened:
        given = Order(**{"id": new_id(), "by": by, "reason": WHY, **order})
        await send_again(opened, post.config.mail_from, found["id"], given)


async def suppressed(post: Post, address: str, why: contacts.Suppression) -> None:
    """The address takes no more mail."""
    async with tx(post.world.account) as opened:
        known = await contacts.create(opened, {address})
        await contacts.suppress(opened, known[address].id, why)


async def test_another_mail_of_the_same_survey_goes(post: Post) -> None:
    """D3 and point 15: with links of its own; the deadline stays that of the first."""
    await active(post.world)
    task = await asked(post)
    before = await only_invitation(post.world, task)
    await post.later(HOUR)
    await again(post, task)
    await post.deliver_all()
    first, second = post.server.to(ADDRESS)
    assert first.parsed["Message-ID"] != second.parsed["Message-ID"]
    links = [LINK.findall(mail.text()) for mail in (first, second)]
    assert all(links)
    assert links[0] != links[1]
    after = await only_invitation(post.world, task)
    columns = ("status", "sent_at", "deadline", "address", "message_id")
    assert [after[name] for name in columns] == [before[name] for name in columns]
    assert await post.events(task) == ["sent", "resend_requested", "resent"]
    found = await rows(post.world, "SELECT count(DISTINCT invitation) AS n, count(*) FROM link")
    assert tuple(found[0]) == (1, 2)


async def test_the_same_order_has_no_further_effect(post: Post) -> None:
    await active(post.world)
    task = await asked(post)
    key = new_id()
    for _ in range(2):
        await again(post, task, id=key)
    await post.deliver_all()
    await again(post, task, id=key)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2


async def test_it_is_exempt_from_the_mute_window_and_does_not_extend_it(post: Post) -> None:
    """Point 19."""
    await active(post.world, mute="07:00:00")
    task = await asked(post)
    uses = "SELECT contact, invitation, confirmed, counted_from FROM contact_use"
    before = await rows(post.world, uses)
    await post.later(DAY)
    await again(post, task)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2
    assert await rows(post.world, uses) == before


async def test_it_may_go_to_another_address_of_the_task(post: Post) -> None:
    """Point 16: a bounce does not try the secondary by itself; the dispatcher can resend."""
    await active(post.world)
    task = await asked(post)
    await again(post, task, field=AddressField.CONTACT)
    await post.deliver_all()
    [mail] = post.server.to(OTHER)
    found = await rows(post.world, "SELECT kind, address FROM mail_event ORDER BY happened_at, id")
    assert [tuple(row) for row in found] == [
        ("sent", None),
        ("resend_requested", OTHER),
        ("resent", OTHER),
    ]
    [link] = re.findall(r"<https://retour\.test/u/([\w-]+)>", str(mail.parsed["List-Unsubscribe"]))
    left = await unsubscribe(link)
    assert left is not None
    assert (left.address, left.ended) == (OTHER, True)
    assert await post.suppressed() == {OTHER: "unsubscribed"}


@pytest.mark.parametrize("first", [ADDRESS, OTHER])
async def test_what_one_address_answered_is_no_business_of_another(post: Post, first: str) -> None:
    """Neither shown, nor the number to call, nor replaced; who reads the same address may."""
    await active(post.world)
    task = await asked(post)
    for field in (AddressField.CONTACT, AddressField.CUSTOMER, AddressField.CONTACT):
        await again(post, task, field=field)
        await post.deliver_all()
    said = Submission(rating=1, comment="Trop tard", call_back=True, phone="418 555-0100")
    mine, theirs = (
        list(dict.fromkeys(LINK.findall("".join(mail.text() for mail in post.server.to(address)))))
        for address in (first, ({ADDRESS, OTHER} - {first}).pop())
    )
    assert (len(mine), len(theirs)) == (2, 2)
    assert await submit(mine[0], said) == Recorded(1, changed=True)
    for link in theirs:
        seen = await open_survey(link)
        assert seen is not None
        assert (seen.answer, seen.phone, seen.answered_elsewhere is None) == (None, "", False)
        assert await submit(link, Submission(rating=5)) == Theirs()
    for link in mine:
        own = await open_survey(link)
        assert own is not None
        assert own.answer is not None
        assert (own.answer.comment, own.answered_elsewhere) == ("Trop tard", None)
    assert await submit(mine[1], Submission(rating=2)) == Recorded(2, changed=True)


async def test_a_bounced_address_counts_as_empty(post: Post) -> None:
    """Point 16: the campaign's secondary field is next."""
    await active(post.world, secondary=AddressField.CONTACT)
    task = await asked(post)
    await suppressed(post, ADDRESS, "bounced")
    await again(post, task)
    await post.deliver_all()
    assert len(post.server.to(OTHER)) == 1


@pytest.mark.parametrize("why", ["unsubscribed", "bounced", "full"])
async def test_it_never_goes_to_a_suppressed_address(post: Post, why: contacts.Suppression) -> None:
    await active(post.world)
    task = await asked(post)
    await suppressed(post, ADDRESS, why)
    with pytest.raises(UnreachableError) as caught:
        await again(post, task, field=AddressField.CUSTOMER)
    assert caught.value.reason is Reason.SUPPRESSED
    with pytest.raises(UnreachableError) as caught:
        await again(post, task, field=AddressField.BILLING)
    assert caught.value.reason is Reason.NO_ADDRESS
    assert await post.entry(task) is None
    assert await post.events(task) == ["sent"]


async def test_who_unsubscribes_before_it_leaves_gets_none(post: Post) -> None:
    """A claimed mail to another address than the first is recalled, too."""
    await active(post.world)
    task = await asked(post)
    await again(post, task, field=AddressField.CONTACT)
    [job] = (await claim(post.config, post.world.account, 10)).jobs
    link = await rows(post.world, "SELECT contact FROM link WHERE contact IS NOT NULL")
    assert [row["contact"] for row in link] == [job.contact]
    [secret] = await rows(post.world, "SELECT survey_token FROM outbox")
    await unsubscribe(_unsubscribing(post, secret["survey_token"]))
    entry = await post.entry(task)
    assert entry is not None
    assert entry["phase"] == "waiting"
    await post.deliver_all()
    assert post.server.to(OTHER) == []
    assert await post.status(task) == ("sent", None)
    assert (await post.events(task))[-1] == "dropped"


def _unsubscribing(post: Post, secret: bytes) -> str:
    return tokens.write(post.world.account, tokens.digest(secret))


async def reminded(post: Post, _: UUID) -> None:
    """A reminder is due, also where clocks were put back meanwhile."""
    await post.later(7 * DAY + 2 * HOUR)


@pytest.mark.parametrize(("reminders", "further"), [(0, again), (1, reminded)])
@pytest.mark.parametrize(
    ("reply", "event"), [(GONE, "failed"), ("450 4.2.0 later", "expired"), ("", "uncertain")]
)
async def test_a_failure_leaves_it_sent(
    post: Post,
    reply: str,
    event: str,
    reminders: int,
    further: Callable[[Post, UUID], Awaitable[None]],
) -> None:
    """Of either further mail."""
    await active(post.world, reminders=reminders)
    task = await asked(post)
    before = await only_invitation(post.world, task)
    await further(post, task)
    if reply:
        post.server.always["RCPT"] = reply
        await post.deliver()
        await post.later(2 * DAY + HOUR)
        await post.deliver_all()
    else:
        await _lose(post)
    after = await only_invitation(post.world, task)
    assert [after[name] for name in ("status", "sent_at", "reason", "phase")] == [
        "sent",
        before["sent_at"],
        None,
        None,
    ]
    assert (await post.events(task))[-1] == event


async def _lose(post: Post) -> None:
    """The worker stops after the content began; the account would hold a first mail then."""
    await change(post.world, "UPDATE account SET after_crash = 'hold'")
    [job] = (await claim(post.config, post.world.account, 10)).jobs
    assert await ProgressWriter().mark_content(job)
    await post.later(HOUR)
    await post.deliver_all()


@pytest.mark.parametrize("reply", [GONE, "550 5.6.0 no"])
async def test_a_survey_that_no_server_accepted_is_tried_again(post: Post, reply: str) -> None:
    """Its deadline counts from that mail, and so does its mute window."""
    await active(post.world, mute="07:00:00")
    post.server.refused[ADDRESS] = reply
    task = await asked(post)
    assert (await post.status(task))[0] == "failed"
    await again(post, task, field=AddressField.CONTACT)
    await post.deliver_all()
    found = await only_invitation(post.world, task)
    assert (found["status"], found["typed_address"]) == ("sent", OTHER)
    assert found["deadline"] is not None
    assert await post.uses() == [(OTHER, True)]
    events = await rows(post.world, "SELECT kind, address FROM mail_event ORDER BY happened_at, id")
    assert [tuple(row) for row in events][:2] == [("failed", ADDRESS), ("resend_requested", OTHER)]


async def test_not_twice_at_once_nor_before_nor_too_late(post: Post) -> None:
    campaign = await active(post.world, delay="00:12:00")
    task = await post.visit(ADDRESS)
    with pytest.raises(NotSentError):
        await again(post, task)
    await post.later(12 * HOUR + MINUTE)
    await post.deliver_all()
    await again(post, task)
    with pytest.raises(UnderWayError):
        await again(post, task)
    found = await only_invitation(post.world, task)
    async with tx(post.world.account) as opened:
        await cancel(opened, found["id"], None, WHY)
        await cancel(opened, found["id"], None, WHY)
    assert await post.status(task) == ("sent", None)
    assert await post.entry(task) is None
    assert await post.events(task) == ["sent", "resend_requested", "cancelled"]
    await again(post, task)
    await post.later(28 * DAY)
    await post.deliver_all()
    assert len(post.server.mails) == 1  # what waited for too long is not sent
    with pytest.raises(ClosedError):
        await again(post, task)
    async with tx(post.world.account) as opened:
        await archive_campaign(opened, campaign)
    with pytest.raises(ClosedError):
        await again(post, task)
