"""The campaigns of an account as deciding needs them, kept by each process between changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from mail.campaigns.definition import Content, Rules, to_rules
from mail.campaigns.formats import decode_content, decode_rules
from rules.campaign import Campaign, Pause, Status
from rules.matching import CampaignIndex
from sync.database import Tx

#: A campaign's id and one of its versions.
VersionKey: TypeAlias = tuple[UUID, int]

#: When there are more, all are forgotten: to read one again costs a statement.
_ACCOUNTS_KEPT: Final = 64
_VERSIONS_KEPT: Final = 2048


class CampaignSet(Struct, frozen=True):
    """Every campaign of an account at one revision.

    `index`: the live ones, by what makes them ask. `campaigns`: all but drafts, by id, each at
    its newest version; `pinned` gives the version that an invitation has.
    """

    revision: int
    index: CampaignIndex
    campaigns: dict[UUID, Campaign]


_EMPTY: Final = CampaignSet(0, CampaignIndex(()), {})


@dataclass(frozen=True)
class CampaignVersion:
    """What a campaign says at one of its versions; the content is read when it is needed."""

    rules: Rules
    written: str
    format: int

    @cached_property
    def content(self) -> Content:
        """Texts, sender and questions.

        :raises msgspec.ValidationError: it cannot be read.
        """
        return decode_content(self.written, self.format)


#: Of the one database that a process works on.
_sets: Final[dict[int, CampaignSet]] = {}
_versions: Final[dict[tuple[int, UUID, int], CampaignVersion]] = {}

_REVISION = "SELECT revision FROM campaign_set WHERE account = $1"
_REVISION_HELD = "SELECT revision FROM campaign_set WHERE account = $1 FOR SHARE"

_NO_CAMPAIGNS = """
INSERT INTO campaign_set (account, revision) VALUES ($1, 0) ON CONFLICT (account) DO NOTHING
"""

_CAMPAIGNS = """
SELECT c.id, c.version, c.status, c.activated_at, v.rules, v.format
FROM campaign c
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (c.account, c.id, c.version)
WHERE c.account = $1 AND c.status <> 'draft'
ORDER BY c.id
"""

_PAUSES = "SELECT campaign, start_at, end_at FROM campaign_pause WHERE account = $1"

_VERSIONS = """
SELECT v.campaign, v.version, v.rules, v.content, v.format
FROM unnest($2::uuid[], $3::integer[]) AS wanted (campaign, version)
JOIN campaign_version v ON v.account = $1
  AND (v.campaign, v.version) = (wanted.campaign, wanted.version)
"""


async def load(tx: Tx, *, hold: bool = False) -> CampaignSet:
    """The account's campaigns: one cheap statement where nothing changed since the last call.

    `hold`: nothing may change them before this transaction ends (writers wait).
    """
    revision = await tx.fetchval(_REVISION_HELD if hold else _REVISION, tx.account)
    if revision is None and hold:
        # There is nothing to hold yet: without the row, the account's first campaign could be made
        # and started behind our back.
        await tx.execute(_NO_CAMPAIGNS, tx.account)
        revision = await tx.fetchval(_REVISION_HELD, tx.account)
    if revision is None:
        return _EMPTY
    found = _sets.get(tx.account)
    if found is None or found.revision != revision:
        found = await _read(tx, revision)
        if len(_sets) >= _ACCOUNTS_KEPT:
            _sets.clear()
        _sets[tx.account] = found
    return found


async def pinned(tx: Tx, keys: Iterable[VersionKey]) -> dict[VersionKey, CampaignVersion]:
    """What campaigns said at those versions, which never change."""
    wanted = set(keys)
    kept = ((key, _versions.get((tx.account, *key))) for key in wanted)
    found = {key: said for key, said in kept if said is not None}
    if missing := wanted - found.keys():
        if len(_versions) >= _VERSIONS_KEPT:
            _versions.clear()
        ids, numbers = zip(*missing, strict=True)
        for row in await tx.fetch(_VERSIONS, tx.account, ids, numbers):
            rules = decode_rules(row["rules"], row["format"])
            said = CampaignVersion(rules, row["content"], row["format"])
            found[row["campaign"], row["version"]] = said
            _versions[tx.account, row["campaign"], row["version"]] = said
    return found


async def _read(tx: Tx, revision: int) -> CampaignSet:
    """Read after the revision: what is newer than it only makes us read again next time."""
    pauses: dict[UUID, list[Pause]] = {}
    for row in await tx.fetch(_PAUSES, tx.account):
        pauses.setdefault(row["campaign"], []).append(Pause(row["start_at"], row["end_at"]))
    campaigns = [
        to_rules(
            campaign=row["id"],
            version=row["version"],
            rules=decode_rules(row["rules"], row["format"]),
            status=Status(row["status"]),
            activated_at=row["activated_at"],
            pauses=tuple(pauses.get(row["id"], ())),
        )
        for row in await tx.fetch(_CAMPAIGNS, tx.account)
    ]
    by_id = {campaign.id: campaign for campaign in campaigns}
    return CampaignSet(revision, CampaignIndex(campaigns), by_id)
