"""Reminders (W5): who has not answered is asked once more, at the right time, and not for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from mail import contacts
from mail.campaigns.account_switch import pause_sending, resume_sending
from mail.campaigns.calendar import AccountCalendar, ClosedDay, save_calendar
from mail.campaigns.lifecycle import archive_campaign, pause_campaign, resume_campaign
from mail.campaigns.store import edit_campaign
from mail.consent import standing
from mail.delivery.cancel import cancel
from mail.delivery.claim import claim
from mail.delivery.held import held, let_go
from mail.delivery.send_again import Order, UnderWayError, send_again
from mail.delivery.stages import Leased
from mail.responses.answers import open_survey, submit
from mail.responses.submission import Submission
from mail.responses.subscriptions import unsubscribe
from mail.sending.progress import ProgressWriter
from rules.campaign import AddressField
from sync import tokens
from sync.database import run, tx
from sync.ids import new_id
from sync.restore import record_restore
from tests.mail.campaigns import active, change, definition, only_invitation, rows
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post
from tests.support.lock_order import Heard

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS: Final = "marie@example.net"
OTHER: Final = "bureau@example.net"
#: A Monday, with no change of clocks in the month after it.
START: Final = datetime.fromisoformat("2027-01-04T10:00-05:00")
#: How the survey's links begin in a mail.
SURVEY: Final = "https://retour.test/s/"

Act = Callable[[Post, UUID], Awaitable[object]]


async def asked(post: Post, *, reminders: int = 1, days: int = 7, **said: Any) -> UUID:
    """A task whose survey was sent at `START`, by a campaign that reminds."""
    await post.owner.set_clock(START)
    campaign = {"reminders": reminders, "reminder_days": days, **said}
    await active(post.world, **campaign)
    return await visited(post)


async def visited(post: Post, address: str = ADDRESS) -> UUID:
    """A task that ended just now, whose survey was sent; its contact has another address."""
    task = await post.visit(address, contact_email=OTHER)
    await post.deliver_all()
    return task


async def at(post: Post, span: timedelta) -> None:
    """Deliver what is due so long after `START`."""
    await post.owner.set_clock(START + span)
    await post.deliver_all()


def link(post: Post, mail: int = -1) -> str:
    """The token of a mail's survey."""
    return post.server.mails[mail].text().partition(SURVEY)[2][:51]


def leaving_link(post: Post, mail: int = -1) -> str:
    found = str(post.server.mails[mail].parsed["List-Unsubscribe"])
    return found.removeprefix("<https://retour.test/u/").removesuffix(">")


async def used(post: Post, task: UUID) -> int:
    return int((await only_invitation(post.world, task))["reminders_used"])


async def test_a_survey_that_is_not_answered_is_asked_about_again_so_often(post: Post) -> None:
    """Point 15 and 19: each so many days after the mail before; the survey stays as it was."""
    task = await asked(post, reminders=2)
    before = await only_invitation(post.world, task)
    uses = await rows(post.world, "SELECT * FROM contact_use")
    for days, mails in ((6.9, 1), (7.1, 2), (14, 2), (14.2, 3), (27.9, 3)):
        await at(post, days * DAY)
        assert len(post.server.to(ADDRESS)) == mails
    after = await only_invitation(post.world, task)
    names = ("status", "sent_at", "deadline", "release", "address", "message_id")
    assert [after[name] for name in names] == [before[name] for name in names]
    assert after["reminders_used"] == 2
    assert await rows(post.world, "SELECT * FROM contact_use") == uses
    assert await post.events(task) == ["sent", "reminded", "reminded"]
    assert await post.entry(task) is None


async def test_it_says_that_it_is_one_and_has_links_of_its_own(post: Post) -> None:
    task = await asked(post, reminders=2)
    await at(post, 8 * DAY)
    await at(post, 16 * DAY)
    first, *reminders = post.server.to(ADDRESS)
    assert "In-Reply-To" not in first.parsed
    ids = {mail.parsed["Message-ID"] for mail in post.server.mails}
    for mail in reminders:
        assert mail.parsed["In-Reply-To"] == first.parsed["Message-ID"]
        assert mail.parsed["References"] == first.parsed["Message-ID"]
        assert mail.parsed["Subject"] == "Rappel\u00a0: Votre avis"
        line = "Ceci est un rappel\u00a0: nous vous avons envoyé ce sondage le lundi"
        for kind in ("plain", "html"):
            assert f"{line} 4\u00a0janvier\u00a02027." in mail.text(kind)
    surveys = [await open_survey(link(post, number)) for number in range(3)]
    assert (len(ids), len({link(post, number) for number in range(3)})) == (3, 3)
    assert all(survey == surveys[0] is not None for survey in surveys)
    assert await post.entry(task) is None


async def test_an_answer_by_whichever_link_is_one_answer(post: Post) -> None:
    task = await asked(post)
    await at(post, 8 * DAY)
    for number, rating in ((1, 2), (0, 5)):
        await submit(link(post, number), Submission(rating=rating))
    found = await rows(post.world, "SELECT invitation, lead_value, versions FROM answer")
    invitation = await only_invitation(post.world, task)
    assert [tuple(row) for row in found] == [(invitation["id"], 5, 2)]
    assert (await rows(post.world, "SELECT count(*) FROM invitation"))[0]["count"] == 1


async def test_no_secret_of_a_link_waits_in_the_queue(post: Post) -> None:
    task = await asked(post)
    entry = await post.entry(task)
    assert entry is not None
    assert (entry["survey_token"], entry["purpose"]) == (None, "reminder")
    assert (await rows(post.world, "SELECT count(*) FROM link"))[0]["count"] == 1


@pytest.mark.parametrize("said", [{}, {"reminders": 3, "reminder_days": 2}])
async def test_the_pinned_version_says_whether_it_reminds(post: Post, said: dict[str, Any]) -> None:
    await post.owner.set_clock(START)
    campaign = await active(post.world, delay="01:00:00", **said)
    task = await post.visit(ADDRESS)
    async with tx(post.world.account) as opened:
        other = definition(post.world, reminders=1, reminder_days=5)
        await edit_campaign(opened, campaign, "Autre", other)
    await at(post, DAY + HOUR)
    entry = await post.entry(task)
    if not said:
        assert entry is None
        return
    assert entry is not None
    sent_at = (await only_invitation(post.world, task))["sent_at"]
    assert entry["release"] - sent_at == 2 * DAY


# What ends one at once.


async def answered(post: Post, _: UUID) -> None:
    await submit(link(post), Submission(rating=4))


async def not_theirs(post: Post, _: UUID) -> None:
    await submit(link(post), Submission(rating=None, not_me=True))


async def call_wanted(post: Post, _: UUID) -> None:
    said = Submission(rating=1, call_back=True, phone="514 555-0142")
    await submit(link(post), said)


async def left_all(post: Post, _: UUID) -> None:
    await unsubscribe(leaving_link(post))


async def left_campaign(post: Post, _: UUID) -> None:
    await unsubscribe(leaving_link(post), "campaign")


ENDS: Final[dict[Act, str]] = {
    answered: "answered",
    not_theirs: "answered",
    call_wanted: "answered",
    left_all: "suppressed",
    left_campaign: "suppressed",
}


async def waits(post: Post) -> None:
    """It is not due."""


async def is_claimed(post: Post) -> Leased:
    """A worker has it."""
    await post.owner.set_clock(START + 8 * DAY)
    [job] = (await claim(post.config, post.world.account, 10)).jobs
    return job


async def is_held(post: Post) -> None:
    """The database was restored after it was due."""
    await post.owner.set_clock(START + 8 * DAY)
    await run(post.world.account, record_restore)
    await at(post, 9 * DAY)
    [entry] = await rows(post.world, "SELECT phase FROM outbox")
    assert entry["phase"] == "held"


@pytest.mark.parametrize("stage", [waits, is_claimed, is_held])
@pytest.mark.parametrize("act", ENDS)
async def test_who_answers_or_leaves_is_not_reminded(
    post: Post, act: Act, stage: Callable[[Post], Awaitable[Leased | None]]
) -> None:
    """It leaves the queue at once, also where a worker has it, and the timeline says why."""
    task = await asked(post)
    job = await stage(post)
    await act(post, task)
    assert await post.entry(task) is None
    if job is not None:
        assert not await ProgressWriter().mark_content(job)
    assert await post.status(task) == ("sent", None)
    told = await rows(
        post.world, "SELECT detail, address FROM mail_event WHERE kind = 'reminder_dropped'"
    )
    assert [tuple(row) for row in told] == [(ENDS[act], ADDRESS)]
    await at(post, 10 * DAY)
    assert len(post.server.mails) == 1


async def test_who_leaves_ends_no_other_s_and_no_other_campaign_s(post: Post) -> None:
    task = await asked(post)
    others = [await visited(post, "paul@example.net")]
    await active(post.world, reminders=1)
    second = await visited(post)
    await left_campaign(post, second)
    waiting = {row["invitation"] for row in await rows(post.world, "SELECT invitation FROM outbox")}
    kept = {(await only_invitation(post.world, one))["id"] for one in (task, *others)}
    assert kept <= waiting


async def test_one_survey_a_quarter_may_be_reminded_of(post: Post) -> None:
    """Mute, cap and quarter are about surveys, and this is the same one."""
    task = await asked(post, mute="30:00:00")
    await unsubscribe(leaving_link(post), "quarter")
    await at(post, 8 * DAY)
    assert await post.events(task) == ["sent", "quarterly", "reminded"]


async def test_an_answer_while_a_worker_claims_waits_for_it_and_ends_it(
    post: Post, locks: Heard
) -> None:
    task = await asked(post)
    await post.owner.set_clock(START + 8 * DAY)
    async with post.owner.connection.transaction():
        await post.owner.connection.execute("LOCK TABLE link IN SHARE MODE")
        claiming = asyncio.ensure_future(claim(post.config, post.world.account, 10))
        await post.owner.until_waiting(1)
        answering = asyncio.create_task(answered(post, task), context=Context())
        await post.owner.until_waiting(2)
    [job] = (await claiming).jobs
    await answering
    assert not await ProgressWriter().mark_content(job)
    assert await post.entry(task) is None
    assert locks.deadlocks == []


async def test_a_worker_that_claims_while_somebody_answers_leaves_it_alone(post: Post) -> None:
    task = await asked(post)
    await post.owner.set_clock(START + 8 * DAY)
    async with post.owner.connection.transaction():
        await post.owner.connection.execute("LOCK TABLE answer_value IN SHARE MODE")
        answering = asyncio.create_task(answered(post, task), context=Context())
        await post.owner.until_waiting(1)
        assert (await claim(post.config, post.world.account, 10)).jobs == []
    await answering
    await post.deliver_all()
    assert (await post.entry(task), len(post.server.mails)) == (None, 1)


async def test_an_answer_while_the_mail_before_is_recorded_ends_it_at_its_claim(
    post: Post,
) -> None:
    """Neither of the two transactions sees the other: the claim does."""
    task = await asked(post, reminders=2)
    job = await is_claimed(post)
    progress = ProgressWriter()
    assert await progress.mark_content(job)
    async with post.owner.connection.transaction():
        await post.owner.connection.execute("LOCK TABLE answer_value IN SHARE MODE")
        answering = asyncio.create_task(answered(post, task), context=Context())
        await post.owner.until_waiting(1)
        progress.add_sent(job)
        await progress.flush(30)
    await answering
    assert await post.entry(task) is not None
    await at(post, 16 * DAY)
    assert await post.events(task) == ["sent", "reminded", "reminder_dropped"]
    assert (await post.entry(task), len(post.server.mails)) == (None, 1)


# What is judged when it is claimed.


async def suppressed(post: Post, why: contacts.Suppression) -> None:
    async with tx(post.world.account) as opened:
        known = await contacts.lock(opened, {ADDRESS})
        await contacts.suppress(opened, known[ADDRESS].id, why)


async def bounced(post: Post, _: UUID) -> None:
    await suppressed(post, "bounced")


async def complained(post: Post, _: UUID) -> None:
    await suppressed(post, "complaint")


async def left_before(post: Post, task: UUID) -> None:
    found = await only_invitation(post.world, task)
    async with tx(post.world.account) as opened:
        known = await contacts.lock(opened, {ADDRESS})
        await standing.leave_campaign(opened, known[ADDRESS].id, found["campaign"])


async def became_internal(post: Post, _: UUID) -> None:
    await change(post.world, "UPDATE sender_identity SET domains = '{example.net}'")
    await change(post.world, "UPDATE campaign_set SET revision = revision + 1")


async def archived(post: Post, task: UUID) -> None:
    found = await only_invitation(post.world, task)
    async with tx(post.world.account) as opened:
        await archive_campaign(opened, found["campaign"])


async def paused_too_long(post: Post, task: UUID) -> None:
    found = await only_invitation(post.world, task)
    for span, work in ((6 * DAY, pause_campaign), (14.5 * DAY, resume_campaign)):
        await at(post, span)
        async with tx(post.world.account) as opened:
            await work(opened, found["campaign"])


async def stopped_past_the_deadline(post: Post, _: UUID) -> None:
    await at(post, 6 * DAY)
    async with tx(post.world.account) as opened:
        await pause_sending(opened, None, "Congé")
    await at(post, 11 * DAY)
    async with tx(post.world.account) as opened:
        await resume_sending(opened)


@pytest.mark.parametrize(
    ("act", "said", "reason"),
    [
        (bounced, {}, "suppressed"),
        (complained, {}, "suppressed"),
        (left_before, {}, "suppressed"),
        (became_internal, {}, "internal"),
        (archived, {}, "paused"),
        (paused_too_long, {}, "paused"),
        (stopped_past_the_deadline, {"deadline_days": 10}, "deadline"),
    ],
)
async def test_it_is_judged_again_when_it_is_due(
    post: Post, act: Act, said: dict[str, Any], reason: str
) -> None:
    """It ends, the survey stays sent, and the timeline says why."""
    task = await asked(post, **said)
    await act(post, task)
    await at(post, 15 * DAY)
    assert (await post.entry(task), len(post.server.mails)) == (None, 1)
    assert (await post.status(task), await used(post, task)) == (("sent", None), 0)
    [told] = await rows(post.world, "SELECT detail, address FROM mail_event WHERE kind <> 'sent'")
    assert tuple(told) == (reason, ADDRESS)


async def test_what_becomes_of_the_task_does_not_matter(post: Post) -> None:
    task = await asked(post)
    await post.owner.set_clock(START + DAY)
    await post.moved(task, "900", START + DAY)
    await at(post, 8 * DAY)
    assert await post.events(task) == ["sent", "reminded"]


# Its time.


async def closed_on(post: Post, *days: int) -> None:
    """The account is closed on these days of January 2027."""
    async with tx(post.world.account) as opened:
        named = [ClosedDay(date(2027, 1, day), "Fermé") for day in days]
        await save_calendar(opened, AccountCalendar(closed=named))


@pytest.mark.parametrize("before", [True, False])
async def test_a_closed_day_moves_it(post: Post, before: bool) -> None:
    """W5: quiet hours hold; also those that are written after it was queued."""
    await post.owner.set_clock(START)
    if before:
        await closed_on(post, 11, 12)
    task = await asked(post)
    release = (await only_invitation(post.world, task))["release"]
    await closed_on(post, 11, 12)
    opens = datetime.fromisoformat("2027-01-13T00:00-05:00")
    await at(post, opens - START - MINUTE)
    entry = await post.entry(task)
    assert entry is not None
    assert (entry["release"], entry["not_before"], entry["phase"]) == (opens, opens, "waiting")
    assert (await only_invitation(post.world, task))["release"] == release
    await at(post, opens - START)
    assert await post.events(task) == ["sent", "reminded"]


@pytest.mark.parametrize("before", [True, False])
async def test_15_one_that_would_be_moved_past_the_deadline_is_dropped(
    post: Post, before: bool
) -> None:
    await post.owner.set_clock(START)
    if before:
        await closed_on(post, 11, 12)
    task = await asked(post, deadline_days=8)
    await closed_on(post, 11, 12)
    await at(post, 7 * DAY + MINUTE)
    told = ["sent"] if before else ["sent", "reminder_dropped"]
    assert (await post.events(task), await post.entry(task)) == (told, None)
    await at(post, 10 * DAY)
    assert len(post.server.mails) == 1


# Windows.


async def crowded(post: Post, span: timedelta) -> None:
    """Four workers deliver at once what is due so long after `START`."""
    await post.owner.set_clock(START + span)
    await asyncio.gather(*(post.deliver_all() for _ in range(4)))


async def test_19_it_neither_starts_nor_extends_a_window(post: Post) -> None:
    """Reminder and resend inside the window; the next visit is asked when the first's is over."""
    await post.owner.set_clock(START)
    await active(post.world, mute="07:00:00", reminders=1, reminder_days=5)
    addresses = [f"client{number}@example.net" for number in range(6)]
    firsts = [await post.visit(address) for address in addresses]
    await crowded(post, MINUTE)
    await post.owner.set_clock(START + DAY)
    for task in firsts[::2]:
        await again(post, task, deliver=False)
    await crowded(post, DAY + MINUTE)
    await post.owner.set_clock(START + 4 * DAY)
    muted = [await post.visit(address) for address in addresses]
    await crowded(post, 6.1 * DAY)
    await crowded(post, 7 * DAY + MINUTE)
    lasts = [await post.visit(address) for address in addresses]
    await crowded(post, 7 * DAY + 2 * MINUTE)
    for place, address in enumerate(addresses):
        resent = ["resend_requested", "reminder_dropped", "resent"] if place % 2 == 0 else []
        assert await post.events(firsts[place]) == ["sent", *resent, "reminded"]
        assert await post.status(muted[place]) == ("dropped", "muted")
        assert await post.events(lasts[place]) == ["sent"]
        assert len(post.server.to(address)) == 3 + bool(resent)


async def test_19_waived_limits_do_not_make_it_count(post: Post) -> None:
    """One that was sent by hand, with limits waived, is reminded of beside another visit."""
    task = await asked(post, mute="07:00:00")
    await change(post.world, "UPDATE invitation SET manual = true, limits_waived = true")
    await post.owner.set_clock(START + 7 * DAY + MINUTE)
    second = await post.visit(ADDRESS)
    await post.deliver_all()
    assert (await post.events(task))[-1] == "reminded"
    assert await post.status(second) == ("sent", None)


# Resends and cancelling.


async def again(post: Post, task: UUID, *, deliver: bool = True, **order: Any) -> None:
    """The office has the survey sent again."""
    found = await only_invitation(post.world, task)
    async with tx(post.world.account) as opened:
        given = Order(**{"id": new_id(), "by": None, "reason": "Perdu", **order})
        await send_again(opened, post.config.mail_from, found["id"], given)
    if deliver:
        await post.deliver_all()


@pytest.mark.parametrize("stage", [waits, is_claimed, is_held])
async def test_a_resend_takes_its_place_and_the_next_counts_from_it(
    post: Post, stage: Callable[[Post], Awaitable[Leased | None]]
) -> None:
    """To the address that the resend had; and a worker that holds the reminder holds nothing."""
    task = await asked(post)
    job = await stage(post)
    await again(post, task, deliver=False, field=AddressField.CONTACT)
    if job is not None:
        await claim(post.config, post.world.account, 10)
        assert not await ProgressWriter().mark_content(job)
        await post.owner.set_clock(START + 8 * DAY + HOUR)
    await post.deliver_all()
    told = await rows(
        post.world, "SELECT detail, address FROM mail_event WHERE kind = 'reminder_dropped'"
    )
    assert [tuple(row) for row in told] == [("resend_requested", ADDRESS)]
    entry = await post.entry(task)
    assert entry is not None
    [resent] = await rows(post.world, "SELECT happened_at FROM mail_event WHERE kind = 'resent'")
    assert (entry["purpose"], entry["own_typed_address"]) == ("reminder", OTHER)
    assert entry["release"] - resent["happened_at"] == 7 * DAY
    await post.owner.set_clock(entry["release"])
    await post.deliver_all()
    assert [len(post.server.to(one)) for one in (ADDRESS, OTHER)] == [1, 2]
    reminder = post.server.to(OTHER)[-1]
    assert "In-Reply-To" not in reminder.parsed  # the first mail went elsewhere
    assert "Ceci est un rappel\u00a0: un sondage attend votre réponse." in reminder.text()
    await unsubscribe(leaving_link(post))
    assert await post.suppressed() == {OTHER: "unsubscribed"}


async def test_one_that_is_cancelled_is_the_last(post: Post) -> None:
    """Also after a resend."""
    task = await asked(post, reminders=3)
    found = await only_invitation(post.world, task)
    async with tx(post.world.account) as opened:
        await cancel(opened, found["id"], post.world.dispatcher, "Client rencontré")
    assert (await post.status(task), await post.entry(task)) == (("sent", None), None)
    await again(post, task)
    assert await post.entry(task) is None
    await at(post, 27 * DAY)
    assert await post.events(task) == ["sent", "cancelled", "resend_requested", "resent"]


# Failures.


@pytest.mark.parametrize(
    ("reply", "event"), [("450 4.2.0 later", "expired"), ("550 5.1.1 no such user", "failed")]
)
async def test_none_follows_one_that_no_server_accepted(post: Post, reply: str, event: str) -> None:
    """A hard bounce suppresses the address; the survey stays sent."""
    task = await asked(post, reminders=3, days=4)
    post.server.refused[ADDRESS] = reply
    for days in (4.1, 7, 12):
        await at(post, days * DAY)
    assert (await post.events(task))[-1] == event
    assert (await post.status(task), await post.entry(task)) == (("sent", None), None)
    assert await post.suppressed() == ({ADDRESS: "bounced"} if event == "failed" else {})
    assert await used(post, task) == 0


async def test_one_that_was_put_off_goes_later(post: Post) -> None:
    task = await asked(post)
    post.server.next("RCPT", "450 4.2.0 later")
    await at(post, 7.1 * DAY)
    await at(post, 7.2 * DAY)
    assert await post.events(task) == ["sent", "deferred", "reminded"]


async def test_a_breaker_keeps_them_and_all_go_once_it_is_closed(post: Post) -> None:
    await post.owner.set_clock(START)
    await active(post.world, reminders=1)
    await post.visits(6)
    await post.deliver_all()
    post.server.always["RCPT"] = "550 5.7.1 your domain is not welcome"
    await at(post, 7.1 * DAY)
    assert await rows(post.world, "SELECT FROM sender_breaker WHERE opened_at IS NOT NULL")
    post.server.always["RCPT"] = "250 2.1.5 ok"
    await at(post, 9 * DAY)
    await at(post, 9 * DAY + MINUTE)
    assert len(post.server.mails) == 12
    told = await rows(post.world, "SELECT count(*) FROM mail_event WHERE kind = 'reminded'")
    assert told[0]["count"] == 6


async def test_a_resend_that_meets_the_record_of_the_mail_before_is_told_so(post: Post) -> None:
    """The reminder is queued while the resend waits for the invitation."""
    task = await asked(post, reminders=2)
    job = await is_claimed(post)
    progress = ProgressWriter()
    assert await progress.mark_content(job)
    async with post.owner.connection.transaction():
        await post.owner.connection.execute("LOCK TABLE answer IN ACCESS EXCLUSIVE MODE")
        progress.add_sent(job)
        flushing = asyncio.create_task(progress.flush(30), context=Context())
        await post.owner.until_waiting(1)
        asking = asyncio.create_task(again(post, task), context=Context())
        await post.owner.until_waiting(2)
    await flushing
    with pytest.raises(UnderWayError):
        await asking
    await again(post, task)
    asked_again = ["resend_requested", "reminder_dropped", "resent"]
    assert await post.events(task) == ["sent", "reminded", *asked_again]


async def test_a_crash_before_the_content_costs_nothing(post: Post) -> None:
    task = await asked(post)
    await is_claimed(post)
    await at(post, 8 * DAY + HOUR)
    assert await post.events(task) == ["sent", "reminded"]
    assert len(post.server.to(ADDRESS)) == 2


async def test_one_in_doubt_is_not_sent_twice_and_counts(post: Post) -> None:
    """After the content began it may have been taken; the account would hold a first mail then."""
    await post.owner.set_clock(START)
    await change(post.world, "UPDATE account SET after_crash = 'hold'")
    task = await asked(post)
    assert await ProgressWriter().mark_content(await is_claimed(post))
    await at(post, 9 * DAY)
    assert (await post.events(task), await used(post, task)) == (["sent", "uncertain"], 1)
    assert (await post.status(task), await post.entry(task)) == (("sent", None), None)
    await again(post, task)
    assert await post.entry(task) is None


@pytest.mark.parametrize(("restored", "is_held"), [(3 * DAY, False), (8 * DAY, True)])
async def test_after_a_restore_one_that_may_have_been_sent_waits_for_a_word(
    post: Post, restored: timedelta, is_held: bool
) -> None:
    """One whose time came after the restore cannot have been."""
    task = await asked(post)
    await post.owner.set_clock(START + restored)
    await run(post.world.account, record_restore)
    await at(post, 9 * DAY)
    assert len(post.server.mails) == (1 if is_held else 2)
    async with tx(post.world.account) as opened:
        await let_go(opened, await held(opened))
    await at(post, 9 * DAY + SECOND)
    told = ["held_restored", "let_go"] if is_held else []
    assert await post.events(task) == ["sent", *told, "reminded"]


async def test_a_link_of_one_unsubscribes_and_opens_the_survey(post: Post) -> None:
    """To the first mail's address it is the same person, whose phone number is known."""
    await asked(post)
    await change(post.world, "UPDATE customer SET phone = '514 555-0142' WHERE email = $1", ADDRESS)
    await at(post, 8 * DAY)
    survey = await open_survey(link(post))
    assert survey is not None
    assert survey.phone == "514 555-0142"
    left = await unsubscribe(leaving_link(post))
    assert left is not None
    assert (left.address, left.ended) == (ADDRESS, True)
    assert tokens.read(leaving_link(post)) is not None
