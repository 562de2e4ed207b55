"""Whatever happens in whatever order: no reminder too many, too early, too late, or unwanted."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Final
from uuid import UUID

import pytest
from msgspec import Struct, field

from mail.delivery.cancel import EndedError, SentError, cancel
from mail.delivery.claim import claim
from mail.delivery.retry import give_back
from mail.delivery.send_again import (
    ClosedError,
    NotSentError,
    Order,
    UnderWayError,
    UnreachableError,
    send_again,
)
from mail.responses.answers import submit
from mail.responses.submission import Submission
from mail.responses.subscriptions import unsubscribe
from mail.sending.progress import ProgressWriter
from sync.database import tx
from sync.ids import new_id
from sync.tokens import LENGTH
from tests.faults.trials import TRIALS
from tests.mail.campaigns import active, only_invitation, rows, time_of
from tests.mail.delivering import DAY, HOUR, MINUTE, Post
from tests.support.smtp_server import CUT, TAKE_AND_CUT

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MOST: Final = 2
GAP: Final = 4 * DAY
DEADLINE: Final = 14 * DAY
#: Whatever a mail server says.
REPLIES: Final = (
    *["250 2.1.5 ok"] * 20, "450 4.2.0 later", "550 5.1.1 no such user", "550 5.6.0 no", CUT
)  # fmt: skip
WHY: Final = "Perdu"


class Seen(Struct):
    """A survey as somebody outside sees it. `taken`: mails and when; `done`: what ends them."""

    task: UUID
    address: str
    taken: list[tuple[str, datetime]] = field(default_factory=list)
    done: datetime | None = None
    cancelled: datetime | None = None


class Sequence:
    """Surveys of one campaign, to which things happen by chance."""

    def __init__(self, post: Post, chance: Random) -> None:
        self.post, self.chance = post, chance
        self.seen: list[Seen] = []
        self.at = datetime.fromisoformat("2027-01-04T10:00-05:00")

    async def begin(self, surveys: int) -> None:
        """Their visits have ended."""
        await self.post.owner.set_clock(self.at)
        await active(
            self.post.world,
            reminders=MOST,
            reminder_days=GAP.days,
            deadline_days=DEADLINE.days,
            mute=None,
        )
        for number in range(surveys):
            address = f"client{number}@example.net"
            task = await self.post.visit(address)
            self.seen.append(Seen(task, address))

    async def step(self) -> None:
        """Some hours pass, and something happens to some of the surveys."""
        self.at += self.chance.randint(1, 20) * HOUR
        await self.post.owner.set_clock(self.at)
        acts: list[Callable[[Seen], Awaitable[None]]] = [
            self.answer, self.leave, self.cancel, self.resend
        ]  # fmt: skip
        if self.chance.random() < 0.7:
            await self.chance.choice(acts)(self.chance.choice(self.seen))
        for one in self.seen:
            self.post.server.refused[one.address] = self.chance.choice(REPLIES)
        if self.chance.random() < 0.1:
            self.post.server.next("DOT", TAKE_AND_CUT)
        await self.chance.choice([self.deliver, self.deliver, self.crash, self.give_up])()

    async def answer(self, one: Seen) -> None:
        """By the link of any of its mails."""
        mails = self.post.server.to(one.address)
        if not mails:
            return
        link = self.chance.choice(mails).text().partition("https://retour.test/s/")[2][:LENGTH]
        await submit(link, Submission(rating=3))
        one.done = one.done or await time_of(self.post.world)

    async def leave(self, one: Seen) -> None:
        mails = self.post.server.to(one.address)
        if not mails:
            return
        header = str(self.chance.choice(mails).parsed["List-Unsubscribe"])
        await unsubscribe(header.partition("/u/")[2][:LENGTH])
        one.done = one.done or await time_of(self.post.world)

    async def cancel(self, one: Seen) -> None:
        found = await only_invitation(self.post.world, one.task)
        entry = await self.post.entry(one.task)
        try:
            async with tx(self.post.world.account) as opened:
                await cancel(opened, found["id"], None, WHY)
        except (SentError, EndedError):
            return
        if entry is not None and entry["purpose"] == "reminder":
            one.cancelled = await time_of(self.post.world)

    async def resend(self, one: Seen) -> None:
        found = await only_invitation(self.post.world, one.task)
        try:
            async with tx(self.post.world.account) as opened:
                order = Order(new_id(), None, WHY)
                await send_again(opened, self.post.config.mail_from, found["id"], order)
        except (NotSentError, UnderWayError, ClosedError, UnreachableError):
            return

    async def deliver(self) -> None:
        await self.post.deliver_all()

    async def crash(self) -> None:
        """A worker claims, begins some, and is never heard of again."""
        jobs = (await claim(self.post.config, self.post.world.account, 40)).jobs
        progress = ProgressWriter()
        for job in jobs:
            if self.chance.random() < 0.5:
                await progress.mark_content(job)

    async def give_up(self) -> None:
        """A worker claims, and gives back what it has not begun."""
        jobs = (await claim(self.post.config, self.post.world.account, 40)).jobs
        if jobs:
            await give_back(self.post.world.account, jobs)

    async def note(self) -> None:
        """Note what was taken since the last time."""
        at = await time_of(self.post.world)
        by_address = defaultdict(list)
        for mail in self.post.server.mails:
            kind = "reminder" if "In-Reply-To" in mail.parsed else "mail"
            by_address[mail.recipient].append(kind)
        for one in self.seen:
            new = by_address[one.address][len(one.taken) :]
            one.taken += [(kind, at) for kind in new]


def check(one: Seen, deadline: datetime | None) -> None:
    """What holds of the mails of a survey that arrived."""
    reminders = [at for kind, at in one.taken if kind == "reminder"]
    assert len(reminders) <= MOST
    for place, (kind, at) in enumerate(one.taken):
        if kind == "reminder":
            assert at - one.taken[place - 1][1] > GAP - MINUTE
            assert deadline is not None
            assert at < deadline + MINUTE
            assert one.done is None or at <= one.done
            assert one.cancelled is None or at <= one.cancelled


@pytest.mark.parametrize("seed", range(TRIALS // 2))
async def test_no_reminder_is_too_many_too_early_too_late_or_unwanted(
    post: Post, seed: int
) -> None:
    """Accept, refuse, answer, leave, cancel, resend, crash and time, by chance."""
    sequence = Sequence(post, Random(seed))
    await sequence.begin(16)
    for _ in range(50):
        await sequence.step()
        await sequence.note()
    found = await rows(post.world, "SELECT task, deadline FROM invitation")
    deadlines = {row["task"]: row["deadline"] for row in found}
    for one in sequence.seen:
        check(one, deadlines[one.task])
    went = [kind for one in sequence.seen for kind, _ in one.taken]
    assert went.count("reminder") > 1
