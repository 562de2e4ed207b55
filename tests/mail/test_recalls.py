"""A decision is not outlived by its effect: the last word before the content is who says no.

Each race is forced: one connection is held between two statements while the other goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from mail.campaigns.account_switch import pause_sending
from mail.campaigns.calendar import AccountCalendar, ClosedDay, save_calendar
from mail.campaigns.lifecycle import archive_campaign, pause_campaign, resume_campaign
from mail.consent import suppressions
from mail.delivery.claim import claim
from mail.delivery.retry import record
from mail.delivery.send_again import Order, send_again
from mail.delivery.stages import Leased
from mail.responses.subscriptions import unsubscribe
from mail.sending.progress import ProgressWriter
from mail.sending.run import Pool
from mail.sending.session import Session, letter_of
from mail.smtp.replies import Phase, SendError
from sync.database import run, tx
from sync.ids import new_id
from tests.mail.campaigns import active, only_invitation, plan_all, rows, time_of
from tests.mail.delivering import DAY, MINUTE, Post
from tests.support.lock_order import Heard

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ADDRESS = "marie@example.net"
DEEDS = ("unsubscribe", "suppress", "pause", "archive", "switch off")
#: What became of the mail, and why, once the deed was done.
OUTCOMES = {
    "unsubscribe": ("dropped", "suppressed"),
    "suppress": ("dropped", "suppressed"),
    "pause": ("claimed", None),
    "archive": ("dropped", "paused"),
    "switch off": ("claimed", None),
}


class Scene:
    """A customer who has had one mail and is about to have another."""

    def __init__(self, post: Post, campaign: UUID, token: str, task: UUID) -> None:
        self.post, self.campaign, self.token, self.task = post, campaign, token, task

    async def claim(self) -> list[Leased]:
        """As a worker that then sends."""
        return (await claim(self.post.config, self.post.world.account, 100)).jobs

    async def do(self, deed: str) -> None:
        """Have it done by somebody else."""
        if deed == "unsubscribe":
            assert await unsubscribe(self.token) is not None
            return
        act = {"pause": pause_campaign, "archive": archive_campaign}.get(deed)
        async with tx(self.post.world.account) as opened:
            if deed == "suppress":
                await suppressions.add(opened, ADDRESS, "bounced")
                return
            if act is None:
                await pause_sending(opened, None, "Rappel de produit")
                return
            await act(opened, self.campaign)

    async def send(self, jobs: list[Leased]) -> None:
        """What that worker has claimed."""
        config = self.post.config
        session = Session(config, ProgressWriter())
        for job in jobs:
            await session.send(letter_of(config, job), None)
        await session.close()
        await self.post.server.ended()

    async def ends_as(self, outcome: tuple[str, str | None]) -> None:
        """Nothing more leaves, and this is what the invitation says."""
        await self.post.deliver_all()
        assert await self.post.status(self.task) == outcome
        assert len(self.post.server.to(ADDRESS)) == 1


@pytest.fixture
async def scene(post: Post) -> Scene:
    """Without mute, so that only the deed stands between the customer and the second mail."""
    campaign = await active(post.world)
    await post.visit(ADDRESS)
    await post.deliver_all()
    link = str(post.server.mails[0].parsed["List-Unsubscribe"])
    token = link.removeprefix("<https://retour.test/u/").removesuffix(">")
    return Scene(post, campaign, token, await post.visit(ADDRESS))


@asynccontextmanager
async def stopped(post: Post, table: str) -> AsyncIterator[None]:
    """Whoever writes to `table` waits."""
    async with post.owner.connection.transaction():
        await post.owner.connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield


async def waits(post: Post, work: Awaitable[object], sessions: int = 1) -> "asyncio.Future[object]":
    """`work`, once it and what was begun before wait for a lock in so many sessions."""
    begun = asyncio.ensure_future(work)
    await post.owner.until_waiting(sessions)
    return begun


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_is_claimed_does_not_leave_once_somebody_said_no(
    scene: Scene, deed: str
) -> None:
    jobs = await scene.claim()
    await scene.do(deed)
    await scene.send(jobs)
    await scene.ends_as(OUTCOMES[deed])


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_claim_under_way_is_seen_by_who_says_no(scene: Scene, deed: str) -> None:
    async with stopped(scene.post, "link"):
        claiming = await waits(scene.post, scene.claim())
        doing = await waits(scene.post, scene.do(deed), sessions=2)
    jobs = await claiming
    await doing
    assert isinstance(jobs, list)
    await scene.send(jobs)
    await scene.ends_as(OUTCOMES[deed])


async def test_content_waits_for_a_word_that_is_being_given(scene: Scene) -> None:
    jobs = await scene.claim()
    async with stopped(scene.post, "mail_event"):
        doing = await waits(scene.post, scene.do("unsubscribe"))
        sending = await waits(scene.post, scene.send(jobs), sessions=2)
    await asyncio.gather(doing, sending)
    await scene.ends_as(OUTCOMES["unsubscribe"])


@pytest.mark.parametrize("act", [pause_campaign, archive_campaign])
async def test_content_waits_for_a_campaign_that_is_being_stopped(
    scene: Scene, act: Callable[..., Awaitable[None]]
) -> None:
    jobs = await scene.claim()
    async with tx(scene.post.world.account) as opened:
        await act(opened, scene.campaign)
        sending = await waits(scene.post, asyncio.create_task(scene.send(jobs), context=Context()))
    await sending
    deed = "pause" if act is pause_campaign else "archive"
    await scene.ends_as(OUTCOMES[deed])


@pytest.mark.parametrize("deed", DEEDS)
async def test_content_that_may_be_on_its_way_is_not_taken_back(scene: Scene, deed: str) -> None:
    [job] = await scene.claim()
    assert await ProgressWriter().mark_content(job)
    await scene.do(deed)
    entry = await scene.post.entry(scene.task)
    assert entry is not None
    assert entry["phase"] == "data"


async def test_a_pause_gives_no_invitation_less_patience(scene: Scene) -> None:
    await scene.claim()
    await scene.do("pause")
    await scene.post.deliver_all()
    await scene.post.later(3 * DAY)
    async with tx(scene.post.world.account) as opened:
        await resume_campaign(opened, scene.campaign)
    scene.post.server.next("RCPT", "450 4.2.0 later")
    await scene.post.deliver_all()
    assert (await scene.post.events(scene.task))[-1] == "deferred"
    await scene.post.later(5 * MINUTE)
    await scene.post.deliver_all()
    assert await scene.post.status(scene.task) == ("sent", None)


async def test_a_pause_in_a_storm_breaks_off_one_dialogue_and_not_each(post: Post) -> None:
    campaign = await active(post.world)
    for _ in range(12):
        await post.visit()
    post.configure(smtp_connections=1)
    jobs = (await claim(post.config, post.world.account, 100)).jobs
    async with tx(post.world.account) as opened:
        await pause_campaign(opened, campaign)
    pool = Pool(post.config)
    await pool.take(jobs)
    await pool.finish()
    await post.server.ended()
    assert (len(jobs), post.server.mails) == (12, [])
    assert (post.server.greeted, post.server.said("DATA")) == (1, 1)
    phases = await rows(post.world, "SELECT phase, first_tried_at FROM outbox")
    assert {tuple(row) for row in phases} == {("waiting", None)}


async def test_behind_an_address_that_is_refused_for_good_nothing_more_leaves(
    scene: Scene,
) -> None:
    post = scene.post
    other = await post.visit(ADDRESS)
    jobs = await scene.claim()
    assert len(jobs) == 2
    post.server.next("RCPT", "550 5.1.1 no such user")
    await scene.send(jobs)
    await post.deliver_all()
    found = {await post.status(scene.task), await post.status(other)}
    assert found == {("failed", "550 5.1.1 no such user"), ("dropped", "suppressed")}
    assert len(post.server.to(ADDRESS)) == 1


async def test_who_leaves_while_the_address_is_refused_waits_and_is_in_nobodys_way(
    scene: Scene, locks: Heard
) -> None:
    post = scene.post
    [job] = await scene.claim()
    refusal = SendError(Phase.RCPT, "550 5.1.1 no such user", 550, "5.1.1")
    async with stopped(post, "invitation"):
        refusing = await waits(post, record(post.config, job, refusal))
        leaving = await waits(post, scene.do("unsubscribe"), sessions=2)
    await asyncio.gather(refusing, leaving)
    assert locks.deadlocks == []
    assert await post.suppressed() == {ADDRESS: "unsubscribed"}
    await scene.ends_as(("failed", "550 5.1.1 no such user"))


async def taken_back(scene: Scene, times: int) -> None:
    """What is due is claimed and recalled so often before any server was offered it."""
    for _ in range(times):
        assert len(await scene.claim()) == 1
        await scene.do("pause")
        async with tx(scene.post.world.account) as opened:
            await resume_campaign(opened, scene.campaign)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("purpose", ["first", "resend"])
async def test_what_no_server_was_offered_waits_for_an_open_hour(
    scene: Scene, purpose: str, times: int
) -> None:
    """And its days of retries begin when it is offered: however often it was claimed before."""
    post = scene.post
    if purpose == "resend":
        await post.deliver_all()
        asked = (await only_invitation(post.world, scene.task))["id"]
        again = Order(new_id(), post.world.dispatcher, "La cliente le demande")
        await run(post.world.account, lambda tx: send_again(tx, "a@example.test", asked, again))
    before = len(post.server.to(ADDRESS))
    await taken_back(scene, times)
    now = await time_of(post.world)
    today = now.astimezone(ZoneInfo("America/Montreal")).date()
    closed = [ClosedDay(today + DAY * later, "Inventaire") for later in range(5)]
    async with tx(post.world.account) as opened:
        await save_calendar(opened, AccountCalendar(closed=closed))
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == before
    entry = await post.entry(scene.task)
    assert entry is not None
    assert (entry["phase"], entry["release"] > now + 2 * DAY) == ("waiting", True)
    await post.owner.set_clock(entry["release"])
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver_all()
    assert (await post.events(scene.task))[-1] == "deferred"
    await post.later(10 * DAY)
    await post.deliver_all()
    assert len(post.server.to(ADDRESS)) == before + 1


async def test_10_what_no_server_was_offered_follows_its_task(scene: Scene) -> None:
    post = scene.post
    await taken_back(scene, 2)
    await post.moved(scene.task, "300")
    await post.deliver_all()
    assert await post.status(scene.task) == ("dropped", "left_state")
    await post.moved(scene.task, "600")
    await post.moved(scene.task, "300")
    await plan_all()
    assert (await post.status(scene.task))[0] == "scheduled"
    await post.moved(scene.task, "610")
    await post.deliver_all()
    assert await post.status(scene.task) == ("sent", None)
    assert len(post.server.to(ADDRESS)) == 2
