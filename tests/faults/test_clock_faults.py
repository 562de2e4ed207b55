"""Hazard 20: the device's clock is ten years off and the server's an hour."""

from datetime import datetime, timedelta
from typing import Final

import pytest

from sync.database import now
from sync.messages import Push
from tests.faults.scene import Visit, Yard, verdicts
from tests.faults.trials import trials_of
from tests.support.databases import TestDatabase
from tests.support.mail_work import active_campaign, deliver, mail_config, plan
from tests.support.smtp_sink import Sink
from tests.support.surveys import survey

pytestmark = pytest.mark.anyio

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
TEN_YEARS: Final = timedelta(days=3652)
#: How far ahead the clocks are, of the device and of the server while it is pushed to.
WRONG: Final = [(device, server) for device in (TEN_YEARS, -TEN_YEARS) for server in (HOUR, -HOUR)]
CLOSED: Final = "700"
DELAY: Final = 2 * HOUR
#: A difference within it counts as none (rules.timing).
TOLERANCE: Final = timedelta(seconds=2)


async def tell(yard: Yard, origin: str, visit: Visit, device: timedelta) -> Push:
    """Push that a visit was closed a minute ago, by a device whose clock is `device` ahead."""
    shown = await now() + device
    item = yard.world.item(visit.task, CLOSED, shown - MINUTE)
    body = Push(device_now=shown, transitions=[item])
    assert verdicts(await yard.send(origin, body)) == ["accepted"]
    return body


async def reckoned(yard: Yard, body: Push) -> datetime:
    """When it happened by the server's clock of then; the device's own time is kept beside it."""
    (item,) = body.transitions
    [(moment, device_moment, received)] = await yard.owner.rows(
        "SELECT moment, device_moment, received_at FROM transition WHERE id = $1", item.id
    )
    assert isinstance(moment, datetime)
    assert device_moment == item.moment
    # What the push took on its way is counted to the skew, and nothing else.
    assert received - 2 * MINUTE < moment <= received - MINUTE + TOLERANCE
    return moment


async def test_20_however_wrong_the_clocks_are_one_mail_goes_and_none_early(
    yard: Yard, database: TestDatabase, sink: Sink
) -> None:
    api, owner, config = yard.fleet.api(), yard.owner, mail_config(database, sink)
    later = survey(yard.world.service_call, [CLOSED], "Two hours later?", delay="00:02:00")
    await active_campaign(yard.world.account, "in two hours", later, owner)
    for trial in trials_of(WRONG):
        device, server = WRONG[trial % len(WRONG)]
        await owner.right_clock()
        truly, visit = await now(), await yard.visit()
        await owner.set_clock(truly + server)
        body = await tell(yard, api.origin, visit, device)
        due = await reckoned(yard, body) + DELAY
        # Put right, near the end, over it, set back by an hour, and over it again.
        for moment, copies in (
            (truly, 0),
            (due - MINUTE, 0),
            (due, 1),
            (due - HOUR, 1),
            (due + MINUTE, 1),
            (due + 24 * HOUR, 1),
        ):
            await owner.set_clock(moment)
            assert verdicts(await yard.send(api.origin, body)) == ["accepted"]
            await plan()
            await deliver(config)
            assert len(sink.to(visit.address)) == copies, (device, server, moment - due)
        assert await yard.status(visit) == "sent"


async def test_20_a_moment_of_ten_years_ahead_does_not_hide_what_happens_after_it(
    yard: Yard,
) -> None:
    """The clock was put right before the push: no skew tells how wrong the moment is."""
    api, visit = yard.fleet.api(), await yard.visit()
    state = "SELECT state FROM task WHERE id = $1"
    clocks = ((TEN_YEARS, CLOSED), (-TEN_YEARS, "610"), (timedelta(0), "300"))
    for sequence, (ahead, code) in enumerate(clocks, 1):
        item = yard.world.item(visit.task, code, await now() + ahead, sequence=sequence)
        assert verdicts(await yard.push(api.origin, [item])) == ["accepted"]
        assert await yard.owner.value(state, visit.task) == code  # the device's own order
