"""Every reason why a customer is not asked, each brought about through the API and by the clock."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from mail.campaigns.cap import SurveyCap, set_cap
from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.lifecycle import activate_campaign, pause_campaign, resume_campaign
from mail.campaigns.store import create_campaign
from mail.config import MailConfig
from mail.delivery.cancel import cancel
from mail.planning.rounds import open_round
from rules.decide import Reason
from sync.database import now, tx
from tests.faults.scene import Yard, opened_yard, verdicts
from tests.support.brokers import shared_broker
from tests.support.databases import TestDatabase
from tests.support.mail_work import active_campaign, let_out, mail_config, plan
from tests.support.smtp_sink import Sink
from tests.support.surveys import survey

pytestmark = pytest.mark.anyio

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
SAME: Final = "same@example.test"
GONE: Final = "gone@example.test"


class Steps:
    """Tells what technicians did, and reads what became of it."""

    def __init__(self, yard: Yard, origin: str) -> None:
        self.yard, self.origin = yard, origin

    async def campaign(self, name: str, **rest: Any) -> UUID:
        """A campaign on both done states, twelve hours after, with a week's mute."""
        usual = {"delay": "00:12:00", "mute": "07:00:00", "opt_out_allowed": True}
        definition = survey(self.yard.world.service_call, ["600", "610"], name, **usual | rest)
        return await active_campaign(self.yard.world.account, name, definition, self.yard.owner)

    async def task(self, *states: str, ago: timedelta, email: str | None, **rest: Any) -> UUID:
        """A task that went through `states` a minute apart, the first of them `ago`."""
        world = self.yard.world
        task = await world.task(customer=await world.customer(email=email))
        begun = await now() - ago
        items = [
            world.item(task, state, begun + place * MINUTE, **rest)
            for place, state in enumerate(states)
        ]
        assert set(verdicts(await self.yard.push(self.origin, items))) == {"accepted"}
        return task

    async def outcomes(self, task: UUID, campaign: UUID) -> list[str]:
        """What a campaign decided on the transitions of a task, in their order."""
        rows = await self.yard.owner.rows(
            """
            SELECT d.outcome FROM decision d JOIN transition t ON t.id = d.transition
            WHERE d.task = $1 AND d.campaign = $2 ORDER BY t.moment
            """,
            task,
            campaign,
        )
        return [outcome for (outcome,) in rows]


async def test_every_reason_occurs_where_it_should(
    as_worker: TestDatabase, sink: Sink, tmp_path: Path
) -> None:
    with shared_broker("Redis") as broker:
        async with opened_yard(as_worker, sink, tmp_path, **broker) as yard:
            steps = Steps(yard, yard.fleet.api().origin)
            await every_reason(steps, as_worker, sink)


async def every_reason(steps: Steps, database: TestDatabase, sink: Sink) -> None:
    """Bring each reason about, and find it."""
    config = mail_config(database, sink, steps.origin)
    old, paused = await steps.campaign("old"), await steps.campaign("paused")
    await stand_still(steps, paused)
    young = await start_now(steps)
    await unsubscribe(steps, config, sink)
    tasks = await tell(steps)
    limited = await limit(steps)
    during = await steps.task("600", ago=3 * HOUR, email="p@example.test")
    await plan()
    await call_off(steps, tasks[Reason.CANCELLED])
    await let_out(steps.yard.owner, config, await now() + 13 * HOUR)
    for expected, task in tasks.items():
        assert (await steps.outcomes(task, old))[-1] == expected
    assert await steps.outcomes(during, paused) == [Reason.PAUSED]
    assert await steps.outcomes(tasks["scheduled"], young) == [Reason.BEFORE_ACTIVATION]
    for expected, campaign in limited.items():
        found = [await steps.outcomes(task, campaign) for task in tasks.values()]
        assert any(expected in outcomes for outcomes in found)
    assert await ask_too_often(steps, config) == [Reason.CAPPED]
    others = {Reason.PAUSED, Reason.BEFORE_ACTIVATION, Reason.CAPPED, *limited}
    assert {*tasks, *others} == {"scheduled", *Reason}


async def tell(steps: Steps) -> dict[str, UUID]:
    """A task for each thing that one campaign can decide."""
    return {
        "scheduled": await steps.task("600", ago=HOUR, email=SAME),
        Reason.NOT_FIRST: await steps.task("600", "610", ago=HOUR, email="n@example.test"),
        Reason.STALE: await steps.task("600", ago=8 * DAY, email="s@example.test"),
        Reason.OPTED_OUT_BY_AGENT: await steps.task(
            "600", ago=HOUR, email="o@example.test", survey=False
        ),
        Reason.TASK_CANCELLED: await steps.task("600", "900", ago=HOUR, email="c@example.test"),
        Reason.LEFT_STATE: await steps.task("600", "300", ago=HOUR, email="l@example.test"),
        Reason.NO_ADDRESS: await steps.task("600", ago=HOUR, email=None),
        Reason.INTERNAL: await steps.task("600", ago=HOUR, email="Alice@example.org"),
        Reason.SUPPRESSED: await steps.task("600", ago=HOUR, email=GONE),
        Reason.CANCELLED: await steps.task("600", ago=HOUR, email="x@example.test"),
        Reason.MUTED: await steps.task("600", ago=HOUR - MINUTE, email=SAME),
        Reason.NEW_ROUND: await reopened(steps),
    }


async def ask_too_often(steps: Steps, config: MailConfig) -> list[str]:
    """What a campaign without mute decides where an address had all that the account allows."""
    campaign = await steps.campaign("often", mute=None)
    async with tx(steps.yard.world.account) as opened:
        await set_cap(opened, SurveyCap(1, 30))
    task = await steps.task("600", ago=HOUR, email=SAME)
    await plan()
    await let_out(steps.yard.owner, config, await now() + 13 * HOUR)
    return await steps.outcomes(task, campaign)


async def limit(steps: Steps) -> dict[str, UUID]:
    """A campaign for each reason that lies in what tasks it asks about, and when."""
    today = (await now()).date()
    return {
        Reason.AFTER_PERIOD: await steps.campaign("over", last_day=today - 30 * DAY),
        Reason.CRITERIA: await steps.campaign(
            "picky", criteria=CriteriaNamed(priorities=["urgent"])
        ),
        Reason.SAMPLED_OUT: await steps.campaign("few", sample_percent=1),
    }


async def reopened(steps: Steps) -> UUID:
    """A task that was done an hour ago, and whose second round was opened since."""
    task = await steps.task("600", ago=HOUR, email="r@example.test")
    async with tx(steps.yard.world.account) as opened:
        await open_round(opened, task, 2, None, "Le client rappelle")
    return task


async def call_off(steps: Steps, task: UUID) -> None:
    """Cancel what waits to be sent about `task`, as a dispatcher does."""
    waiting = await steps.yard.owner.rows(
        "SELECT i.id FROM invitation i JOIN outbox o ON o.invitation = i.id WHERE i.task = $1", task
    )
    async with tx(steps.yard.world.account) as opened:
        for (survey,) in waiting:
            await cancel(opened, survey, None, "a mistake")


async def stand_still(steps: Steps, campaign: UUID) -> None:
    """Pause `campaign` from four hours ago to two hours ago."""
    owner, account, begun = steps.yard.owner, steps.yard.world.account, await now()
    await owner.set_clock(begun - 4 * HOUR)
    async with tx(account) as opened:
        await pause_campaign(opened, campaign)
    await owner.set_clock(begun - 2 * HOUR)
    async with tx(account) as opened:
        await resume_campaign(opened, campaign)
    await owner.right_clock()


async def start_now(steps: Steps) -> UUID:
    """A campaign that is active from now on."""
    definition = survey(steps.yard.world.service_call, ["600"], "young")
    async with tx(steps.yard.world.account) as opened:
        campaign = await create_campaign(opened, "young", definition)
        await activate_campaign(opened, campaign)
    return campaign


async def unsubscribe(steps: Steps, config: MailConfig, sink: Sink) -> None:
    """Send a mail to `GONE` and click once in it, as a mail program does (RFC 8058)."""
    await steps.task("600", ago=HOUR, email=GONE)
    await let_out(steps.yard.owner, config, await now())
    await steps.yard.owner.right_clock()
    [mail] = sink.to(GONE)
    [link] = re.findall("<(http[^>]*)>", str(mail.parsed["List-Unsubscribe"]))
    async with httpx.AsyncClient() as client:
        reply = await client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert reply.status_code == 200, reply.text
