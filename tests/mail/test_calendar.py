"""Quiet hours, holidays and working hours, through planning and claim."""

import asyncio
from contextvars import Context
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from mail.campaigns.cache import load
from mail.campaigns.calendar import (
    AccountCalendar,
    ClosedDay,
    WeekHours,
    coming,
    read_calendar,
    save_calendar,
)
from mail.campaigns.holidays import holidays_of
from mail.campaigns.store import edit_campaign
from mail.planning.place_changes import QUEUE, queue_waiting
from mail.planning.plan import plan
from mail.queues import process_due
from rules.calendar import REGIONS
from sync import audit
from sync.database import Tx, run, tx
from sync.errors import ItemsError
from sync.ids import locator
from sync.records.customers import put_locations
from sync.records.shapes import LocationPut, TaskPut
from sync.records.tasks import put_tasks
from tests.mail.campaigns import (
    active,
    change,
    definition,
    happened,
    only_invitation,
    plan_all,
    rows,
)
from tests.mail.delivering import DAY, MINUTE, SECOND, Post
from tests.support.lock_order import Heard
from tests.support.world import World

pytestmark = pytest.mark.anyio

MONTREAL, VANCOUVER, PARIS = "America/Montreal", "America/Vancouver", "Europe/Paris"
OPEN = ["08:00-20:00"]
WEEKDAYS = WeekHours(OPEN, OPEN, OPEN, OPEN, OPEN)
EVERY_DAY = WeekHours(OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN)

#: What a push does to the tasks of its items.
_LOCKED = "SELECT FROM task WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"


def local(text: str, zone: str = MONTREAL) -> datetime:
    """A time by the clocks of a zone, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


async def keep(world: World, **said: Any) -> None:
    """Save the account's calendar; nothing is planned again yet."""
    async with tx(world.account) as opened:
        await save_calendar(opened, AccountCalendar(**said))


async def finished(post: Post, text: str, zone: str = MONTREAL, **place: Any) -> UUID:
    """A visit that ends at a time by the clocks of a place, which it then is."""
    await post.owner.set_clock(local(text, zone))
    where = await post.world.location(zone=zone, **place)
    return await post.visit(location=where, moment=local(text, zone))


async def is_sent_from(post: Post, task: UUID, opening: datetime) -> bool:
    """Whether its mail goes when it opens, and not a second before."""
    await post.owner.set_clock(opening - SECOND)
    await post.deliver_all()
    assert (await post.status(task))[0] == "scheduled"
    await post.owner.set_clock(opening)
    await post.deliver_all()
    found = await only_invitation(post.world, task)
    assert found["release"] == opening
    return bool(found["status"] == "sent")


@pytest.mark.parametrize("zone", [MONTREAL, VANCOUVER, PARIS])
@pytest.mark.parametrize(
    ("said", "ends", "opens"),
    [
        ({"mail_hours": EVERY_DAY}, "2027-03-13T21:30", "2027-03-14T08:00"),
        ({"mail_hours": EVERY_DAY}, "2027-03-27T21:30", "2027-03-28T08:00"),
        ({"mail_hours": EVERY_DAY}, "2027-10-30T21:30", "2027-10-31T08:00"),
        ({"mail_hours": EVERY_DAY}, "2027-11-06T21:30", "2027-11-07T08:00"),
        ({"mail_hours": WEEKDAYS}, "2027-05-07T20:00", "2027-05-10T08:00"),
        ({"region": "CA-QC"}, "2027-07-01T10:00", "2027-07-02T00:00"),
        ({"region": "FR-57"}, "2027-03-26T10:00", "2027-03-27T00:00"),
        ({"mail_hours": EVERY_DAY, "region": "FR"}, "2027-07-14T10:00", "2027-07-15T08:00"),
        (
            {"mail_hours": WEEKDAYS, "closed": [ClosedDay(date(2027, 5, 10), "Inventaire")]},
            "2027-05-08T10:00",
            "2027-05-11T08:00",
        ),
    ],
    ids=[
        "spring in Canada",
        "spring in France",
        "autumn in France",
        "autumn in Canada",
        "a weekend",
        "a holiday",
        "a holiday of Moselle",
        "a holiday and quiet hours",
        "a day of its own",
    ],
)
async def test_13_mail_waits_for_the_first_open_hour_of_its_place(
    post: Post, zone: str, said: dict[str, Any], ends: str, opens: str
) -> None:
    """PRODUCT W3 and 13: in the location's zone; the send waits and is not lost, nothing early."""
    await post.owner.set_clock(local(ends, zone) - DAY)
    await active(post.world)
    await keep(post.world, **said)
    task = await finished(post, ends, zone)
    assert await is_sent_from(post, task, local(opens, zone))


async def test_a_location_has_the_holidays_of_its_own_region(post: Post) -> None:
    await post.owner.set_clock(local("2027-06-20T10:00"))
    await active(post.world)
    await keep(post.world, region="CA-ON")
    at_home = await finished(post, "2027-06-24T10:00")
    await post.deliver_all()
    assert (await post.status(at_home))[0] == "sent"
    in_quebec = await finished(post, "2027-06-24T10:30", region="CA-QC")
    assert await is_sent_from(post, in_quebec, local("2027-06-25T00:00"))


async def test_a_holiday_that_is_not_observed_keeps_nothing_back(post: Post) -> None:
    await post.owner.set_clock(local("2027-06-20T10:00"))
    await active(post.world)
    [key] = {day.key for day in holidays_of("CA-QC", 2027, "fr") if day.date == date(2027, 7, 1)}
    await keep(post.world, region="CA-QC", not_observed=[key])
    task = await finished(post, "2027-07-01T10:00")
    await post.deliver_all()
    assert (await post.status(task))[0] == "sent"


async def test_21_the_calendar_is_judged_again_when_a_mail_is_claimed(post: Post) -> None:
    """PRODUCT 21: quiet hours apply at release. Queue and invitation move together."""
    await post.owner.set_clock(local("2027-05-03T10:00"))
    await active(post.world, delay="00:10:00")
    task = await finished(post, "2027-05-03T11:00")
    await keep(post.world, mail_hours=WEEKDAYS)
    await change(post.world, "DELETE FROM task_change")

    await post.owner.set_clock(local("2027-05-03T21:00"))
    await post.deliver_all()

    found, entry = await only_invitation(post.world, task), await post.entry(task)
    opening = local("2027-05-04T08:00")
    assert entry is not None
    assert (found["status"], found["due"]) == ("scheduled", local("2027-05-03T21:00"))
    assert {found["release"], entry["release"], entry["not_before"]} == {opening}
    [decision] = await rows(post.world, "SELECT release FROM decision WHERE task = $1", task)
    assert decision["release"] == opening
    assert await post.uses() == []
    assert await is_sent_from(post, task, opening)


async def test_what_could_not_go_in_time_does_not_go_at_night(post: Post) -> None:
    """Its release was open, and no worker came before the quiet hours."""
    await post.owner.set_clock(local("2027-05-03T10:00"))
    await active(post.world)
    await keep(post.world, mail_hours=WEEKDAYS)
    task = await finished(post, "2027-05-03T19:59:59")
    await post.owner.set_clock(local("2027-05-03T23:00"))
    await post.deliver_all()
    assert await is_sent_from(post, task, local("2027-05-04T08:00"))


async def test_what_was_tried_is_tried_again_also_at_night(post: Post) -> None:
    await post.owner.set_clock(local("2027-05-03T10:00"))
    await active(post.world)
    await keep(post.world, mail_hours=WEEKDAYS)
    post.server.next("RCPT", "451 4.7.1 Try again later")
    task = await finished(post, "2027-05-03T19:59:50")
    await post.deliver_all()
    assert (await post.status(task))[0] == "claimed"
    await post.owner.set_clock(local("2027-05-03T23:00"))
    await post.deliver_all()
    assert (await post.status(task))[0] == "sent"


async def test_a_task_is_judged_when_its_mail_may_go(post: Post) -> None:
    """At night it was back in work; in the morning it was finished again."""
    await post.owner.set_clock(local("2027-05-03T10:00"))
    await active(post.world)
    await keep(post.world, mail_hours=EVERY_DAY)
    task = await finished(post, "2027-05-03T21:00")
    await post.owner.set_clock(local("2027-05-03T21:30"))
    await post.moved(task, "300")
    await post.deliver_all()
    await post.owner.set_clock(local("2027-05-04T07:00"))
    await post.moved(task, "600")
    assert await is_sent_from(post, task, local("2027-05-04T08:00"))


async def test_a_changed_calendar_moves_what_waits_in_both_directions(post: Post) -> None:
    await post.owner.set_clock(local("2027-05-03T10:00"))
    await active(post.world, delay="00:00:30")
    await keep(post.world, mail_hours=EVERY_DAY)
    task = await finished(post, "2027-05-07T20:30")

    async def release() -> datetime:
        await plan_all()
        found = await only_invitation(post.world, task)
        assert found["release"] == found["queued_release"] == found["not_before"]
        [told] = await rows(post.world, "SELECT release FROM decision WHERE task = $1", task)
        assert told["release"] == found["release"]
        moved: datetime = found["release"]
        return moved

    assert await release() == local("2027-05-08T08:00")
    await keep(post.world, mail_hours=WEEKDAYS)
    assert await release() == local("2027-05-10T08:00")
    await keep(post.world, mail_hours=None)
    assert await release() == local("2027-05-07T21:00")
    await post.owner.set_clock(local("2027-05-07T21:00"))
    await post.deliver_all()
    assert (await post.status(task))[0] == "sent"


async def put_again(world: World, place: UUID) -> None:
    """A location turns out to be in Paris."""
    async with tx(world.account) as opened:
        await put_locations(opened, [LocationPut(id=place, zone=PARIS)])


@pytest.mark.parametrize("where", ["zone", "region", "another place"])
async def test_13_what_waits_follows_its_place(post: Post, where: str) -> None:
    """A location whose zone or region changes, and a task that turns out to be elsewhere."""
    world = post.world
    await post.owner.set_clock(local("2027-06-23T10:00"))
    await active(world, delay="00:12:00")
    await keep(world, mail_hours=EVERY_DAY)
    there = await world.location(zone=MONTREAL, region="CA-ON")
    task = await post.visit(location=there, moment=local("2027-06-23T10:00"))
    assert (await only_invitation(world, task))["release"] == local("2027-06-24T08:00")
    if where == "another place":
        paris = await world.location(zone=PARIS)
        async with tx(world.account) as opened:
            await put_tasks(opened, [TaskPut(id=task, location=paris)])
    else:
        changed: dict[str, dict[str, Any]] = {
            "zone": {"zone": PARIS},
            "region": {"zone": MONTREAL, "region": "CA-QC"},
        }
        async with tx(world.account) as opened:
            await put_locations(opened, [LocationPut(id=there, **changed[where])])
    await plan_all()
    opens = local("2027-06-25T08:00") if where == "region" else local("2027-06-24T08:00", PARIS)
    assert (await only_invitation(world, task))["release"] == opens


async def test_a_calendar_is_followed_in_chunks_and_none_is_lost(post: Post) -> None:
    """By workers that are killed, and begun again where it is saved once more."""
    world = post.world
    await post.owner.set_clock(local("2027-05-03T10:00"))
    await active(world, delay="00:12:00")
    await post.visits(5)

    async def step(*, is_killed: bool = False) -> int:
        async def work(tx: Tx, locations: list[UUID]) -> int:
            done = await queue_waiting(tx, locations, chunk=2)
            if is_killed:
                raise ConnectionResetError
            return done

        return await process_due(QUEUE, 100, work)

    async def queued() -> int:
        return len(await rows(world, "SELECT FROM task_change"))

    await keep(world, mail_hours=EVERY_DAY)
    assert (await step(), await queued()) == (1, 2)
    with pytest.raises(ConnectionResetError):
        await step(is_killed=True)
    assert await queued() == 2
    assert (await step(), await queued()) == (1, 4)
    await change(world, "DELETE FROM task_change")
    await keep(world, mail_hours=WEEKDAYS)
    while await step():
        pass
    assert await queued() == 5
    await plan_all()
    assert await rows(world, "SELECT FROM place_change") == []


async def test_13_who_plans_while_a_place_changes_is_planned_again(post: Post) -> None:
    """It has read the zone of before, and what it makes is seen by nobody yet."""
    world = post.world
    await post.owner.set_clock(local("2027-06-23T10:00"))
    await active(world, delay="00:12:00")
    await keep(world, mail_hours=EVERY_DAY)
    there, moment = await world.location(zone=MONTREAL), local("2027-06-23T10:00")
    await plan_all()
    task = await world.task(location=there)
    await happened(world, task, "600", moment)
    async with tx(world.account) as planner:
        assert await plan(planner, [task]) == 1
        await asyncio.create_task(put_again(world, there), context=Context())
        following = asyncio.create_task(plan_all(), context=Context())
        await post.owner.until_waiting(1)
    await following
    found = await only_invitation(world, task)
    assert found["release"] == local("2027-06-24T08:00", PARIS)


async def test_tasks_of_several_places_are_locked_by_their_ids(post: Post, locks: Heard) -> None:
    """As those of a push are, which has the first of them and wants the other, too."""
    world = post.world
    await active(world, delay="00:12:00")
    places = [await world.location(zone=MONTREAL) for _ in range(2)]
    first, second = [await post.visit(location=place) for place in reversed(places)]
    for place in places:
        await put_again(world, place)
    async with tx(world.account) as push:
        await push.fetch(_LOCKED, [first])
        following = asyncio.create_task(
            run(world.account, lambda tx: queue_waiting(tx, places)), context=Context()
        )
        await post.owner.until_waiting(1)
        await push.fetch(_LOCKED, [second])
    assert await following == 2
    assert locks.deadlocks == []


async def asked_about(post: Post, customer: UUID, visit: datetime) -> tuple[UUID, datetime | None]:
    """A visit of a customer, and when its survey went: a worker comes whenever it may go."""
    await post.owner.set_clock(visit)
    task = await post.finished(customer=customer, moment=visit)
    while (entry := await post.entry(task)) is not None:
        await post.owner.set_clock(entry["not_before"])
        await post.deliver_all()
    return task, (await only_invitation(post.world, task))["sent_at"]


async def test_18_a_mail_that_a_holiday_moved_counts_from_when_it_was_ready(post: Post) -> None:
    """PRODUCT 18 and DATA 2: ten minutes after the visit, and seven days from then on."""
    await post.owner.set_clock(local("2027-06-20T10:00"))
    await active(post.world, delay="00:00:10", mute="07:00:00")
    await keep(post.world, mail_hours=WEEKDAYS, region="CA-QC")
    customer = await post.world.customer(email="marie@example.net")
    _, sent = await asked_about(post, customer, local("2027-07-01T10:00"))
    assert sent is not None
    assert sent - local("2027-07-02T08:00") < MINUTE
    [use] = await rows(post.world, "SELECT confirmed, counted_from FROM contact_use")
    assert tuple(use) == (True, local("2027-07-01T10:10"))

    too_soon, sent = await asked_about(post, customer, local("2027-07-08T09:59"))
    assert (sent, await post.status(too_soon)) == (None, ("dropped", "muted"))
    _, sent = await asked_about(post, customer, local("2027-07-08T10:00"))
    assert sent is not None


async def test_18_weekly_visits_are_asked_about_all_year(post: Post) -> None:
    """PRODUCT 18: a 7-day mute, spring's change, and two holidays on the day of the visits."""
    zone = ZoneInfo(MONTREAL)
    thursdays = [datetime(2026, 12, 3, 10, tzinfo=zone) + week * 7 * DAY for week in range(53)]
    await post.owner.set_clock(thursdays[0].astimezone(UTC) - DAY)
    await active(post.world, delay="00:00:10", mute="07:00:00")
    closed = [ClosedDay(date(2026, 12, 31), "Veille")]
    await keep(post.world, mail_hours=WEEKDAYS, region="CA-ON", closed=closed)
    customer = await post.world.customer(email="chaque.jeudi@example.net")

    sent = {}
    for visit in thursdays:
        _, at = await asked_about(post, customer, visit.astimezone(UTC))
        assert at is not None
        sent[visit.date()] = at.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)

    moved = {date(2026, 12, 31): "2027-01-04T08:00", date(2027, 7, 1): "2027-07-02T08:00"}
    assert sent == {
        visit.date(): datetime.fromisoformat(moved.get(visit.date(), f"{visit:%Y-%m-%dT10:10}"))
        for visit in thursdays
    }
    assert len(post.server.mails) == len(thursdays)


async def test_w7_a_delay_counts_working_hours_of_the_place(post: Post) -> None:
    """PRODUCT W7: four hours from Friday 15:00, of days from 9 to 17 and without the holiday."""
    await post.owner.set_clock(local("2027-05-20T10:00", VANCOUVER))
    await active(post.world, delay="00:04:00", delay_in="working")
    await keep(post.world, region="CA-BC")
    task = await finished(post, "2027-05-21T15:00", VANCOUVER)
    assert await is_sent_from(post, task, local("2027-05-25T11:00", VANCOUVER))


async def test_w7_without_a_calendar_offices_work_from_nine_to_five(post: Post) -> None:
    await post.owner.set_clock(local("2027-05-20T10:00"))
    await active(post.world, delay="00:04:00", delay_in="working")
    task = await finished(post, "2027-05-21T15:00")
    assert await is_sent_from(post, task, local("2027-05-24T11:00"))


async def test_21_a_delay_is_counted_as_the_version_of_its_invitation_says(post: Post) -> None:
    await post.owner.set_clock(local("2027-05-20T10:00"))
    campaign = await active(post.world, delay="00:04:00", delay_in="working")
    task = await finished(post, "2027-05-21T15:00")
    async with tx(post.world.account) as opened:
        await edit_campaign(opened, campaign, "A", definition(post.world))
    await post.moved(task, "610")
    assert await is_sent_from(post, task, local("2027-05-24T11:00"))


async def test_who_sets_nothing_pays_nothing(post: Post) -> None:
    await active(post.world)
    async with tx(post.world.account) as opened:
        found = await load(opened)
    assert (found.needs_places, found.places.account) == (False, None)


async def test_what_is_saved_is_read_and_told_in_the_audit_log(world: World) -> None:
    await keep(world, region="CA-QC")
    await keep(world, region="CA-QC")
    await keep(world, region="FR", mail_hours=WEEKDAYS)
    async with tx(world.account) as opened:
        found = await read_calendar(opened)
        changes = await audit.read(opened, 10, about=f"calendar/{locator(world.account)}")
    assert found == AccountCalendar(region="FR", mail_hours=WEEKDAYS)
    assert [entry.action for entry in changes] == ["calendar.write"] * 2
    assert (changes[0].before or {})["region"] == "CA-QC"
    assert (changes[0].after or {})["region"] == "FR"


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"mail_hours": WeekHours()}, ["mail_hours"]),
        ({"working_hours": WeekHours()}, ["working_hours"]),
        ({"mail_hours": WeekHours(["20:00-08:00"])}, ["mail_hours.monday"]),
        ({"mail_hours": WeekHours(["08:00-08:00"])}, ["mail_hours.monday"]),
        (
            {"working_hours": WeekHours(sunday=["08:00-12:00", "11:00-13:00"])},
            ["working_hours.sunday"],
        ),
        ({"not_observed": ["Canada Day", "Some Day"]}, ["not_observed.1"]),
        (
            {"closed": [ClosedDay(date(2027, 1, 2), "A"), ClosedDay(date(2027, 1, 2), "B")]},
            ["closed.1.date"],
        ),
        (
            {"mail_hours": WeekHours(), "working_hours": WeekHours(["12:00-11:00"])},
            ["mail_hours", "working_hours.monday"],
        ),
    ],
)
async def test_what_would_never_open_or_says_two_things_is_not_saved(
    world: World, said: dict[str, Any], fields: list[str]
) -> None:
    with pytest.raises(ItemsError) as raised:
        await keep(world, **said)
    assert [error.field for error in raised.value.errors] == fields
    async with tx(world.account) as opened:
        assert await read_calendar(opened) is None


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_has_its_holidays_by_name(region: str) -> None:
    """PRODUCT W3: every Canadian province and territory, France with Alsace and Moselle."""
    for year in range(2024, 2036):
        french, english = (holidays_of(region, year, locale) for locale in ("fr_CA", "en_CA"))
        assert [(day.date, day.key) for day in french] == [(day.date, day.key) for day in english]
        assert len({day.date for day in french}) >= 6
        assert not any("'" in day.name for day in french + english)
        assert {day.name for day in french} != {day.name for day in english}
    assert holidays_of(region, 9998, "fr") == ()


def test_the_holidays_to_come_are_those_of_a_year() -> None:
    found = coming("CA-QC", date(2027, 7, 1), "fr_CA")
    assert [found[0].name, found[-1].name] == ["Fête du Canada", "Fête nationale du Québec"]
    assert found[-1].date == date(2028, 6, 24)
    english = coming("FR-6AE", date(2027, 3, 20), "en_CA")
    assert [day.name for day in english[:2]] == ["Good Friday", "Easter Monday"]
    assert {day.name for day in coming("FR", date(2027, 3, 20), "en_CA")} == {
        day.name for day in english
    } - {"Good Friday", "Saint Stephen\u2019s Day"}
