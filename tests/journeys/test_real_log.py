"""The real log of a help desk, four years of it, against a recomputation from its file alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest

from mail.replay.run import Wanted, replay_campaign
from sync.database import tx
from sync.enrolment import issue_code
from tests.faults.scene import eventually
from tests.faults.trials import THOROUGH
from tests.journeys.helpdesk import HelpDesk, found
from tests.journeys.pushing import CONNECTIONS, Devices, shuffled_deliveries
from tests.journeys.reference import (
    LOG,
    TRIGGER,
    Expected,
    Move,
    all_at_once,
    arrivals,
    read_log,
    through_time,
)
from tests.mail.replaying import fate_of, fates
from tests.support.brokers import missing, shared_broker
from tests.support.databases import SECRET, TestDatabase
from tests.support.mail_work import active_campaign, let_out, mail_config
from tests.support.owner import Owner, owning
from tests.support.processes import Fleet
from tests.support.smtp_sink import Sink
from tests.support.state_guard import unguarded
from tests.support.surveys import survey

pytestmark = pytest.mark.anyio

DELAY: Final = timedelta(hours=12)
MUTE: Final = timedelta(days=7)
#: Days since before the log.
LONG: Final = 5 * 366
MUTED, FREE, DELAYED = "with mute", "without mute", "delayed"
#: What every campaign of these tests says; delays and windows as in the issue.
CAMPAIGNS: Final[dict[str, dict[str, str]]] = {
    MUTED: {"mute": "07:00:00"},
    FREE: {},
    DELAYED: {"mute": "07:00:00", "delay": "00:12:00"},
}


class Play:
    """The log's account, its devices, and a mail server."""

    def __init__(
        self, log: list[Move], desk: HelpDesk, owner: Owner, sink: Sink, devices: Devices
    ) -> None:
        self.log, self.desk, self.owner = log, desk, owner
        self.sink, self.devices = sink, devices

    async def states(self) -> dict[str, str]:
        """Each task's last state, by the task's name."""
        return dict(await self.owner.rows("SELECT external_id, state FROM task"))

    async def outcomes(self, campaign: str) -> Counter[str]:
        """Decisions of a campaign per reason."""
        rows = await self.owner.rows(
            """
            SELECT outcome, count(*)::int FROM decision d JOIN campaign c ON c.id = d.campaign
            WHERE c.name = $1 GROUP BY outcome
            """,
            campaign,
        )
        return Counter(dict(rows))

    def mails(self, campaign: str) -> Counter[str]:
        """Mails of a campaign per address."""
        wanted = f"Subject: {campaign}\r\n".encode()
        return Counter(mail.recipient.lower() for mail in self.sink.mails if wanted in mail.raw)

    async def is_done(self) -> bool:
        """Whether nothing is left to plan or to send."""
        return not await self.owner.value(
            "SELECT EXISTS (SELECT FROM task_change) OR EXISTS (SELECT FROM outbox)"
        )

    async def replay(self, campaign: str) -> None:
        """T7: a replay says of each transition what became of it: outcome, release, address."""
        [(key,)] = await self.owner.rows("SELECT id FROM campaign WHERE name = $1", campaign)
        wanted = Wanted(days=LONG, limit=len(self.log))
        found = await replay_campaign(self.desk.account, key, wanted)
        said = {line.transition: fate_of(line) for line in found.lines}
        assert said == await fates(self.desk.account, key)

    async def compare(self, campaign: str, expected: Expected) -> None:
        """States, decisions per reason and mails per address are those of the recomputation."""
        assert await self.states() == expected.states
        assert await self.outcomes(campaign) == expected.outcomes
        assert self.mails(campaign) == expected.mails


@pytest.fixture(scope="module")
def log() -> list[Move]:
    if not LOG.exists():
        missing(f"the real log is not at {LOG}")
    return read_log()


def settings(database: TestDatabase, broker: dict[str, object], sink: Sink) -> dict[str, object]:
    """What the processes of a play are told."""
    own = {
        "database_url": database.owner,
        "secret": SECRET,
        "testing": True,
        "smtp_url": sink.url,
        "mail_from": "retour@example.test",
    }
    return {**own, **broker}


@asynccontextmanager
async def opened_play(
    log: list[Move], database: TestDatabase, fleet: Fleet, sink: Sink, *campaigns: str
) -> AsyncIterator[Play]:
    """The account with `campaigns`, active since before the log, and its devices enrolled."""
    async with owning(database.owner) as owner:
        await unguarded(owner.connection)
        await owner.set_clock(log[0].moment - timedelta(days=30))
        desk = await found(log)
        for name in campaigns:
            definition = survey(desk.task_type, [TRIGGER], name, stale_days=None, **CAMPAIGNS[name])
            await active_campaign(desk.account, name, definition, owner)
        limits = httpx.Limits(max_connections=2 * CONNECTIONS)
        async with httpx.AsyncClient(
            base_url=fleet.api().origin, timeout=60, limits=limits
        ) as client:
            devices = Devices(desk, client)
            for name, technician in desk.technicians.items():
                async with tx(desk.account) as opened:
                    code = await issue_code(opened, technician)
                await devices.enrol(name, code)
            yield Play(log, desk, owner, sink, devices)


async def test_shuffled_doubled_batches_lead_where_the_file_says(
    log: list[Move], as_worker: TestDatabase, sink: Sink, tmp_path: Path
) -> None:
    with (
        shared_broker("Redis") as broker,
        Fleet(tmp_path, **settings(as_worker, broker, sink)) as fleet,
    ):
        async with opened_play(log, as_worker, fleet, sink, MUTED, FREE) as play:
            deliveries = shuffled_deliveries(log, seed=20140101)
            await asyncio.gather(*(play.devices.deliver(one) for one in deliveries))
            fleet.worker()
            fleet.clock()
            await eventually(play.is_done, "everything is planned and sent", patience=300)
            await play.compare(MUTED, all_at_once(log, mute=True))
            await play.compare(FREE, all_at_once(log, mute=False))


@pytest.mark.long
async def test_years_of_clock_lead_where_the_file_says(
    log: list[Move], as_worker: TestDatabase, sink: Sink, tmp_path: Path
) -> None:
    """The first quarter of the log, which is a year; all four under `make faults`."""
    moves = log if THOROUGH else log[: len(log) // 4]
    with (
        shared_broker("Redis") as broker,
        Fleet(tmp_path, **settings(as_worker, broker, sink)) as fleet,
    ):
        async with opened_play(moves, as_worker, fleet, sink, DELAYED) as play:
            config = mail_config(as_worker, sink)
            for step, arrival, arrived in arrivals(moves, DELAY):
                await arrive(play, arrived, arrival)
                await let_out(play.owner, config, step.last)
            await play.compare(DELAYED, through_time(moves, DELAY, MUTE))
            await play.replay(DELAYED)


async def arrive(play: Play, moves: Sequence[Move], moment: datetime) -> None:
    """Push `moves` at `moment`, each technician's in one push and all at once."""
    by_technician: dict[str, list[Move]] = {}
    for move in moves:
        by_technician.setdefault(move.technician, []).append(move)
    if by_technician:
        await play.owner.set_clock(moment)
        await asyncio.gather(
            *(play.devices.push(who, mine, moment) for who, mine in by_technician.items())
        )
