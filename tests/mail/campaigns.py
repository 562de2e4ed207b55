"""Campaigns to try things with, and what became of tasks, read back from the database."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.lifecycle import activate_campaign
from mail.campaigns.questions import Question, ReasonChoice
from mail.campaigns.store import create_campaign
from mail.campaigns.texts import Message
from mail.planning.plan import plan_due
from sync.database import tx
from sync.ids import new_id
from tests.support.state_guard import staged
from tests.support.world import World


def definition(world: World, **changes: Any) -> Definition:
    """Asks at once about service calls and installations at 600 and 610; `changes` over that."""
    usual = Definition(
        rules=[Trigger([world.service_call, world.installation], ["600", "610"])],
        question=Question({"fr": "Votre visite vous a-t-elle plu ?", "en": "How did it go?"}),
        message=Message(
            sender_name="Plomberie Exemple",
            subject={"fr": "Votre avis", "en": "Your opinion"},
            title={"fr": "Votre visite", "en": "Your visit"},
            body={"fr": "Merci.", "en": "Thank you."},
        ),
        reasons=[
            ReasonChoice("late", {"fr": "Retard", "en": "Late"}),
            ReasonChoice("dirty", {"fr": "Malpropreté", "en": "Mess"}),
        ],
    )
    return msgspec.structs.replace(usual, **changes)


async def active(world: World, *, since: timedelta = timedelta(days=60), **changes: Any) -> UUID:
    """A campaign that is active `since` so long ago; `changes` as for `definition`."""
    async with tx(world.account) as opened:
        made = await create_campaign(opened, "Satisfaction", definition(world, **changes))
        await activate_campaign(opened, made)
        await opened.execute(
            "UPDATE campaign SET activated_at = activated_at - $2::interval WHERE id = $1",
            made,
            since,
        )
    return made


async def happened(world: World, task: UUID, state: str, moment: datetime, **fields: Any) -> UUID:
    """A transition by alice as intake keeps it, its task queued; its id.

    `received_at` is the moment unless given; `sequence`, `survey`, `technician` and `unit`
    likewise. Made in the office unless a `device` is given.
    """
    given: dict[str, Any] = {
        "received_at": moment,
        "sequence": 1,
        "survey": True,
        "technician": world.alice,
        "device": None,
        "unit": world.site,
        **fields,
    }
    made = new_id()
    async with tx(world.account) as opened:
        await opened.execute("SELECT FROM task WHERE id = $1 FOR UPDATE", task)
        await opened.execute(
            """
            INSERT INTO transition (account, id, digest, arrived_at, verdict, task, state, moment,
              sequence, device_moment, received_at, technician, survey, unexpected, type, unit,
              tags, customer_tags, device)
            SELECT $1, $2, '', $7, 'accepted', id, $4, $5, $6, $5, $7, $8, $9, false, type, $10,
              '{}', '{}', $11
            FROM task WHERE account = $1 AND id = $3
            """,
            world.account,
            made,
            task,
            state,
            moment,
            given["sequence"],
            given["received_at"],
            given["technician"],
            given["survey"],
            given["unit"],
            given["device"],
        )
        await opened.execute(
            """
            INSERT INTO task_change (account, task, changed_at, attempts, not_before)
            VALUES ($1, $2, $3, 0, $3) ON CONFLICT (account, task) DO NOTHING
            """,
            world.account,
            task,
            opened.now,
        )
    return made


async def plan_all() -> int:
    """Plan until nothing is due; how many tasks that were."""
    total = 0
    while done := await plan_due():
        total += done
    return total


async def time_of(world: World) -> datetime:
    """The database's time."""
    async with tx(world.account) as opened:
        return opened.now


async def rows(world: World, sql: str, *args: object) -> list[asyncpg.Record]:
    """The rows of `sql` in the account's scope."""
    async with tx(world.account) as opened:
        return await opened.fetch(sql, *args)


async def change(world: World, sql: str, *args: object) -> int:
    """Run `sql` in the account's scope, whatever state it sets; the number of rows it touched."""
    async with tx(world.account) as opened:
        await staged(opened)
        return await opened.execute(sql, *args)


async def outcomes(world: World, task: UUID) -> dict[UUID, str]:
    """What was decided for each transition of a task that only one campaign concerns."""
    found = await rows(world, "SELECT transition, outcome FROM decision WHERE task = $1", task)
    return {row["transition"]: row["outcome"] for row in found}


async def invitations(world: World, task: UUID) -> list[asyncpg.Record]:
    """The task's invitations, with what their entry in the queue says, if there is one."""
    return await rows(
        world,
        """
        SELECT i.*, o.phase, o.not_before, o.release AS queued_release
        FROM invitation i LEFT JOIN outbox o ON (o.account, o.invitation) = (i.account, i.id)
        WHERE i.task = $1 ORDER BY i.id
        """,
        task,
    )


async def only_invitation(world: World, task: UUID) -> asyncpg.Record:
    """The task's one invitation."""
    found = await invitations(world, task)
    assert len(found) == 1
    return found[0]


async def claimed(world: World, invitation: UUID) -> None:
    """As the deliverer does when an invitation leaves for SMTP."""
    await change(world, "UPDATE outbox SET phase = 'claimed' WHERE invitation = $1", invitation)
    await change(world, "UPDATE invitation SET status = 'claimed' WHERE id = $1", invitation)


async def dropped(world: World, invitation: UUID, reason: str, after: UUID | None = None) -> None:
    """As the deliverer does at release; `after`: the task's last transition, if it may re-arm."""
    await change(world, "DELETE FROM outbox WHERE invitation = $1", invitation)
    await change(
        world,
        """
        UPDATE invitation SET status = 'dropped', reason = $2, rearm_transition = $3
        WHERE id = $1
        """,
        invitation,
        reason,
        after,
    )
    await change(
        world,
        """
        UPDATE decision d SET outcome = $2, release = NULL FROM invitation i
        WHERE i.id = $1 AND (d.campaign, d.transition) = (i.campaign, i.transition)
        """,
        invitation,
        reason,
    )
    await change(
        world,
        "INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail)"
        " VALUES ($1, $2, $3, 'dropped', retour_now(), 0, $4)",
        world.account,
        new_id(),
        invitation,
        reason,
    )


async def queue_again(world: World, task: UUID) -> None:
    """As if the task had changed."""
    await change(
        world,
        "INSERT INTO task_change (account, task, changed_at, attempts, not_before)"
        " VALUES ($1, $2, retour_now(), 0, retour_now())",
        world.account,
        task,
    )
