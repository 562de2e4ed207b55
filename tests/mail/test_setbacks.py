"""Hazards 16 to 19 and 23: what the mail server refuses, puts off, or leaves in doubt."""

from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from mail.delivery.retry import FIRST_WAIT, LONGEST_WAIT
from tests.mail.campaigns import active, change, only_invitation, rows, time_of
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post
from tests.support.smtp_server import CUT, HANG, TAKE_AND_CUT

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS = "marie@example.net"
LATER = "450 4.2.0 come back"
WEEK = "07:00:00"


async def test_16_a_mail_that_is_put_off_goes_when_the_server_takes_it(post: Post) -> None:
    await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    post.server.next("RCPT", LATER, LATER)
    for _ in range(2):
        await post.deliver()
        assert await post.uses() == [(ADDRESS, False)]
        await post.later(HOUR)
    await post.deliver()
    assert await post.status(task) == ("sent", None)
    assert await post.events(task) == ["deferred", "deferred", "sent"]
    assert len(post.server.mails) == 1
    assert await post.suppressed() == {}


async def test_16_waits_grow_with_jitter_up_to_their_limit(post: Post) -> None:
    await active(post.world)
    tasks = [await post.visit() for _ in range(8)]
    post.server.always["RCPT"] = LATER
    await post.deliver()
    first = await _waits(post, tasks)
    assert all(FIRST_WAIT / 2 <= wait <= FIRST_WAIT + SECOND for wait in first)
    assert len(set(first)) == len(first)
    await post.later(20 * HOUR)
    await post.deliver()
    late = await _waits(post, tasks)
    assert all(LONGEST_WAIT / 2 <= wait <= LONGEST_WAIT + SECOND for wait in late)


async def test_16_after_48_hours_it_expires_and_lets_the_address_go(post: Post) -> None:
    await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    post.server.always["RCPT"] = LATER
    await post.deliver()
    await post.later(2 * DAY - MINUTE)
    await post.deliver()
    assert await post.status(task) == ("claimed", None)
    await post.later(4 * HOUR)
    await post.deliver()
    assert (await post.status(task))[0] == "expired"
    assert (await post.events(task))[-1] == "expired"
    assert (await post.uses(), await post.suppressed()) == ([], {})
    assert await post.entry(task) is None


@pytest.mark.parametrize(
    ("reply", "suppressed"),
    [
        ("550 5.1.1 no such user", {ADDRESS: "bounced"}),
        ("550 #5.1.0 Address rejected", {ADDRESS: "bounced"}),
        ("554 5.6.0 spam", {}),
        ("550 no", {}),
    ],
)
@pytest.mark.parametrize("place", ["RCPT", "DOT"])
async def test_17_a_refused_recipient_is_tried_once_and_suppressed_only_if_bad(
    post: Post, place: str, reply: str, suppressed: dict[str, str]
) -> None:
    await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    post.server.always[place] = reply
    await post.deliver_all()
    await post.later(3 * DAY)
    await post.deliver_all()
    assert (await post.status(task))[0] == "failed"
    assert await post.events(task) == ["failed"]
    assert post.server.said("RCPT") == 1
    assert await post.suppressed() == suppressed
    assert await post.uses() == []


@pytest.mark.parametrize("place", ["RCPT", "DOT"])
@pytest.mark.parametrize(
    "reply",
    [
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "550 5.4.5 Daily user sending limit exceeded",
        "550 5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy",
        "550 5.1.8 bad sender",
        "550 5.7.1 not you",
        "550 #5.1.0 Sender denied",
    ],
)
async def test_29_a_refusal_that_speaks_of_the_sender_burns_nothing_and_suppresses_nobody(
    post: Post, place: str, reply: str
) -> None:
    await active(post.world, mute=WEEK)
    tasks = [await post.visit(ADDRESS), await post.visit()]
    usual, post.server.always[place] = post.server.always[place], reply
    for _ in range(3):
        await post.deliver()
        await post.later(5 * HOUR)
    for task in tasks:
        assert set(await post.events(task)) == {"deferred"}
    assert (await post.suppressed(), post.server.mails) == ({}, [])
    post.server.always[place] = usual
    await post.deliver_all()
    assert {await post.status(task) for task in tasks} == {("sent", None)}
    assert len(post.server.mails) == 2


async def test_18_a_server_that_takes_nothing_is_in_the_log_with_its_words(post: Post) -> None:
    await active(post.world)
    task = await post.visit()
    post.server.always["EHLO"] = "421 4.7.0 Try again later, closing connection. (EHLO)"
    with capture_logs() as logs:
        await post.deliver()
    [error] = [entry for entry in logs if entry["log_level"] == "error"]
    assert (error["phase"], error["reply"]) == ("hello", post.server.always["EHLO"])
    assert post.server.commands[0] == "EHLO retour.test"
    assert await post.events(task) == []


async def test_17_an_address_that_bounced_counts_as_empty_the_next_time(post: Post) -> None:
    await active(post.world, secondary="location")
    post.server.refused[ADDRESS] = "550 5.1.1 no such user"
    bounced = await post.visit(ADDRESS)
    await post.deliver_all()
    place = await post.world.location(email="chalet@example.net")
    second, third = await post.visit(ADDRESS, location=place), await post.visit(ADDRESS)
    await post.deliver_all()
    assert (await post.status(bounced))[0] == "failed"
    assert (await post.status(second), await post.status(third)) == (
        ("sent", None),
        ("dropped", "no_address"),
    )
    assert [mail.recipient for mail in post.server.mails] == ["chalet@example.net"]


async def test_a_refused_sender_is_put_off_and_suppresses_nobody(post: Post) -> None:
    await active(post.world)
    task = await post.visit(ADDRESS)
    post.server.next("MAIL", "550 5.1.8 bad sender")
    await post.deliver()
    assert await post.events(task) == ["deferred"]
    assert await post.suppressed() == {}


@pytest.mark.parametrize("farewell", [CUT, "421 4.7.0 enough for one session"])
async def test_a_server_that_leaves_between_two_mails_puts_off_neither(
    post: Post, farewell: str
) -> None:
    await active(post.world)
    tasks = [await post.visit() for _ in range(3)]
    post.configure(smtp_connections=1)
    post.server.next("MAIL", "250 2.1.0 ok", farewell)
    await post.deliver()
    for task in tasks:
        assert await post.events(task) == ["sent"]
    assert (len(post.server.mails), post.server.greeted) == (3, 2)


@pytest.mark.parametrize(
    ("place", "reply"),
    [("GREETING", "554 no"), ("MAIL", "530 5.7.0 authenticate"), ("RCPT", "535 5.7.8 who")],
)
async def test_18_a_server_that_takes_nothing_costs_no_invitation(
    post: Post, place: str, reply: str
) -> None:
    await active(post.world)
    tasks = [await post.visit() for _ in range(6)]
    usual, post.server.always[place] = post.server.always[place], reply
    for _ in range(5):
        await post.deliver()
        await post.server.ended()
        assert await post.deliver() == 0  # it rests
        await post.later(DAY)
    for task in tasks:
        entry = await post.entry(task)
        assert entry is not None
        assert (entry["phase"], entry["first_tried_at"]) == ("waiting", None)
        assert await post.events(task) == []
    post.server.always[place] = usual
    await post.deliver_all()
    assert {await post.status(task) for task in tasks} == {("sent", None)}
    assert len(post.server.mails) == 6


async def test_18_an_unreachable_server_is_left_alone_for_a_while(post: Post) -> None:
    await active(post.world)
    before = await post.visit()
    await post.server.stop()
    assert await post.deliver() == 1
    entry = await post.entry(before)
    assert entry is not None
    assert entry["error"].startswith("connect")
    await post.server.listen()
    assert await post.deliver() == 0
    await post.later(MINUTE)
    assert await post.deliver() == 1
    assert (await post.status(before))[0] == "sent"


async def test_18_one_4xx_after_days_without_server_expires_nothing(post: Post) -> None:
    await active(post.world)
    task = await post.visit()
    post.server.next("GREETING", "421 closed")
    await post.deliver()
    await post.later(3 * DAY)
    post.server.next("RCPT", LATER)
    await post.deliver()
    assert await post.events(task) == ["deferred"]
    await post.later(HOUR)
    await post.deliver()
    assert (await post.status(task))[0] == "sent"


async def test_a_server_that_allows_fewer_connections_is_still_used(post: Post) -> None:
    await active(post.world)
    tasks = [await post.visit() for _ in range(12)]
    post.server.next("GREETING", "220 ok", "421 too many", "421 too many", "421 too many")
    await post.deliver()
    await post.deliver_all()
    assert {await post.status(task) for task in tasks} == {("sent", None)}
    assert len(post.server.mails) == 12


@pytest.mark.parametrize("place", ["MAIL", "DATA"])
@pytest.mark.parametrize("deed", [HANG, CUT])
async def test_19_silence_before_the_content_frees_the_slot_and_leaves_one_copy(
    post: Post, place: str, deed: str
) -> None:
    post.configure(smtp_timeout=2.0, actor_timeout=20)
    await active(post.world)
    task = await post.visit()
    post.server.next(place, deed)
    await post.deliver()
    assert await post.events(task) == ["deferred"]
    await post.later(MINUTE)
    await post.deliver()
    assert (await post.status(task))[0] == "sent"
    assert len(post.server.mails) == 1


@pytest.mark.parametrize("deed", [HANG, CUT, TAKE_AND_CUT])
async def test_19_a_mail_in_doubt_is_sent_once_more_and_says_it_is_the_same(
    post: Post, deed: str
) -> None:
    post.configure(smtp_timeout=2.0, actor_timeout=20)
    await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    post.server.next("DOT", deed)
    await post.deliver_all()
    assert (await post.status(task))[0] == "uncertain"
    assert await post.uses() == [(ADDRESS, True)]
    await post.later(timedelta(seconds=post.config.uncertain_after) - SECOND)
    assert await post.deliver() == 0
    await post.later(2 * SECOND)
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)
    assert await post.events(task) == ["uncertain", "resent"]
    copies = 2 if deed == TAKE_AND_CUT else 1
    assert len(post.server.mails) == copies
    assert len({mail.raw for mail in post.server.mails}) == 1


async def test_19_a_second_doubt_ends_it_there(post: Post) -> None:
    await active(post.world)
    task = await post.visit()
    post.server.always["DOT"] = CUT
    for _ in range(4):
        await post.deliver_all()
        await post.later(HOUR)
    assert (await post.status(task))[0] == "uncertain"
    assert await post.events(task) == ["uncertain", "uncertain"]
    assert post.server.said("DATA") == 2
    assert await post.entry(task) is None


@pytest.mark.parametrize("reply", ["550 5.1.1 gone", "550 5.6.0 no"])
async def test_what_becomes_of_a_second_copy_says_nothing_of_the_first(
    post: Post, reply: str
) -> None:
    task = await _in_doubt(post)
    post.server.next("RCPT", reply)
    await post.later(HOUR)
    await post.deliver_all()
    found = await only_invitation(post.world, task)
    assert found["status"] == "uncertain"
    assert found["deadline"] is not None
    assert await post.events(task) == ["uncertain", "failed"]
    assert await post.uses() == [(ADDRESS, True)]


async def test_no_second_copy_goes_to_who_unsubscribed_with_the_first(post: Post) -> None:
    task = await _in_doubt(post)
    await change(post.world, "UPDATE contact SET suppressed = 'unsubscribed'")
    await post.later(HOUR)
    await post.deliver_all()
    assert (await post.status(task))[0] == "uncertain"
    assert await post.entry(task) is None
    assert len(post.server.mails) == 1
    [decided] = await rows(post.world, "SELECT outcome FROM decision WHERE task = $1", task)
    assert decided["outcome"] == "scheduled"


async def test_19_where_the_account_says_hold_an_operator_decides(post: Post) -> None:
    await change(post.world, "UPDATE account SET after_crash = 'hold'")
    task = await _in_doubt(post)
    await post.later(30 * DAY)
    await post.deliver_all()
    entry = await post.entry(task)
    assert entry is not None
    assert (entry["phase"], (await post.status(task))[0]) == ("held", "held")
    assert len(post.server.mails) == 1
    assert await post.uses() == [(ADDRESS, True)]


async def test_23_a_mail_that_cannot_be_written_is_set_aside_and_its_neighbours_go(
    post: Post,
) -> None:
    await active(post.world, mute=WEEK)
    poison = await post.visit(ADDRESS)
    await change(post.world, "UPDATE account SET zone = 'Nowhere/Land'")
    post_place = await post.world.location(zone="America/Toronto")
    neighbour = await post.visit(location=post_place)
    for _ in range(6):
        await post.deliver()
        await post.later(HOUR)
    assert (await post.status(neighbour))[0] == "sent"
    status, reason = await post.status(poison)
    assert status == "held"
    assert reason is not None
    assert "Nowhere/Land" in reason
    entry = await post.entry(poison)
    assert entry is not None
    assert (entry["phase"], entry["faults"]) == ("held", 5)
    assert await post.events(poison) == ["held"]
    assert len(await post.uses()) == 1


async def test_23_a_mail_that_cannot_be_written_keeps_none_before_it_waiting(post: Post) -> None:
    await active(post.world)
    place = await post.world.location(zone="America/Toronto")
    neighbours = [await post.visit(location=place) for _ in range(2)]
    await post.visit()
    await change(post.world, "UPDATE account SET zone = 'Nowhere/Land'")
    post.configure(smtp_connections=1)
    await post.deliver()
    assert {await post.status(task) for task in neighbours} == {("sent", None)}


async def test_23_an_invitation_that_cannot_be_decided_is_set_aside_too(post: Post) -> None:
    await active(post.world)
    neighbours = [await post.visit()]
    poison = await post.visit()
    neighbours.append(await post.visit())
    await change(
        post.world,
        "UPDATE outbox SET resent = true, survey_token = '\\x00' FROM invitation i"
        " WHERE i.id = outbox.invitation AND i.task = $1",
        poison,
    )
    for _ in range(6):
        await post.deliver()
        await post.later(HOUR)
    assert {await post.status(task) for task in neighbours} == {("sent", None)}
    assert (await post.status(poison))[0] == "held"
    assert await post.deliver() == 0


async def _in_doubt(post: Post) -> UUID:
    await active(post.world, mute=WEEK)
    task = await post.visit(ADDRESS)
    post.server.next("DOT", TAKE_AND_CUT)
    await post.deliver_all()
    return task


async def _waits(post: Post, tasks: list[UUID]) -> list[timedelta]:
    now = await time_of(post.world)
    entries = [await post.entry(task) for task in tasks]
    return [entry["not_before"] - now + SECOND for entry in entries if entry is not None]
