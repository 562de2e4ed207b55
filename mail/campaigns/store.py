"""Creating, reading and editing campaigns; `mail.campaigns.lifecycle` changes their status.

Every transaction that changes one, or the tree of units, first increments the account's
`campaign_set.revision`. The lock of that row serialises writers. Planners lock it FOR SHARE, so
that no transition is planned with campaigns that have changed meanwhile: an activation would miss
it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import astuple

from mail.assets.store import note_uses
from mail.campaigns.bank import take
from mail.campaigns.definition import Definition
from mail.campaigns.device_asks import publish_asks
from mail.campaigns.errors import CampaignStatusError, DefinitionError
from mail.campaigns.formats import decode_content, join, split
from mail.campaigns.look import images_of
from mail.campaigns.questions import FurtherQuestion
from mail.campaigns.revision import increment_revision
from mail.campaigns.validation import check
from rules.campaign import Status
from sync.audit import AuditChange, between, record
from sync.database import Tx
from sync.errors import MissingError, TakenError, UnknownReferenceError
from sync.ids import new_id
from sync.records import people
from sync.records.shapes import UnitPut


class CampaignRecord(Struct, frozen=True):
    """A campaign with its current version. Times are UTC."""

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

#: The time after the lock was taken, as of an activation: what planners that held it before have
#: decided counts as decided by the version before.
_ADD_VERSION = """
INSERT INTO campaign_version (account, campaign, version, rules, content, format, created_at)
VALUES ($1, $2, $3, $4, $5, $6, retour_now())
"""

_CONTENT = """
SELECT content, format FROM campaign_version WHERE account = $1 AND campaign = $2 AND version = $3
"""

#: What a definition names, by its kind.
_KNOWN = {
    "task type": "SELECT id AS key FROM task_type WHERE account = $1",
    "state": "SELECT code AS key FROM state WHERE account = $1",
    "unit": "SELECT id AS key FROM unit WHERE account = $1",
    "user": "SELECT id AS key FROM app_user WHERE account = $1",
    "image": "SELECT id AS key FROM asset WHERE account = $1",
}


async def get_campaign(tx: Tx, campaign: UUID) -> CampaignRecord:
    """Return a campaign.

    :raises MissingError: the account has no such campaign.
    """
    row = await tx.fetchrow(_SELECT + "AND c.id = $2", tx.account, campaign)
    if row is None:
        raise MissingError(campaign)
    return _record(row)


async def get_campaign_called(tx: Tx, external_id: str) -> CampaignRecord:
    """Return a campaign by its external id.

    :raises MissingError: the account has no such campaign.
    """
    row = await tx.fetchrow(_SELECT + "AND c.external_id = $2", tx.account, external_id)
    if row is None:
        raise MissingError("no campaign has this external id")
    return _record(row)


async def list_campaigns(
    tx: Tx, limit: int = 100, after: UUID | None = None
) -> list[CampaignRecord]:
    """Return at most `limit` campaigns in the order of their ids, from behind the id `after`."""
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
    """Create a draft with `definition` as its version 1, and return its id.

    :raises DefinitionError: the definition cannot be saved.
    :raises UnknownReferenceError: it names what the account does not have.
    :raises TakenError: another campaign has this id or external id.
    """
    bank = await _validate(tx, definition)
    await increment_revision(tx)
    created = campaign or new_id()
    try:
        async with tx.savepoint():
            await tx.execute(
                "INSERT INTO campaign (account, id, external_id, name, status, version, created_at)"
                " VALUES ($1, $2, $3, $4, 'draft', 1, $5)",
                tx.account,
                created,
                external_id,
                name,
                tx.now,
            )
    except asyncpg.UniqueViolationError as error:
        field = "external_id" if "external_id" in (error.constraint_name or "") else "id"
        raise TakenError(field, "another campaign has it") from None
    await _add_version(tx, created, 1, definition, bank)
    new = {"external_id": external_id, "name": name, "definition": definition}
    await record(tx, "campaign.write", [AuditChange(f"campaign/{created}", None, new)])
    return created


async def edit_campaign(tx: Tx, campaign: UUID, name: str, definition: Definition) -> int:
    """Rename a campaign, save `definition` as its next version if it differs; return the version.

    It differs, too, where the questions that it takes from the bank were changed meanwhile.
    Invitations keep the version that they were scheduled with.

    :raises MissingError: the account has no such campaign.
    :raises CampaignStatusError: it is archived.
    :raises DefinitionError: the definition cannot be saved.
    :raises UnknownReferenceError: it names what the account does not have.
    """
    bank = await _validate(tx, definition)
    before = await lock_campaign(tx, campaign)
    if before.status is Status.ARCHIVED:
        raise CampaignStatusError("an archived campaign is not edited")
    version = before.version
    if definition != before.definition or bank != await _taken(tx, campaign, version):
        version += 1
        await _add_version(tx, campaign, version, definition, bank)
    await tx.execute(
        "UPDATE campaign SET name = $3, version = $4 WHERE account = $1 AND id = $2",
        tx.account,
        campaign,
        name,
        version,
    )
    await record(tx, "campaign.write", _audit_edit(before, await get_campaign(tx, campaign)))
    await publish_asks(tx)
    return version


async def _taken(tx: Tx, campaign: UUID, version: int) -> list[FurtherQuestion]:
    """Return the questions that a version took from the bank, as they were then."""
    row = await tx.fetchrow(_CONTENT, tx.account, campaign, version)
    assert row is not None  # noqa: S101 - versions are not deleted
    taken = decode_content(row["content"], row["format"]).from_bank
    return [] if taken is None else taken.questions


def _audit_edit(before: CampaignRecord, after: CampaignRecord) -> list[AuditChange]:
    """Return the change for the audit; of the definition, too, only the fields that differ."""
    if before == after:
        return []
    change = between(f"campaign/{after.id}", before, after)
    if before.definition == after.definition:
        return [change]
    fields = between("", before.definition, after.definition)
    old, new = {"definition": fields.before}, {"definition": fields.after}
    return [
        AuditChange(
            change.object, {**(change.before or {}), **old}, {**(change.after or {}), **new}
        )
    ]


async def _add_version(
    tx: Tx, campaign: UUID, version: int, definition: Definition, bank: Sequence[FurtherQuestion]
) -> None:
    stored = astuple(split(definition, bank))
    await tx.execute(_ADD_VERSION, tx.account, campaign, version, *stored)
    await note_uses(tx, images_of(definition.question.look), campaign, version)


async def lock_campaign(tx: Tx, campaign: UUID) -> CampaignRecord:
    """Return a campaign, locked against changes and planning until this transaction ends.

    The revision is incremented, so that every process reads the campaigns again.

    :raises MissingError: the account has no such campaign.
    """
    await increment_revision(tx)
    return await get_campaign(tx, campaign)


async def put_units(tx: Tx, items: Sequence[UnitPut]) -> list[UUID]:
    """Create or update units; campaigns and devices count what stands below theirs anew.

    :raises FieldError, TakenError: as `sync.records.people.put_units`.
    """
    await increment_revision(tx)
    return await people.put_units(tx, items, partial(publish_asks, tx))


async def _validate(tx: Tx, definition: Definition) -> list[FurtherQuestion]:
    """Return the questions that it takes from the bank."""
    problems = check(definition)
    if problems:
        raise DefinitionError(problems)
    rules, criteria = list(enumerate(definition.rules)), definition.criteria
    named: dict[str, Mapping[str, Collection[object]]] = {
        "task type": {f"rules.{place}.task_types": rule.task_types for place, rule in rules},
        "state": {f"rules.{place}.states": rule.states for place, rule in rules},
        "unit": {"criteria.units": criteria.units},
        "user": {"criteria.account_managers": criteria.account_managers},
        "image": {"question.look": images_of(definition.question.look)},
    }
    for kind, fields in named.items():
        if not any(fields.values()):
            continue
        known = {row["key"] for row in await tx.fetch(_KNOWN[kind], tx.account)}
        for field, keys in fields.items():
            if not known.issuperset(keys):
                raise UnknownReferenceError(f"definition.{field}", f"no such {kind}")
    return await take(tx, definition.from_bank)


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
