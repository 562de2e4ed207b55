"""Mail's work, done in the test's own process: campaigns, planning, delivering."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mail.campaigns.definition import Definition
from mail.campaigns.lifecycle import activate_campaign
from mail.campaigns.store import create_campaign
from mail.config import MailConfig
from mail.planning.plan import plan_due
from mail.sending.run import deliver_due
from mail.smtp.address import parse_server
from sync.database import tx
from tests.support.databases import TestDatabase
from tests.support.owner import Owner
from tests.support.smtp_sink import Sink

#: Before every log and every history that these tests tell.
ACTIVE_SINCE: Final = datetime(2009, 6, 1, tzinfo=UTC)


async def active_campaign(account: int, name: str, definition: Definition, owner: Owner) -> UUID:
    """A campaign that has been active since long ago; the clock is moved there for it."""
    await owner.set_clock(ACTIVE_SINCE)
    async with tx(account) as opened:
        campaign = await create_campaign(opened, name, definition)
    async with tx(account) as opened:
        await activate_campaign(opened, campaign)
    await owner.right_clock()
    return campaign


async def plan() -> None:
    """Plan every changed task."""
    while await plan_due():
        pass


def mail_config(
    database: TestDatabase, sink: Sink, origin: str = "http://retour.test"
) -> MailConfig:
    """Settings of a worker that hands its mails, with links to `origin`, to `sink`."""
    return MailConfig(
        worker_dsn=database.worker,
        origin=origin,
        smtp=parse_server(sink.url),
        mail_from="retour@example.test",
    )


async def deliver(config: MailConfig) -> None:
    """Deliver everything that is due."""
    while await deliver_due(config):
        pass


async def let_out(owner: Owner, config: MailConfig, moment: datetime) -> None:
    """Plan and send at `moment`, and again when what waited for another's outcome may go on."""
    while True:
        await owner.set_clock(moment)
        await plan()
        await deliver(config)
        waiting = await owner.value(
            "SELECT min(not_before) FROM outbox WHERE release <= $1", moment
        )
        if waiting is None:
            return
        moment = waiting + timedelta(milliseconds=1)
