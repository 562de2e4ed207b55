"""M9: a mailbox that stays full, visit after visit, counts as empty."""

from datetime import timedelta

import pytest

from tests.mail.campaigns import active, change
from tests.mail.delivering import DAY, HOUR, Post

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS = "marie@example.net"
OTHER = "chalet@example.net"
FULL = "552 5.2.2 mailbox full"


async def given_up(post: Post, reply: str = FULL) -> None:
    """A visit to the address, whose mail is refused by `reply` until patience ends, days later."""
    task = await post.visit(ADDRESS)
    post.server.refused[ADDRESS] = reply
    for _ in range(16):
        await post.deliver_all()
        await post.later(4 * HOUR)
    assert (await post.status(task))[0] == "expired"
    del post.server.refused[ADDRESS]


async def asked_next(post: Post) -> list[str]:
    """Whom the next visit asks, to a place with an address of its own."""
    before = len(post.server.mails)
    await post.visit(ADDRESS, location=await post.world.location(email=OTHER))
    await post.deliver_all()
    return [mail.recipient for mail in post.server.mails[before:]]


@pytest.mark.parametrize(
    ("gaps", "reply", "asked"),
    [
        ((0, 14, 14), FULL, OTHER),
        ((0, 14, 14), "550 5.2.1 Mailbox cannot be accessed", OTHER),
        ((0, 14, 14), "452 4.2.2 The recipient's inbox is out of storage space", OTHER),
        ((0, 14, 14), "450 4.2.1 receiving mail too quickly", ADDRESS),
        ((0, 14, 14), "450 4.2.0 Greylisted", ADDRESS),
        ((0, 10, 10), FULL, ADDRESS),
        ((0, 40), FULL, ADDRESS),
    ],
)
async def test_three_visits_over_thirty_days_that_find_it_full_make_it_empty(
    post: Post, gaps: tuple[int, ...], reply: str, asked: str
) -> None:
    await active(post.world, secondary="location")
    for days in gaps:
        await post.later(days * DAY)
        await given_up(post, reply)
    assert await post.suppressed() == ({} if asked == ADDRESS else {ADDRESS: "full"})
    assert await asked_next(post) == [asked]


async def test_a_mail_that_it_took_meanwhile_begins_the_count_anew(post: Post) -> None:
    await active(post.world, secondary="location")
    for _ in range(2):
        await given_up(post)
        await post.later(14 * DAY)
    assert await asked_next(post) == [ADDRESS]
    await given_up(post)
    assert await post.suppressed() == {}


async def test_several_surveys_of_one_visit_count_once(post: Post) -> None:
    for _ in range(2):
        await active(post.world)
    task = await post.visit(ADDRESS)
    post.server.refused[ADDRESS] = FULL
    for _ in range(16):
        await post.deliver_all()
        await post.later(4 * HOUR)
    assert (await post.events(task)).count("full") == 2
    await post.later(timedelta(days=40))
    await post.visit(ADDRESS)
    for _ in range(16):
        await post.deliver_all()
        await post.later(4 * HOUR)
    assert await post.suppressed() == {}


async def test_who_unsubscribed_is_not_told_to_be_full(post: Post) -> None:
    await active(post.world)
    for _ in range(2):
        await given_up(post)
        await post.later(20 * DAY)
    task = await post.visit(ADDRESS)
    post.server.refused[ADDRESS] = FULL
    await post.deliver_all()
    await change(post.world, "UPDATE contact SET suppressed = 'unsubscribed'")
    for _ in range(16):
        await post.later(4 * HOUR)
        await post.deliver_all()
    assert await post.suppressed() == {ADDRESS: "unsubscribed"}
    assert (await post.status(task))[0] == "dropped"
