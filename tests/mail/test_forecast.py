"""What pages promise of a survey that waits is what the worker does at its release."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from uuid import UUID

import pytest

from mail import contacts
from mail.campaigns.account_switch import pause_sending, resume_sending
from mail.campaigns.lifecycle import archive_campaign, pause_campaign, resume_campaign
from mail.campaigns.store import edit_campaign
from mail.delivery.forecast import Forecast, Leaves, Stays, Waits, forecast
from rules.campaign import AddressField
from rules.decide import Reason
from sync.database import tx
from tests.mail.campaigns import active, change, definition, only_invitation, time_of
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS: Final = "marie@example.net"
WEEK: Final = "07:00:00"
SENDER_REFUSED: Final = "550 5.7.26 unauthenticated"

Event: TypeAlias = Callable[[Post, UUID, UUID], Awaitable[None]]


async def nothing(_post: Post, _task: UUID, _campaign: UUID) -> None:
    """Nothing happens."""


def moved_to(*states: str) -> Event:
    """The task is moved on, or back."""

    async def move(post: Post, task: UUID, _campaign: UUID) -> None:
        for state in states:
            await post.later(SECOND)
            await post.moved(task, state)

    return move


async def paused(post: Post, _task: UUID, campaign: UUID) -> None:
    """The campaign is paused."""
    async with tx(post.world.account) as opened:
        await pause_campaign(opened, campaign)


async def archived(post: Post, _task: UUID, campaign: UUID) -> None:
    """The campaign is archived."""
    async with tx(post.world.account) as opened:
        await archive_campaign(opened, campaign)


def address(text: str | None) -> Event:
    """The customer's address is another one."""

    async def write(post: Post, task: UUID, _campaign: UUID) -> None:
        await change(
            post.world,
            "UPDATE customer SET email = $2 WHERE id = (SELECT customer FROM task WHERE id = $1)",
            task,
            text,
        )

    return write


def suppressed(why: contacts.Suppression) -> Event:
    """The address is suppressed."""

    async def suppress(post: Post, _task: UUID, _campaign: UUID) -> None:
        async with tx(post.world.account) as opened:
            known = await contacts.create(opened, {ADDRESS})
            await contacts.suppress(opened, known[ADDRESS].id, why)

    return suppress


async def asked_before(post: Post, task: UUID, campaign: UUID) -> None:
    """Another visit to the customer ended an hour before: its survey takes the mute window."""
    found = await only_invitation(post.world, task)
    before = await post.world.task(customer=found["customer"])
    await post.moved(before, "600", await time_of(post.world) - HOUR)


async def asked_behind_a_pause(post: Post, task: UUID, campaign: UUID) -> None:
    """The same, but the other survey is about a task that went back, and asks nobody."""
    found = await only_invitation(post.world, task)
    before = await post.world.task(customer=found["customer"])
    await post.moved(before, "600", await time_of(post.world) - HOUR)
    await post.later(SECOND)
    await post.moved(before, "300")


async def unmuted(post: Post, task: UUID, campaign: UUID) -> None:
    """The customer was asked before, but the campaign's window is gone meanwhile."""
    await asked_before(post, task, campaign)
    async with tx(post.world.account) as opened:
        edited = definition(post.world, mute=None, delay="00:12:00")
        await edit_campaign(opened, campaign, "Satisfaction", edited)


async def sender_refused(post: Post, _task: UUID, _campaign: UUID) -> None:
    """The sender is refused, so that its breaker opens."""
    await change(
        post.world,
        "INSERT INTO sender_breaker (account, sender, recipient, refused, reason, refused_at,"
        " opened_at, until, probes) VALUES ($1, 'example.test', '*', '{}', $2, retour_now(),"
        " retour_now(), retour_now() + interval '90 days', 0)",
        post.world.account,
        SENDER_REFUSED,
    )


async def switched_off(post: Post, _task: UUID, _campaign: UUID) -> None:
    """All sending of the account is stopped."""
    async with tx(post.world.account) as opened:
        await pause_sending(opened, None, "Inondation au bureau")


async def switched_on(post: Post, _task: UUID, _campaign: UUID) -> None:
    """The account sends again."""
    async with tx(post.world.account) as opened:
        await resume_sending(opened)


async def a_week_passed(post: Post, _task: UUID, _campaign: UUID) -> None:
    """The survey is due for more than seven days."""
    await post.later(7 * DAY + 12 * HOUR + MINUTE)


async def resumed(post: Post, _task: UUID, campaign: UUID) -> None:
    """The campaign goes on."""
    async with tx(post.world.account) as opened:
        await resume_campaign(opened, campaign)


async def sender_accepted(post: Post, _task: UUID, _campaign: UUID) -> None:
    """The sender is refused no longer."""
    await change(post.world, "DELETE FROM sender_breaker WHERE account = $1", post.world.account)


#: Two things that keep a survey from leaving, what the pages then say, and the end of the first.
OBSTACLES: Final[list[tuple[Event, Event, Event, Forecast, tuple[str, str | None]]]] = [
    (paused, nothing, resumed, Waits("campaign_paused"), ("sent", None)),
    (paused, moved_to("300"), resumed, Stays(Reason.LEFT_STATE), ("dropped", "left_state")),
    (paused, address(None), resumed, Stays(Reason.NO_ADDRESS), ("dropped", "no_address")),
    (
        paused,
        suppressed("unsubscribed"),
        resumed,
        Stays(Reason.SUPPRESSED),
        ("dropped", "suppressed"),
    ),
    (paused, sender_refused, resumed, Waits("campaign_paused"), ("scheduled", None)),
    (paused, a_week_passed, resumed, Stays(Reason.PAUSED), ("dropped", "paused")),
    (switched_off, nothing, switched_on, Waits("sending_off"), ("sent", None)),
    (switched_off, a_week_passed, switched_on, Stays(Reason.PAUSED), ("dropped", "paused")),
    (switched_off, paused, switched_on, Waits("sending_off"), ("scheduled", None)),
    (sender_refused, nothing, sender_accepted, Waits("breaker"), ("sent", None)),
    (
        sender_refused,
        suppressed("unsubscribed"),
        sender_accepted,
        Stays(Reason.SUPPRESSED),
        ("dropped", "suppressed"),
    ),
    (sender_refused, asked_before, sender_accepted, Stays(Reason.MUTED), ("dropped", "muted")),
]

#: What happens while a survey waits, what the pages then say, and what it comes to by itself.
CASES: Final[list[tuple[Event, Forecast | None, tuple[str, str | None]]]] = [
    (nothing, None, ("sent", None)),
    (moved_to("610"), None, ("sent", None)),
    (moved_to("700"), None, ("sent", None)),
    (moved_to("100"), Stays(Reason.LEFT_STATE), ("dropped", "left_state")),
    (moved_to("300"), Stays(Reason.LEFT_STATE), ("dropped", "left_state")),
    (moved_to("300", "610"), None, ("sent", None)),
    (moved_to("900"), Stays(Reason.TASK_CANCELLED), ("dropped", "task_cancelled")),
    (paused, Waits("campaign_paused"), ("scheduled", None)),
    (address(None), Stays(Reason.NO_ADDRESS), ("dropped", "no_address")),
    (address("marie@example"), Stays(Reason.NO_ADDRESS), ("dropped", "no_address")),
    (address(" MARIE@example.net "), None, ("sent", None)),
    (suppressed("unsubscribed"), Stays(Reason.SUPPRESSED), ("dropped", "suppressed")),
    (suppressed("bounced"), Stays(Reason.NO_ADDRESS), ("dropped", "no_address")),
    (suppressed("full"), Stays(Reason.NO_ADDRESS), ("dropped", "no_address")),
    (asked_before, Stays(Reason.MUTED), ("dropped", "muted")),
    (asked_behind_a_pause, None, ("sent", None)),
    (unmuted, None, ("sent", None)),
    (sender_refused, Waits("breaker"), ("scheduled", None)),
    (switched_off, Waits("sending_off"), ("scheduled", None)),
]


async def told(post: Post, task: UUID) -> Forecast:
    """What the pages would say of the task's survey."""
    invitation = (await only_invitation(post.world, task))["id"]
    async with tx(post.world.account) as opened:
        found = await forecast(opened, post.config.mail_from, [invitation])
    return found[invitation]


@pytest.mark.parametrize(("event", "said", "became"), CASES)
async def test_what_is_said_of_a_survey_that_waits_comes_true(
    post: Post, event: Event, said: Forecast | None, became: tuple[str, str | None]
) -> None:
    campaign = await active(post.world, mute=WEEK, delay="00:12:00")
    task = await post.visit(ADDRESS)
    await event(post, task, campaign)
    found = await told(post, task)
    if said is None:
        assert isinstance(found, Leaves)
        assert found.at == (await only_invitation(post.world, task))["release"]
        assert found.address.strip().lower() == ADDRESS
    else:
        assert found == said
    await post.later(13 * HOUR)
    await post.deliver_all()
    assert await post.status(task) == became


@pytest.mark.parametrize(("obstacle", "event", "end", "said", "became"), OBSTACLES)
async def test_an_obstacle_hides_no_other_one(
    post: Post,
    obstacle: Event,
    event: Event,
    end: Event,
    said: Forecast,
    became: tuple[str, str | None],
) -> None:
    campaign = await active(post.world, mute=WEEK, delay="00:12:00")
    task = await post.visit(ADDRESS)
    await obstacle(post, task, campaign)
    await event(post, task, campaign)
    assert await told(post, task) == said
    await post.later(13 * HOUR)
    await end(post, task, campaign)
    await post.deliver_all()
    assert await post.status(task) == became


async def test_of_an_archived_campaign_nothing_waits(post: Post) -> None:
    campaign = await active(post.world, delay="00:12:00")
    task = await post.visit(ADDRESS)
    await archived(post, task, campaign)
    invitation = (await only_invitation(post.world, task))["id"]
    async with tx(post.world.account) as opened:
        assert await forecast(opened, post.config.mail_from, [invitation]) == {}
    assert await post.status(task) == ("dropped", "paused")


async def test_the_second_address_is_named_where_the_first_is_none(post: Post) -> None:
    await active(post.world, secondary=AddressField.LOCATION, delay="00:12:00")
    place = await post.world.location(email="chalet@example.net")
    task = await post.visit("", location=place)
    found = await told(post, task)
    assert isinstance(found, Leaves)
    assert found.address == "chalet@example.net"


async def test_a_mail_that_was_put_off_says_when_it_is_tried_again(post: Post) -> None:
    await active(post.world, mute=WEEK)
    first, second = await post.visit(ADDRESS), await post.visit(ADDRESS)
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    entry = await post.entry(first)
    assert entry is not None
    found = await told(post, first)
    assert isinstance(found, Leaves)
    assert found.at == entry["not_before"]
    assert await told(post, second) == Waits("reserved")
    await post.later(DAY)
    await post.deliver_all()
    await post.later(MINUTE)
    await post.deliver_all()
    assert await post.status(first) == ("sent", None)
    assert await post.status(second) == ("dropped", "muted")
