"""Puts the demo account into an empty database: all of it in one transaction, or nothing."""

import asyncio
import hashlib
import hmac
from datetime import timedelta
from random import Random
from typing import Final

from mail.campaigns.definition import to_rules
from rules.campaign import Campaign, Pause, Status
from server.access.passwords import hash_password
from server.demo import past
from server.demo.aftermath import is_live, leavers, plan
from server.demo.clients import clients
from server.demo.company import (
    Ids,
    Launched,
    write_campaign,
    write_clients,
    write_company,
    write_tasks,
)
from server.demo.field import write_steps
from server.demo.fixture import DEMO
from server.demo.refusals import write_refusals
from server.demo.releases import Releases
from server.demo.replies import Customers
from server.demo.story import Job, Narrator
from sync.database import Tx, tx
from sync.ids import ALPHABET, new_account_number

SEED: Final = 2022
#: Days for which the campaigns have been active; before that, tasks were finished unasked.
ACTIVE_DAYS: Final = 84
#: The campaigns that stood still, from so many days ago and for how many.
PAUSED: Final = {"entretien": (40, 10)}
_PASSWORD_LENGTH: Final = 12


def password_of(secret: str, email: str) -> str:
    """The demo's password of `email`: the same at every start of one data folder."""
    mixed = hmac.new(secret.encode(), f"demo:{email}".encode(), hashlib.sha256).digest()
    letters = "".join(ALPHABET[byte & 31] for byte in mixed[:_PASSWORD_LENGTH]).lower()
    return "-".join(letters[start : start + 4] for start in range(0, _PASSWORD_LENGTH, 4))


async def seed(secret: str) -> None:
    """Write the demo account; its passwords come from `secret`."""
    addresses = [person.email for person in DEMO.users]
    hashes = await asyncio.gather(
        *(asyncio.to_thread(hash_password, password_of(secret, one)) for one in addresses)
    )
    async with tx(new_account_number()) as opened:
        await _write(opened, dict(zip(addresses, hashes, strict=True)))


async def _write(tx: Tx, hashes: dict[str, str]) -> None:
    chance = Random(SEED)  # noqa: S311 - a story, not a secret
    everybody = clients(chance)
    jobs = Narrator(chance, tx.now, everybody).jobs()
    ids = await write_company(tx, hashes)
    await write_clients(tx, everybody)
    await write_tasks(tx, ids, jobs)
    await write_steps(tx, ids, jobs)
    await write_refusals(tx, ids, jobs)
    await _write_aftermath(tx, ids, chance, jobs)


async def _write_aftermath(tx: Tx, ids: Ids, chance: Random, jobs: list[Job]) -> None:
    """What followed from the past; what is under way is left to the workers."""
    live = [job for job in jobs if is_live(job, tx.now)]
    told = [job for job in jobs if not is_live(job, tx.now)]
    verdicts, planned, launched = [], [], {}
    for survey in DEMO.campaigns:
        made = await write_campaign(tx, ids, survey)
        campaign = await _with_past(tx, survey.key, made)
        decided, asked = plan(campaign, ids.task_types, told)
        verdicts += decided
        planned += asked
        launched[made.id] = made.definition
    releases, customers = Releases(chance, leavers(jobs, tx.now)), Customers(chance, tx.now)
    settled = releases.settle(planned)
    await past.write_decisions(tx, verdicts, settled)
    await past.write_mails(tx, ids, settled, releases)
    replies = [customers.reply(one, launched[one.campaign.id]) for one in settled]
    await past.write_replies(tx, ids, [reply for reply in replies if reply is not None])
    await past.queue_tasks(tx, [job.id for job in live])


async def _with_past(tx: Tx, key: str, made: Launched) -> Campaign:
    """The campaign as if it had been active for long, with its pauses."""
    pauses = []
    if key in PAUSED:
        ago, days = PAUSED[key]
        start = tx.now - timedelta(days=ago)
        pauses = [Pause(start, start + timedelta(days=days))]
    await past.write_campaign_past(tx, made.id, pauses, ACTIVE_DAYS)
    since = tx.now - timedelta(days=ACTIVE_DAYS)
    return to_rules(made.id, 1, made.definition, Status.ACTIVE, since, tuple(pauses))
