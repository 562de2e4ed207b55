"""W2, W6, W9: mute per customer, and the account's cap by priority, with an SMTP server."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from mail.campaigns.calendar import AccountCalendar, WeekHours, save_calendar
from mail.campaigns.cap import SurveyCap, read_cap, set_cap
from mail.campaigns.definition import Trigger
from mail.campaigns.lifecycle import pause_campaign, resume_campaign
from mail.delivery.cancel import cancel
from mail.delivery.claim import claim, wake
from mail.delivery.forecast import Forecast, Leaves, Stays, Waits, forecast
from mail.delivery.held import TRIES, fault, held, let_go
from mail.delivery.send_again import Order, send_again
from mail.planning.manual import Request, send_by_hand
from rules.campaign import AddressField
from rules.decide import Reason
from sync.database import run, tx
from sync.ids import new_id
from tests.mail.campaigns import active, change, definition, only_invitation, rows, time_of
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post
from tests.support.smtp_server import TAKE_AND_CUT

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS: Final = "marie@example.net"
OTHER: Final = "compta@example.net"
WEEK: Final = "07:00:00"
#: Long before midnight where the account is.
MORNING: Final = datetime(2027, 5, 3, 9, tzinfo=ZoneInfo("America/Montreal")).astimezone(UTC)

Fate: TypeAlias = tuple[str, str | None]
SENT: Final[Fate] = ("sent", None)
CAPPED: Final[Fate] = ("dropped", "capped")
MUTED: Final[Fate] = ("dropped", "muted")


async def capped(post: Post, surveys: int | None, days: int = 7) -> None:
    """The account's cap; None for none."""
    cap = None if surveys is None else SurveyCap(surveys, days)
    await run(post.world.account, lambda opened: set_cap(opened, cap), "console")


async def asking(post: Post, state: str, **changes: Any) -> UUID:
    """A campaign that asks at this state."""
    types = [post.world.service_call, post.world.installation]
    return await active(post.world, rules=[Trigger(types, [state])], **changes)


class Pair(NamedTuple):
    """Tasks of one customer: `low` asks at 600 and `high` at 610, which has a higher priority."""

    low: UUID
    high: UUID


async def pair(post: Post, later: timedelta = HOUR, priority: int = 6) -> Pair:
    """Two campaigns; the survey of the second is released so much later."""
    await post.owner.set_clock(MORNING)
    await capped(post, 1)
    await asking(post, "600")
    await asking(post, "610", delay=f"00:{later // HOUR:02}:00", priority=priority)
    customer = await post.world.customer(email=ADDRESS)
    high = await post.world.task(customer=customer)
    await post.moved(high, "610", MORNING)
    return Pair(await post.finished(customer=customer, moment=MORNING), high)


async def fates(post: Post, *tasks: UUID) -> list[Fate]:
    """What became of the tasks' surveys."""
    return [await post.status(task) for task in tasks]


async def settle(post: Post, *, until: timedelta = 3 * DAY) -> None:
    """Let workers run whenever something is due, or a lease ends, for so long."""
    end = await time_of(post.world) + until
    while True:
        await post.deliver_all()
        now = await time_of(post.world)
        [row] = await rows(
            post.world,
            "SELECT min(coalesce(lease_until, greatest(release, not_before))) AS next FROM outbox",
        )
        if row["next"] is None or row["next"] > end:
            return
        await post.owner.set_clock(max(row["next"], now + SECOND))


async def of_customer(post: Post, customer: UUID, email: str) -> UUID:
    """A visit of a customer who has another address by then."""
    await change(post.world, "UPDATE customer SET email = $2 WHERE id = $1", customer, email)
    return await post.finished(customer=customer)


# ------------------------------------------------------------------------------ mute per customer


@pytest.mark.parametrize(
    ("mute_per", "fate"), [("address", SENT), ("customer", MUTED)], ids=["address", "customer"]
)
async def test_w2_two_addresses_of_a_customer_get_one_mail_where_it_is_muted_itself(
    post: Post, mute_per: str, fate: Fate
) -> None:
    await active(post.world, mute=WEEK, mute_per=mute_per)
    customer = await post.world.customer(email=ADDRESS)
    first = await post.finished(customer=customer)
    await post.deliver_all()
    second = await of_customer(post, customer, OTHER)
    await post.deliver_all()
    assert await fates(post, first, second) == [SENT, fate]
    await post.later(7 * DAY)
    third = await of_customer(post, customer, OTHER)
    await settle(post)
    assert await post.status(third) == SENT


async def test_w2_another_customer_at_the_same_address_is_another(post: Post) -> None:
    await active(post.world, mute=WEEK, mute_per="customer")
    tasks = [await post.visit(ADDRESS) for _ in range(2)]
    await post.deliver_all()
    assert await fates(post, *tasks) == [SENT, SENT]


async def test_w2_a_task_without_customer_counts_by_address(post: Post) -> None:
    await active(post.world, mute=WEEK, mute_per="customer", primary=AddressField.CONTACT)
    known = await post.world.customer(email=OTHER)
    first = await post.finished(customer=known, contact_email=ADDRESS)
    second, third = [await post.finished(contact_email=ADDRESS) for _ in range(2)]
    await post.deliver_all()
    assert await fates(post, first, second, third) == [SENT, MUTED, MUTED]
    uses = await rows(post.world, "SELECT customer FROM contact_use")
    assert [row["customer"] for row in uses] == [known]


#: The limits, as fields of the campaign; the cap is the account's.
LIMITS: Final[dict[str, dict[str, Any]]] = {
    "address": {"mute": WEEK},
    "customer": {"mute": WEEK, "mute_per": "customer", "primary": AddressField.CONTACT},
    "cap": {},
}


@pytest.mark.parametrize("ends", ["refused", "put off", "in doubt", "killed", "killed in data"])
@pytest.mark.parametrize("limit", LIMITS)
async def test_18_of_two_released_together_one_goes_whatever_comes_of_the_first(
    post: Post, limit: str, ends: str
) -> None:
    """By two workers at once. The second goes where the first did not, and else is dropped."""
    await active(post.world, **LIMITS[limit])
    if limit == "cap":
        await capped(post, 1)
    customer, now = await post.world.customer(email=ADDRESS), await time_of(post.world)
    first, second = [
        await post.finished(customer=customer, contact_email=email, moment=moment)
        for email, moment in ((ADDRESS, now - MINUTE), (OTHER, now))
    ]
    reply = {"refused": "550 5.6.0 no", "put off": "450 4.2.0 later"}.get(ends)
    if reply is not None:
        post.server.next("RCPT", reply)
    elif ends == "in doubt":
        post.server.next("DOT", TAKE_AND_CUT)
    else:
        assert len((await claim(post.config, post.world.account, 10)).jobs) == 1
        if ends == "killed in data":
            await change(post.world, "UPDATE outbox SET phase = 'data' WHERE phase = 'claimed'")
    await asyncio.gather(*(asyncio.create_task(post.deliver()) for _ in range(2)))
    await settle(post)
    if ends == "refused":
        assert await fates(post, first, second) == [("failed", "550 5.6.0 no"), SENT]
    else:
        assert await fates(post, first, second) == [SENT, CAPPED if limit == "cap" else MUTED]
    assert len(post.server.mails) == (2 if ends == "in doubt" else 1)


@pytest.mark.parametrize("limit", LIMITS)
async def test_18_one_that_an_operator_lets_go_obeys_what_went_meanwhile(
    post: Post, limit: str
) -> None:
    """It was held because writing it failed, and nobody waited for it."""
    await active(post.world, **LIMITS[limit])
    if limit == "cap":
        await capped(post, 1)
    customer = await post.world.customer(email=ADDRESS)
    first = await post.finished(customer=customer, contact_email=ADDRESS)
    [job] = (await claim(post.config, post.world.account, 10)).jobs
    for _ in range(TRIES):
        await change(post.world, "UPDATE outbox SET phase = 'claimed'")
        await fault(post.world.account, job.invitation, job.attempt, ValueError("no mail"))
    second = await post.finished(customer=customer, contact_email=ADDRESS)
    await post.deliver_all()
    assert await fates(post, first, second) == [("held", "ValueError: no mail"), SENT]
    async with tx(post.world.account) as opened:
        await let_go(opened, await held(opened))
    await post.deliver_all()
    assert await post.status(first) == (CAPPED if limit == "cap" else MUTED)


async def test_18_nobody_waits_for_one_whose_sender_is_refused(post: Post) -> None:
    """Another campaign's sender is not; nobody knows when that is mended."""
    await capped(post, 1)
    await asking(post, "600")
    message = structs.replace(definition(post.world).message, sender_address="us@other.example")
    await asking(post, "610", message=message)
    customer = await post.world.customer(email=ADDRESS)
    first = await post.finished(customer=customer)
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    await change(
        post.world,
        "INSERT INTO sender_breaker (account, sender, recipient, refused, reason, refused_at,"
        " opened_at, until, probes)"
        " SELECT $1, 'example.test', '*', '{}', '550', now, now, now + interval '99 days', 0"
        " FROM retour_now() AS now",
        post.world.account,
    )
    second = await post.world.task(customer=customer)
    await post.moved(second, "610")
    await settle(post, until=2 * HOUR)
    assert await fates(post, first, second) == [("claimed", None), SENT]


@pytest.mark.parametrize("limit", LIMITS)
async def test_19_a_survey_that_is_sent_again_neither_asks_nor_extends(
    post: Post, limit: str
) -> None:
    """Inside of the window, and the next visit is asked about when the first mail's is over."""
    await active(post.world, **LIMITS[limit])
    if limit == "cap":
        await capped(post, 1)
    customer = await post.world.customer(email=ADDRESS)
    task = await post.finished(customer=customer, contact_email=ADDRESS)
    await post.deliver_all()
    await post.later(6 * DAY)
    invitation = (await only_invitation(post.world, task))["id"]
    order = Order(new_id(), None, "Pas reçu")
    await run(
        post.world.account,
        lambda opened: send_again(opened, post.config.mail_from, invitation, order),
        "console",
    )
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == 2
    await post.later(DAY)
    after = await post.finished(customer=customer, contact_email=OTHER)
    await post.deliver_all()
    assert await post.status(after) == SENT


@pytest.mark.parametrize(("waive", "fate"), [(False, CAPPED), (True, SENT)])
async def test_19_a_survey_by_hand_obeys_the_cap_unless_that_is_waived(
    post: Post, waive: bool, fate: Fate
) -> None:
    campaign = await active(post.world)
    await capped(post, 1)
    await post.visit(ADDRESS)
    await post.deliver_all()
    customer = await post.world.customer(email=ADDRESS)
    task = await post.world.task(customer=customer)
    await post.moved(task, "300")
    request = Request(campaign, None, "La cliente le demande", waive_limits=waive)
    await run(post.world.account, lambda opened: send_by_hand(opened, task, request), "console")
    await post.deliver_all()
    assert await post.status(task) == fate
    await post.later(6 * DAY)
    assert [await post.status(await post.visit(ADDRESS))] == [("scheduled", None)]
    await post.deliver_all()


# ------------------------------------------------------------------------------------- the cap


async def test_20_the_cap_counts_all_campaigns_in_civil_days_and_names_what_held(
    post: Post,
) -> None:
    """W9: the decision tells the campaign's clock from the account's, and which survey held."""
    await post.owner.set_clock(MORNING)
    await capped(post, 2)
    await asking(post, "600", mute=WEEK)
    await asking(post, "610")
    customer = await post.world.customer(email=ADDRESS)
    tasks = []
    for state, day in (("600", 0), ("600", 1), ("610", 2), ("610", 3), ("600", 7), ("610", 7)):
        await post.owner.set_clock(MORNING + day * DAY + day * MINUTE)
        task = await post.world.task(customer=customer)
        await post.moved(task, state)
        await post.deliver_all()
        tasks.append(task)
    assert await fates(post, *tasks) == [SENT, MUTED, SENT, CAPPED, SENT, CAPPED]
    ids = [(await only_invitation(post.world, task))["id"] for task in tasks]
    sql = "SELECT task, outcome, kept_back_by FROM decision ORDER BY transition"
    found = {
        row["task"]: (row["outcome"], row["kept_back_by"]) for row in await rows(post.world, sql)
    }
    assert [found[task] for task in tasks] == [
        ("scheduled", None),
        ("muted", ids[0]),
        ("scheduled", None),
        ("capped", ids[0]),
        ("scheduled", None),
        ("capped", ids[2]),
    ]


async def test_20_a_cap_that_is_taken_away_keeps_nobody_back(post: Post) -> None:
    await active(post.world)
    await capped(post, 1)
    await post.visit(ADDRESS)
    await post.deliver_all()
    await capped(post, None)
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    assert await post.status(task) == SENT
    async with tx(post.world.account) as opened:
        assert await read_cap(opened) is None


Event: TypeAlias = Callable[[Post, Pair], Awaitable[None]]


async def nothing(_post: Post, _tasks: Pair) -> None:
    """Nothing happens."""


async def refused(post: Post, _tasks: Pair) -> None:
    """The server refuses the first mail."""
    post.server.next("RCPT", "550 5.6.0 no")


async def put_off(post: Post, _tasks: Pair) -> None:
    """The server wants the first mail later."""
    post.server.next("RCPT", "450 4.2.0 later")


async def left(post: Post, tasks: Pair) -> None:
    """The task of the higher one goes back."""
    await post.owner.set_clock(MORNING + SECOND)
    await post.moved(tasks.high, "300")


async def paused(post: Post, tasks: Pair) -> None:
    """The campaign of the higher one is paused."""
    campaign = (await only_invitation(post.world, tasks.high))["campaign"]
    await run(post.world.account, lambda opened: pause_campaign(opened, campaign), "console")


async def paused_at_release(post: Post, tasks: Pair) -> None:
    """The same, after the other one began to wait."""
    await post.deliver_all()
    await paused(post, tasks)


async def paused_when_put_off(post: Post, tasks: Pair) -> None:
    """The same, after the server wanted it later: nobody knows how long the pause is."""
    await put_off(post, tasks)
    await settle(post, until=HOUR + SECOND)
    await paused(post, tasks)


async def cancelled(post: Post, tasks: Pair) -> None:
    """The higher one is cancelled after the other one began to wait, which then goes at once."""
    await post.deliver_all()
    found = await only_invitation(post.world, tasks.high)
    await run(
        post.world.account, lambda opened: cancel(opened, found["id"], None, "Erreur"), "console"
    )
    await wake(post.world.account)
    await post.deliver_all()
    assert await post.status(tasks.low) == SENT


async def corrected(post: Post, tasks: Pair) -> None:
    """The office finds that both visits were another customer's, of the same address."""
    other = await post.world.customer(email=ADDRESS)
    await change(post.world, "UPDATE task SET customer = $1 WHERE id = ANY($2)", other, [*tasks])


WAITS: Final[list[tuple[Event, Fate, Fate]]] = [
    (nothing, CAPPED, SENT),
    (refused, SENT, ("failed", "550 5.6.0 no")),
    (put_off, CAPPED, SENT),
    (left, SENT, ("dropped", "left_state")),
    (paused, SENT, ("scheduled", None)),
    (paused_at_release, SENT, ("scheduled", None)),
    (paused_when_put_off, SENT, ("claimed", None)),
    (cancelled, SENT, ("dropped", "cancelled")),
    (corrected, CAPPED, SENT),
]


@pytest.mark.parametrize(("event", "low", "high"), WAITS)
async def test_20_a_lower_priority_waits_for_a_higher_one_of_its_day(
    post: Post, event: Event, low: Fate, high: Fate
) -> None:
    """It goes if that did not, and what pages say of both before comes true."""
    tasks = await pair(post)
    await event(post, tasks)
    said = await told(post, *tasks)
    await settle(post, until=2 * HOUR)
    assert await fates(post, *tasks) == [low, high]
    if event in (nothing, left, paused):
        assert isinstance(said[0], Leaves) == (low == SENT)
    if event is nothing:
        assert said[0] == Stays(Reason.CAPPED)


@pytest.mark.parametrize(
    ("later", "priority"),
    [(timedelta(0), 5), (HOUR, 5), (HOUR, 4), (15 * HOUR, 9)],
    ids=["an equal one", "an equal one later", "a lower one", "one of the next day"],
)
async def test_20_nobody_waits_for_another_one(post: Post, later: timedelta, priority: int) -> None:
    tasks = await pair(post, later, priority)
    await change(post.world, "UPDATE outbox SET release = release - interval '1 minute',"
        " not_before = not_before - interval '1 minute' WHERE invitation = $1",
        (await only_invitation(post.world, tasks.low))["id"],
    )  # fmt: skip
    await settle(post)
    assert await fates(post, *tasks) == [SENT, CAPPED]


async def test_20_what_quiet_hours_move_to_one_opening_goes_by_priority(post: Post) -> None:
    """And who waited until it was closed goes in the morning, whatever is released then."""
    await post.owner.set_clock(MORNING)
    hours = ["08:00-20:00"]
    week = WeekHours(*([hours] * 7))
    async with tx(post.world.account) as opened:
        await save_calendar(opened, AccountCalendar(mail_hours=week))
    evening = MORNING + 13 * HOUR
    await post.owner.set_clock(evening)
    await capped(post, 1, days=1)
    await asking(post, "600")
    await asking(post, "610", priority=9)
    customer = await post.world.customer(email=ADDRESS)
    low = await post.finished(customer=customer, moment=evening)
    high = await post.world.task(customer=customer)
    await post.moved(high, "610", evening + MINUTE)
    await settle(post)
    assert await fates(post, low, high) == [CAPPED, SENT]


async def test_20_who_yielded_until_the_night_yields_to_nobody_of_the_next_day(
    post: Post,
) -> None:
    """The higher one is refused in the end, when it is closed; the next day there is another."""
    tasks = await pair(post, 8 * HOUR)
    async with tx(post.world.account) as opened:
        week = WeekHours(*([["08:00-17:30"]] * 7))
        await save_calendar(opened, AccountCalendar(mail_hours=week))
    await post.owner.set_clock(MORNING + 8 * HOUR)
    post.server.always["RCPT"] = "450 4.2.0 later"
    await settle(post, until=2 * HOUR)
    assert await fates(post, *tasks) == [("scheduled", None), ("claimed", None)]
    post.server.always["RCPT"] = "550 5.6.0 no"
    await settle(post, until=6 * HOUR)
    post.server.always["RCPT"] = "250 2.1.5 ok"
    next_day = MORNING + 21 * HOUR
    await post.owner.set_clock(next_day)
    another = await post.world.task(
        customer=(await only_invitation(post.world, tasks.low))["customer"]
    )
    await post.moved(another, "610", next_day)
    await settle(post)
    assert await fates(post, *tasks, another) == [SENT, ("failed", "550 5.6.0 no"), CAPPED]


async def test_20_those_of_one_location_compete_by_its_address(post: Post) -> None:
    await post.owner.set_clock(MORNING)
    await capped(post, 1)
    to_place: dict[str, Any] = {"primary": AddressField.LOCATION}
    await asking(post, "600", **to_place)
    await asking(post, "610", delay="00:01:00", priority=6, **to_place)
    place = await post.world.location(email=ADDRESS)
    tasks = [
        await post.world.task(customer=await post.world.customer(), location=place)
        for _ in range(2)
    ]
    for task, state in zip(tasks, ("600", "610"), strict=True):
        await post.moved(task, state, MORNING)
    await settle(post)
    assert await fates(post, *tasks) == [CAPPED, SENT]


# -------------------------------------------------------------------------------- the forecast


async def told(post: Post, *tasks: UUID) -> list[Forecast]:
    """What the pages would say of the tasks' surveys."""
    ids = [(await only_invitation(post.world, task))["id"] for task in tasks]
    async with tx(post.world.account) as opened:
        found = await forecast(opened, post.config.mail_from, ids)
    return [found[one] for one in ids if one in found]


async def test_what_is_said_of_both_limits_comes_true(post: Post) -> None:
    """A reservation of another campaign, whose outcome is not known; then it is."""
    await post.owner.set_clock(MORNING)
    await capped(post, 1)
    await asking(post, "600")
    await asking(post, "610", mute=WEEK, mute_per="customer", primary=AddressField.CONTACT)
    customer = await post.world.customer(email=ADDRESS)
    first = await post.visit(ADDRESS, moment=MORNING - MINUTE)
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    second = await post.world.task(customer=customer, contact_email=ADDRESS)
    third = await post.world.task(customer=customer, contact_email=OTHER)
    fourth = await post.world.task(customer=customer, contact_email=OTHER)
    for task, minutes in ((second, 2), (third, 1), (fourth, 0)):
        await post.moved(task, "610", MORNING - minutes * SECOND)
    said = await told(post, second, third, fourth)
    assert (said[0], said[2]) == (Waits("reserved"), Stays(Reason.MUTED))
    assert isinstance(said[1], Leaves)
    await settle(post)
    assert await fates(post, first, second, third, fourth) == [SENT, MUTED, SENT, MUTED]


# ------------------------------------------------------------------------------ the setting


async def test_the_cap_is_kept_with_who_set_it(post: Post) -> None:
    for surveys in (2, 2, 3, None, None):
        await capped(post, surveys, 90)
    told_of = await rows(post.world, "SELECT before, after FROM audit WHERE action = 'cap.write'")
    assert len(told_of) == 3


#: A pause that ends lets both go, and the cap counts what went meanwhile.
async def test_20_what_a_pause_held_is_capped_by_what_went_meanwhile(post: Post) -> None:
    tasks = await pair(post)
    await paused(post, tasks)
    await settle(post, until=2 * HOUR)
    campaign = (await only_invitation(post.world, tasks.high))["campaign"]
    await run(post.world.account, lambda opened: resume_campaign(opened, campaign), "console")
    await settle(post)
    assert await fates(post, *tasks) == [SENT, CAPPED]
