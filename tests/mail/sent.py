"""A survey that has left: what the deliverer's rows say, and the tokens that the mail carries."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from sync.database import tx
from sync.tokens import digest, mint, write
from tests.mail.campaigns import active, happened, invitations, plan_all, time_of
from tests.support.state_guard import staged
from tests.support.world import World

ADDRESS = "marie@example.net"


class Sent(Struct, frozen=True):
    """One mail that was accepted a moment ago; `survey`, `unsubscribe`: tokens."""

    task: UUID
    campaign: UUID
    invitation: UUID
    survey: str
    unsubscribe: str


async def sent(world: World, task: UUID | None = None, **changes: Any) -> Sent:
    """A finished task (a new one unless given), asked about by a new campaign; as a worker."""
    campaign = await active(world, **changes)
    asked_about = task or await world.task()
    moment = await time_of(world) - timedelta(hours=1)
    await happened(world, asked_about, "600", moment)
    await plan_all()
    return await left(world, asked_about, campaign)


async def left(world: World, task: UUID, campaign: UUID) -> Sent:
    """The task's invitation of `campaign`, as if SMTP had just taken it."""
    found = await invitations(world, task)
    [invitation] = [row["id"] for row in found if row["campaign"] == campaign]
    survey = mint()
    leaving = digest(survey)
    async with tx(world.account) as opened:
        await staged(opened)
        await opened.execute(
            "UPDATE invitation SET status = 'sent', address = $2, typed_address = $2,"
            " language = 'fr_CA', sent_at = $3, deadline = $4 WHERE id = $1",
            invitation,
            ADDRESS,
            opened.now,
            opened.now + timedelta(days=28),
        )
        await opened.execute("DELETE FROM outbox WHERE invitation = $1", invitation)
        await opened.execute(
            "INSERT INTO link VALUES ($1, $2, $3)", world.account, digest(leaving), invitation
        )
    account = world.account
    return Sent(task, campaign, invitation, write(account, survey), write(account, leaving))
