"""Every step between two states of an invitation, taken by the code that takes it, and no other."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import pytest
from msgspec import structs

from mail.campaigns.lifecycle import archive_campaign, pause_campaign
from mail.delivery.cancel import cancel
from mail.delivery.claim import claim
from mail.delivery.held import TRIES, call_off, fault, held, let_go
from mail.delivery.retry import RETRY_WINDOW, give_back, record
from mail.delivery.send_again import Order, send_again
from mail.delivery.stages import Leased
from mail.delivery.uncertain import recover
from mail.responses.answers import submit
from mail.responses.submission import Submission
from mail.sending.progress import ProgressWriter
from mail.smtp.replies import Phase as Dialogue
from mail.smtp.replies import SendError
from mail.states import FURTHER, Phase, Purpose, Status, picture, quoted
from sync import tokens
from sync.database import run, tx
from sync.ids import new_id
from sync.restore import record_restore
from tests.mail.campaigns import active, change, happened, plan_all, rows
from tests.mail.delivering import HOUR, MINUTE, SECOND, Post
from tests.support.state_guard import Step, declared, walked

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

REFUSED: Final = SendError(Dialogue.RCPT, "550 5.6.0 no", 550, "5.6.0")
RESTRICTED: Final = SendError(Dialogue.RCPT, "550 5.7.133 no", 550, "5.7.133")
LATER: Final = SendError(Dialogue.RCPT, "450 4.2.0 later", 450, "4.2.0")
SILENCE: Final = SendError(Dialogue.CONTENT, "no reply in time")

#: By hand, so that a step that comes or goes is seen here.
STEPS: Final = """
make       none              -> scheduled/waiting
rearm      dropped           -> scheduled/waiting
withdraw   scheduled/waiting -> none
withdraw   held/held         -> none
disarm     scheduled/waiting -> dropped
disarm     held/held         -> dropped
lease      scheduled/waiting -> claimed/claimed
lease      claimed/waiting   -> claimed/claimed
lease      uncertain/waiting -> uncertain/claimed
drop       scheduled/waiting -> dropped
drop       claimed/waiting   -> dropped
drop       uncertain/waiting -> uncertain
archive    scheduled/waiting -> dropped
recall     claimed/claimed   -> claimed/waiting
recall     uncertain/claimed -> uncertain/waiting
hold       scheduled/waiting -> held/held
hold       claimed/waiting   -> held/held
hold       uncertain/waiting -> held/held
let_go     held/held         -> scheduled/waiting
let_go     held/held         -> claimed/waiting
let_go     held/held         -> uncertain/waiting
call_off   held/held         -> expired
call_off   held/held         -> uncertain
fault      claimed/claimed   -> claimed/waiting
fault      uncertain/claimed -> uncertain/waiting
fault      scheduled/waiting -> held/held
fault      claimed/waiting   -> held/held
fault      uncertain/waiting -> held/held
fault      claimed/claimed   -> held/held
fault      uncertain/claimed -> held/held
content    claimed/claimed   -> claimed/data
content    uncertain/claimed -> uncertain/data
taken      claimed/data      -> sent
taken      uncertain/data    -> sent
give_back  claimed/claimed   -> claimed/waiting
give_back  uncertain/claimed -> uncertain/waiting
give_back  claimed/data      -> claimed/waiting
give_back  uncertain/data    -> uncertain/waiting
put_off    claimed/claimed   -> claimed/waiting
put_off    uncertain/claimed -> uncertain/waiting
put_off    claimed/data      -> claimed/waiting
put_off    uncertain/data    -> uncertain/waiting
fail       claimed/claimed   -> failed
fail       claimed/data      -> failed
fail       uncertain/claimed -> uncertain
fail       uncertain/data    -> uncertain
expire     claimed/claimed   -> expired
expire     claimed/data      -> expired
expire     uncertain/claimed -> uncertain
expire     uncertain/data    -> uncertain
refuse     claimed/claimed   -> refused
refuse     claimed/data      -> refused
refuse     uncertain/claimed -> uncertain
refuse     uncertain/data    -> uncertain
lapse      claimed/claimed   -> claimed/waiting
lapse      uncertain/claimed -> uncertain/waiting
resend     claimed/data      -> uncertain/waiting
stop       uncertain/data    -> uncertain
hold_in_doubt claimed/data      -> held/held
hold_in_doubt uncertain/data    -> held/held
cancel     scheduled/waiting -> dropped
cancel     claimed/waiting   -> dropped
cancel     claimed/claimed   -> dropped
cancel     held/held         -> dropped
send_again failed            -> claimed/waiting
send_again expired           -> claimed/waiting
send_again refused           -> claimed/waiting
send_again uncertain         -> uncertain/waiting
send_again sent              -> sent/waiting/resend
send_again sent/waiting/reminder -> sent/waiting/resend
send_again sent/claimed/reminder -> sent/waiting/resend
send_again sent/held/reminder    -> sent/waiting/resend
remind     claimed/data       -> sent/waiting/reminder
remind     uncertain/data     -> sent/waiting/reminder
remind     sent/data/resend   -> sent/waiting/reminder
remind     sent/data/reminder -> sent/waiting/reminder
spare      sent/waiting/reminder -> sent
spare      sent/claimed/reminder -> sent
spare      sent/held/reminder    -> sent
"""

#: The same for resends and reminders.
FURTHER_STEPS: Final = """
lease      sent/waiting/* -> sent/claimed/*
drop       sent/waiting/* -> sent
cancel     sent/waiting/* -> sent
hold       sent/waiting/* -> sent/held/*
fault      sent/waiting/* -> sent/held/*
recall     sent/claimed/* -> sent/waiting/*
give_back  sent/claimed/* -> sent/waiting/*
put_off    sent/claimed/* -> sent/waiting/*
lapse      sent/claimed/* -> sent/waiting/*
fault      sent/claimed/* -> sent/waiting/*
fault      sent/claimed/* -> sent/held/*
content    sent/claimed/* -> sent/data/*
fail       sent/claimed/* -> sent
expire     sent/claimed/* -> sent
refuse     sent/claimed/* -> sent
taken      sent/data/*    -> sent
give_back  sent/data/*    -> sent/waiting/*
put_off    sent/data/*    -> sent/waiting/*
fail       sent/data/*    -> sent
expire     sent/data/*    -> sent
refuse     sent/data/*    -> sent
stop       sent/data/*    -> sent
let_go     sent/held/*    -> sent/waiting/*
call_off   sent/held/*    -> sent
cancel     sent/claimed/* -> sent
cancel     sent/held/*    -> sent
"""


def _step(line: str) -> Step:
    name, before, _, after = line.split()
    return name, before, after


WALKS: Final = [
    _step(line)
    for table in (STEPS, *(FURTHER_STEPS.replace("*", purpose) for purpose in FURTHER))
    for line in table.strip().splitlines()
]
#: `tests.server.test_demo` walks these.
OF_DEMO: Final = {("tell", "none", end) for end in ("sent", "failed", "dropped")}


class Walk:
    """One invitation on its way. `job`: a worker's, once it was claimed."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.campaign: UUID
        self.task: UUID
        self.job: Leased

    async def begin(self, reminders: int = 0) -> None:
        self.campaign = await active(
            self.post.world, opt_out_allowed=True, reminders=reminders, reminder_days=7
        )

    async def make(self) -> None:
        self.task = await self.post.visit()

    async def left(self) -> None:
        """The task goes back to the state before, later."""
        await self.post.later(MINUTE)
        await self.post.moved(self.task, "200")

    async def back(self) -> None:
        """The task is done again, later."""
        await self.post.later(3 * MINUTE)
        await self.post.moved(self.task, "610")

    async def unticked(self) -> None:
        """A step arrives late that was before the last, and that asks for no survey."""
        [last] = await rows(self.post.world, "SELECT max(moment) AS moment FROM transition")
        moment = last["moment"] - SECOND
        await happened(self.post.world, self.task, "600", moment, survey=False)
        await plan_all()

    async def lease(self) -> None:
        await self.post.later(HOUR)
        [self.job] = (await claim(self.post.config, self.post.world.account, 10)).jobs

    async def deliver(self) -> None:
        await self.post.later(HOUR)
        await self.post.deliver()

    async def week(self) -> None:
        """A reminder is due, also where clocks were put back meanwhile."""
        await self.post.later(timedelta(days=7, hours=2))

    async def unsubscribe(self) -> None:
        await change(self.post.world, "UPDATE contact SET suppressed = 'unsubscribed'")
        await self.deliver()

    async def give_back(self) -> None:
        await give_back(self.job.account, [self.job])

    async def content(self) -> None:
        assert await ProgressWriter().mark_content(self.job)

    async def taken(self) -> None:
        progress = ProgressWriter()
        progress.add_sent(self.job)
        await progress.flush(5)

    async def doubt(self) -> None:
        await record(self.post.config, self.job, SILENCE)

    async def doubt_and_hold(self) -> None:
        job = structs.replace(self.job, after_crash="hold")
        await record(self.post.config, job, SILENCE)

    async def put_off(self) -> None:
        await record(self.post.config, self.job, LATER)

    async def expire(self) -> None:
        await self.post.later(RETRY_WINDOW)
        await record(self.post.config, self.job, LATER)

    async def refuse(self) -> None:
        await self.post.later(RETRY_WINDOW)
        await record(self.post.config, self.job, RESTRICTED)

    async def fail(self) -> None:
        await record(self.post.config, self.job, REFUSED)

    async def lapse(self) -> None:
        await self.post.later(timedelta(seconds=self.post.config.lease))
        await recover(self.post.config, self.post.world.account)

    async def fault(self) -> None:
        [entry] = await rows(self.post.world, "SELECT account, invitation, attempt FROM outbox")
        account, invitation, attempt = entry
        await fault(account, invitation, attempt, ValueError("broken"))

    async def last_fault(self) -> None:
        await change(self.post.world, "UPDATE outbox SET faults = $1", TRIES - 1)
        await self.fault()

    async def restored(self) -> None:
        await self.post.later(MINUTE)
        await run(self.post.world.account, record_restore)
        await self.post.later(SECOND)
        await self.deliver()

    async def let_go(self) -> None:
        async with tx(self.post.world.account) as opened:
            await let_go(opened, await held(opened))

    async def call_off(self) -> None:
        async with tx(self.post.world.account) as opened:
            await call_off(opened, await held(opened))

    async def cancel(self) -> None:
        [found] = await rows(self.post.world, "SELECT id FROM invitation")
        async with tx(self.post.world.account) as opened:
            await cancel(opened, found["id"], None, "a mistake")

    async def send_again(self) -> None:
        [found] = await rows(self.post.world, "SELECT id FROM invitation")
        async with tx(self.post.world.account) as opened:
            order = Order(new_id(), None, "lost")
            await send_again(opened, self.post.config.mail_from, found["id"], order)

    async def answer(self) -> None:
        """By the link of a mail that was sent."""
        secret = self.job.sending.secret
        said = Submission(rating=5)
        assert await submit(tokens.write(self.post.world.account, secret), said)

    async def pause(self) -> None:
        async with tx(self.post.world.account) as opened:
            await pause_campaign(opened, self.campaign)

    async def archive(self) -> None:
        async with tx(self.post.world.account) as opened:
            await archive_campaign(opened, self.campaign)


Act = Callable[[Walk], Awaitable[None]]

_CLAIMED: Final[tuple[Act, ...]] = (Walk.make, Walk.lease)
_UNCERTAIN: Final[tuple[Act, ...]] = (*_CLAIMED, Walk.content, Walk.doubt)
_SENT: Final[tuple[Act, ...]] = (*_CLAIMED, Walk.content, Walk.taken)
_AGAIN: Final[tuple[Act, ...]] = (*_SENT, Walk.send_again)
#: How each state is come to.
REACHED: Final[dict[str, tuple[Act, ...]]] = {
    "none": (),
    "scheduled/waiting": (Walk.make,),
    "claimed/claimed": _CLAIMED,
    "claimed/waiting": (*_CLAIMED, Walk.give_back),
    "claimed/data": (*_CLAIMED, Walk.content),
    "uncertain/waiting": _UNCERTAIN,
    "uncertain/claimed": (*_UNCERTAIN, Walk.lease),
    "uncertain/data": (*_UNCERTAIN, Walk.lease, Walk.content),
    "held/held": (Walk.make, Walk.restored),
    "dropped": (Walk.make, Walk.left, Walk.deliver),
    "failed": (*_CLAIMED, Walk.fail),
    "expired": (*_CLAIMED, Walk.expire),
    "refused": (*_CLAIMED, Walk.refuse),
    "uncertain": (*_UNCERTAIN, Walk.lease, Walk.content, Walk.doubt),
    "sent": _SENT,
    "sent/waiting/resend": _AGAIN,
    "sent/claimed/resend": (*_AGAIN, Walk.lease),
    "sent/data/resend": (*_AGAIN, Walk.lease, Walk.content),
    "sent/held/resend": (*_AGAIN, Walk.restored),
    "sent/waiting/reminder": (*_SENT, Walk.week),
    "sent/claimed/reminder": (*_SENT, Walk.week, Walk.lease),
    "sent/data/reminder": (*_SENT, Walk.week, Walk.lease, Walk.content),
    "sent/held/reminder": (*_SENT, Walk.week, Walk.restored),
}
_REARMED: Final = (*REACHED["dropped"], Walk.back)
#: What an edge does, by the state after it where that makes a difference.
ACTS: Final[dict[str, Act]] = {
    "make": Walk.make,
    "rearm": Walk.back,
    "withdraw": Walk.unticked,
    "disarm": Walk.unticked,
    "lease": Walk.lease,
    "drop": Walk.unsubscribe,
    "archive": Walk.archive,
    "recall": Walk.pause,
    "hold": Walk.restored,
    "let_go": Walk.let_go,
    "call_off": Walk.call_off,
    "fault": Walk.fault,
    "fault held/held": Walk.last_fault,
    "fault sent/held/resend": Walk.last_fault,
    "fault sent/held/reminder": Walk.last_fault,
    "content": Walk.content,
    "taken": Walk.taken,
    "give_back": Walk.give_back,
    "put_off": Walk.put_off,
    "fail": Walk.fail,
    "expire": Walk.expire,
    "refuse": Walk.refuse,
    "lapse": Walk.lapse,
    "resend": Walk.doubt,
    "stop": Walk.doubt,
    "hold_in_doubt": Walk.doubt_and_hold,
    "cancel": Walk.cancel,
    "send_again": Walk.send_again,
    "remind": Walk.taken,
    "spare": Walk.answer,
}
#: Steps that the state before does not tell apart: what else has to have been.
BEFORE: Final[dict[Step, tuple[Act, ...]]] = {
    ("disarm", "scheduled/waiting", "dropped"): _REARMED,
    ("disarm", "held/held", "dropped"): (*_REARMED, Walk.restored),
    ("drop", "scheduled/waiting", "dropped"): (Walk.make, Walk.left),
    ("let_go", "held/held", "claimed/waiting"): (*REACHED["claimed/waiting"], Walk.restored),
    ("let_go", "held/held", "uncertain/waiting"): (*_UNCERTAIN, Walk.restored),
    ("call_off", "held/held", "expired"): (Walk.make, Walk.last_fault),
    ("cancel", "held/held", "dropped"): (Walk.make, Walk.last_fault),
}


def _reminders_for(step: Step) -> int:
    """How many reminders the campaign of a walk sends: no more than the step is about."""
    name, before, _ = step
    return (name == "remind") + ("reminder" in before)


@pytest.mark.parametrize("step", WALKS, ids=" ".join)
async def test_every_step_is_taken_by_the_code_that_names_it(post: Post, step: Step) -> None:
    name, before, after = step
    walk = Walk(post)
    await walk.begin(_reminders_for(step))
    for act in BEFORE.get(step, REACHED[before]):
        await act(walk)
    assert step not in await walked(post.owner.connection)
    await ACTS.get(f"{name} {after}", ACTS[name])(walk)
    assert step in await walked(post.owner.connection)


def test_the_steps_that_are_walked_are_those_that_are_declared() -> None:
    assert len(WALKS) == len(set(WALKS))
    assert {*WALKS, *OF_DEMO} == declared()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE invitation SET status = 'sent'",
        "UPDATE outbox SET phase = 'data'",
        "DELETE FROM outbox",
        "/* edge: lease */ UPDATE outbox SET phase = 'held'",
        "/* edge: elsewhere */ UPDATE outbox SET phase = 'claimed'",
        "WITH gone AS (DELETE FROM outbox) UPDATE invitation SET status = 'expired'",
        "/* edge: taken */ WITH gone AS (DELETE FROM outbox) UPDATE invitation SET status = 'sent'",
    ],
)
async def test_no_other_step_is_taken(post: Post, sql: str) -> None:
    walk = Walk(post)
    await walk.begin()
    await walk.make()
    with pytest.raises(asyncpg.RaiseError, match=r"no edge of .* from scheduled/waiting to"):
        await post.owner.connection.execute(sql)


async def test_a_step_that_is_no_longer_allowed_is_refused(post: Post) -> None:
    walk = Walk(post)
    await walk.begin()
    for act in REACHED["claimed/claimed"]:
        await act(walk)
    await post.owner.connection.execute("DELETE FROM guard.edge WHERE name = 'content'")
    with pytest.raises(asyncpg.RaiseError, match="from claimed/claimed to claimed/data"):
        await ProgressWriter().mark_content(walk.job)


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [("invitation", "status", Status), ("outbox", "phase", Phase), ("outbox", "purpose", Purpose)],
)
async def test_the_database_knows_the_same_values(
    post: Post, table: str, column: str, values: type[StrEnum]
) -> None:
    checks = await post.owner.connection.fetch(
        "SELECT pg_get_constraintdef(oid) AS says FROM pg_constraint"
        " WHERE contype = 'c' AND conrelid = $1::regclass",
        table,
    )
    [says] = [row["says"] for row in checks if re.match(rf"CHECK \(\({column} = ANY", row["says"])]
    assert set(re.findall(r"'(\w+)'::text", says)) == set(values)


#: As if a reminder could come out of nothing.
ENQUEUE: Final = quoted("""
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent,
  own_address, own_typed_address, own_message_id)
SELECT account, id, release, release, {Phase.WAITING}, {Purpose.REMINDER}, 1, true, 'a', 'a', 'a'
FROM invitation
""")


async def test_a_reminder_follows_a_mail_that_was_taken_and_has_an_address(post: Post) -> None:
    walk = Walk(post)
    await walk.begin()
    for act in _SENT:
        await act(walk)
    guarded = post.owner.connection
    for sql in (ENQUEUE, f"/* edge: remind */ {ENQUEUE}"):
        with pytest.raises(asyncpg.RaiseError, match="from sent to sent/waiting/reminder"):
            await guarded.execute(sql)
    with pytest.raises(asyncpg.CheckViolationError):
        await guarded.execute(ENQUEUE.replace("'a'", "NULL"))


def test_the_picture_in_the_architecture_is_of_these_steps() -> None:
    page = Path("ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"\n{picture()}\n" in page
