"""Seeds an empty database with the demo account, in one transaction."""

import asyncio
import hashlib
import hmac
from random import Random
from typing import Final

from mail.planning.history import read_histories
from mail.planning.writes import write_completions
from mail.tables import SurveyCap
from server.access.passwords import hash_password
from server.demo import past, past_answers
from server.demo.aftermath import is_live, plan, suppressed_customers
from server.demo.company import (
    Ids,
    write_campaign,
    write_company,
    write_customers,
    write_task_types,
    write_tasks,
)
from server.demo.customers import make_customers
from server.demo.field import write_steps
from server.demo.fixture import DEMO
from server.demo.refusals import write_refusals
from server.demo.releases import CAP, Releases
from server.demo.replies import ReplyGenerator
from server.demo.return_visit import write_return_visit
from server.demo.rows import insert
from server.demo.story import DemoTask, TaskGenerator
from sync.database import Tx, tx
from sync.ids import ALPHABET, new_account_number

SEED: Final = 2022
_PASSWORD_LENGTH: Final = 12


def password_of(secret: str, email: str) -> str:
    """The demo password of the user `email`; the same for the same `secret`."""
    mixed = hmac.new(secret.encode(), f"demo:{email}".encode(), hashlib.sha256).digest()
    letters = "".join(ALPHABET[byte & 31] for byte in mixed[:_PASSWORD_LENGTH]).lower()
    return "-".join(letters[start : start + 4] for start in range(0, _PASSWORD_LENGTH, 4))


async def seed(secret: str) -> None:
    """Write the demo account; its passwords are derived from `secret`."""
    addresses = [user.email for user in DEMO.users]
    passwords = [password_of(secret, address) for address in addresses]
    hashes = await asyncio.gather(
        *(asyncio.to_thread(hash_password, password) for password in passwords)
    )
    async with tx(new_account_number()) as opened:
        # A slow machine makes up the rows of one statement for longer than sessions may wait.
        await opened.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        rng = Random(SEED)  # noqa: S311 - demo data, no secret
        customers = make_customers(rng)
        tasks = TaskGenerator(rng, opened.now, customers).tasks()
        ids = await write_company(opened, dict(zip(addresses, hashes, strict=True)))
        await write_task_types(opened, ids)
        await write_customers(opened, customers)
        await write_tasks(opened, ids, tasks)
        await write_steps(opened, ids, tasks)
        await write_refusals(opened, ids, tasks)
        await _write_campaigns(opened, ids, rng, tasks)


async def _write_campaigns(tx: Tx, ids: Ids, rng: Random, tasks: list[DemoTask]) -> None:
    """Write the campaigns and all that they did; live tasks are left to the workers."""
    settled = [task for task in tasks if not is_live(task, tx.now)]
    decisions, planned, definitions = [], [], {}
    for fixture in DEMO.campaigns:
        active = await write_campaign(tx, ids, fixture)
        campaign = await past.backdate_campaign(tx, fixture.key, active)
        decided, invited = plan(campaign, ids.task_types, settled)
        decisions += decided
        planned += invited
        definitions[active.id] = active.definition
    decisions, planned = await write_return_visit(tx, ids, decisions, planned)
    releases = Releases(rng, suppressed_customers(tasks, tx.now))
    generator = ReplyGenerator(rng, tx.now)
    invitations = releases.release_all(planned)
    await insert(SurveyCap, [{"account": tx.account, "surveys": CAP.surveys, "days": CAP.days}])
    await past.write_decisions(tx, ids, decisions, invitations)
    await past.write_mails(tx, ids, invitations, releases)
    replies = [
        reply
        for invitation in invitations
        if (reply := generator.reply(invitation, definitions[invitation.campaign.id])) is not None
    ]
    await past_answers.write_replies(tx, ids, replies)
    await past_answers.write_follow_ups(tx, ids, replies)
    await past.queue_tasks(tx, [task.id for task in tasks if is_live(task, tx.now)])
    await write_completions(tx, await read_histories(tx, [task.id for task in settled]))
