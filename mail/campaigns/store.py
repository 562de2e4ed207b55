"""Campaigns: made, read, and edited as versions; `mail.campaigns.lifecycle` starts and stops them.

Whatever changes one bumps the account's `campaign_set.revision` first: that row's lock puts the
writers in a row, and planners hold it shared, so that no transition is planned by a set of
campaigns that had already changed (an activation would otherwise miss it).
"""

from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import astuple

from mail.campaigns.definition import Definition
from mail.campaigns.device_notice import notify_devices
from mail.campaigns.errors import CampaignStatusError, DefinitionError
from mail.campaigns.formats import join, split
from mail.campaigns.validation import check
from rules.campaign import Status
from sync.audit import AuditChange, between, record
from sync.database import Tx
from sync.errors import MissingError, TakenError, UnknownReferenceError
from sync.ids import new_id


class CampaignRecord(Struct, frozen=True):
    """A campaign as it now is; what it says is its version `version`. Times are UTC."""

    id: UUID
    external_id: str | None
    name: str
    status: Status
    version: int
    activated_at: datetime | None
    created_at: datetime
    definition: Definition


_SELECT = """
SELECT c.id, c.external_id, c.name, c.status, c.version, c.activated_at, c.created_at,
  v.rules, v.content, v.format
FROM campaign c
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (c.account, c.id, c.version)
WHERE c.account = $1
"""

_BUMP = """
INSERT INTO campaign_set (account, revision) VALUES ($1, 1)
ON CONFLICT (account) DO UPDATE SET revision = campaign_set.revision + 1
"""

_ADD_VERSION = """
INSERT INTO campaign_version (account, campaign, version, rules, content, format, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def get_campaign(tx: Tx, campaign: UUID) -> CampaignRecord:
    """One campaign.

    :raises MissingError: the account has none of this id.
    """
    row = await tx.fetchrow(_SELECT + "AND c.id = $2", tx.account, campaign)
    if row is None:
        raise MissingError(campaign)
    return _record(row)


async def get_campaign_called(tx: Tx, external_id: str) -> CampaignRecord:
    """One campaign, by what another system calls it.

    :raises MissingError: the account has none of this external id.
    """
    row = await tx.fetchrow(_SELECT + "AND c.external_id = $2", tx.account, external_id)
    if row is None:
        raise MissingError("no campaign has this external id")
    return _record(row)


async def list_campaigns(
    tx: Tx, limit: int = 100, after: UUID | None = None
) -> list[CampaignRecord]:
    """Campaigns in the order of their ids, at most `limit` behind the id `after`."""
    rows = await tx.fetch(
        _SELECT + "AND ($2::uuid IS NULL OR c.id > $2) ORDER BY c.id LIMIT $3",
        tx.account,
        after,
        limit,
    )
    return [_record(row) for row in rows]


async def create_campaign(
    tx: Tx,
    name: str,
    definition: Definition,
    *,
    campaign: UUID | None = None,
    external_id: str | None = None,
) -> UUID:
    """A new draft with `definition` as its version 1; its id.

    :raises DefinitionError: what it says cannot be kept.
    :raises UnknownReferenceError: a task type or state that the account does not have.
    :raises TakenError: another campaign has this id or external id.
    """
    await _refuse_unsound(tx, definition)
    await tx.execute(_BUMP, tx.account)
    made = campaign or new_id()
    try:
        async with tx.savepoint():
            await tx.execute(
                "INSERT INTO campaign (account, id, external_id, name, status, version, created_at)"
                " VALUES ($1, $2, $3, $4, 'draft', 1, $5)",
                tx.account,
                made,
                external_id,
                name,
                tx.now,
            )
    except asyncpg.UniqueViolationError as error:
        field = "external_id" if "external_id" in (error.constraint_name or "") else "id"
        raise TakenError(field, "another campaign has it") from None
    await _add_version(tx, made, 1, definition)
    new = {"external_id": external_id, "name": name, "definition": definition}
    await record(tx, "campaign.write", [AuditChange(f"campaign/{made}", None, new)])
    return made


async def edit_campaign(tx: Tx, campaign: UUID, name: str, definition: Definition) -> int:
    """Rename, and keep `definition` as the next version if it says something new; the version.

    Invitations keep the version that they were scheduled with.

    :raises MissingError: the account has none of this id.
    :raises CampaignStatusError: it is archived.
    :raises DefinitionError: what it says cannot be kept.
    :raises UnknownReferenceError: a task type or state that the account does not have.
    """
    await _refuse_unsound(tx, definition)
    before = await lock_campaign(tx, campaign)
    if before.status is Status.ARCHIVED:
        raise CampaignStatusError("an archived campaign is not edited")
    version = before.version
    if definition != before.definition:
        version += 1
        await _add_version(tx, campaign, version, definition)
    await tx.execute(
        "UPDATE campaign SET name = $3, version = $4 WHERE account = $1 AND id = $2",
        tx.account,
        campaign,
        name,
        version,
    )
    await record(tx, "campaign.write", _edited(before, await get_campaign(tx, campaign)))
    await notify_devices(tx)
    return version


def _edited(before: CampaignRecord, after: CampaignRecord) -> list[AuditChange]:
    """What an edit changed, of the definition too only the fields that differ."""
    if before == after:
        return []
    said = between(f"campaign/{after.id}", before, after)
    texts = between("", before.definition, after.definition)
    if before.definition == after.definition:
        return [said]
    was, now = {"definition": texts.before}, {"definition": texts.after}
    return [AuditChange(said.object, {**(said.before or {}), **was}, {**(said.after or {}), **now})]


async def _add_version(tx: Tx, campaign: UUID, version: int, definition: Definition) -> None:
    said = astuple(split(definition))
    await tx.execute(_ADD_VERSION, tx.account, campaign, version, *said, tx.now)


async def lock_campaign(tx: Tx, campaign: UUID) -> CampaignRecord:
    """One campaign, which nobody else changes or plans by before this transaction ends.

    Its revision grows, so that every process reads it again.

    :raises MissingError: the account has none of this id.
    """
    await tx.execute(_BUMP, tx.account)
    return await get_campaign(tx, campaign)


async def _refuse_unsound(tx: Tx, definition: Definition) -> None:
    problems = check(definition)
    if problems:
        raise DefinitionError(problems)
    known_types = {row["id"] for row in await _known(tx, "SELECT id FROM task_type")}
    known_states = {row["code"] for row in await _known(tx, "SELECT code FROM state")}
    for place, rule in enumerate(definition.rules):
        if not known_types.issuperset(rule.task_types):
            raise UnknownReferenceError(f"definition.rules.{place}.task_types", "no such task type")
        if not known_states.issuperset(rule.states):
            raise UnknownReferenceError(f"definition.rules.{place}.states", "no such state")


async def _known(tx: Tx, select: str) -> list[asyncpg.Record]:
    return await tx.fetch(select + " WHERE account = $1", tx.account)


def _record(row: asyncpg.Record) -> CampaignRecord:
    return CampaignRecord(
        id=row["id"],
        external_id=row["external_id"],
        name=row["name"],
        status=Status(row["status"]),
        version=row["version"],
        activated_at=row["activated_at"],
        created_at=row["created_at"],
        definition=join(row["rules"], row["content"], row["format"]),
    )
