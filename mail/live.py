"""The campaigns of an account as deciding needs them, kept by each process between changes."""

from asyncio import AbstractEventLoop, get_running_loop
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
from msgspec import Struct

from mail.definition import Content, Rules, to_rules
from mail.formats import decode_content, decode_rules
from rules.campaign import Campaign, Pause, Status
from rules.matching import CampaignIndex
from sync.database import DB, Tx

#: A campaign's id and one of its versions.
VersionKey: TypeAlias = tuple[UUID, int]

K = TypeVar("K")
V = TypeVar("V")

#: By account, campaign and version.
Versions: TypeAlias = OrderedDict[tuple[int, UUID, int], V]

_ACCOUNTS_KEPT: Final = 64
_VERSIONS_KEPT: Final = 2048


class CampaignSet(Struct, frozen=True):
    """Every campaign of an account at one revision.

    `index`: the live ones, by what makes them ask. `campaigns`: all but drafts, by id, each at
    its newest version; `pinned_rules` gives the version that an invitation has.
    """

    revision: int
    index: CampaignIndex
    campaigns: dict[UUID, Campaign]


_EMPTY: Final = CampaignSet(0, CampaignIndex(()), {})


class _Kept:
    """What is kept beside one pool: another event loop or another database has its own."""

    def __init__(self, pool: object) -> None:
        self.pool = pool
        self.sets: OrderedDict[int, CampaignSet] = OrderedDict()
        self.rules: Versions[Rules] = OrderedDict()
        self.content: Versions[Content] = OrderedDict()


_kept: WeakKeyDictionary[AbstractEventLoop, _Kept] = WeakKeyDictionary()

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
SELECT v.campaign, v.version, v.{part} AS part, v.format
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
    sets = _here().sets
    found = sets.get(tx.account)
    if found is None or found.revision != revision:
        found = await _read(tx, revision)
    _keep(sets, tx.account, found, _ACCOUNTS_KEPT)
    return found


async def pinned_rules(tx: Tx, keys: Iterable[VersionKey]) -> dict[VersionKey, Rules]:
    """Whom campaigns asked, and when, at those versions."""
    return await _pinned(tx, keys, _here().rules, "rules", decode_rules)


async def pinned_content(tx: Tx, keys: Iterable[VersionKey]) -> dict[VersionKey, Content]:
    """What campaigns said at those versions."""
    return await _pinned(tx, keys, _here().content, "content", decode_content)


async def _pinned(
    tx: Tx,
    keys: Iterable[VersionKey],
    kept: Versions[V],
    part: str,
    decode: Callable[[str, int], V],
) -> dict[VersionKey, V]:
    """Versions never change, so a process keeps them."""
    wanted = set(keys)
    found = {key: kept[tx.account, *key] for key in wanted if (tx.account, *key) in kept}
    missing = list(wanted - found.keys())
    if missing:
        ids, numbers = zip(*missing, strict=True)
        for row in await tx.fetch(_VERSIONS.format(part=part), tx.account, ids, numbers):
            found[row["campaign"], row["version"]] = decode(row["part"], row["format"])
    for key, said in found.items():
        _keep(kept, (tx.account, *key), said, _VERSIONS_KEPT)
    return found


def _here() -> _Kept:
    loop, pool = get_running_loop(), DB.pool
    kept = _kept.get(loop)
    if kept is None or kept.pool is not pool:
        kept = _kept[loop] = _Kept(pool)
    return kept


async def _read(tx: Tx, revision: int) -> CampaignSet:
    """Read after the revision: what is newer than it only makes us read again next time."""
    pauses: dict[UUID, list[Pause]] = {}
    for row in await tx.fetch(_PAUSES, tx.account):
        pauses.setdefault(row["campaign"], []).append(Pause(row["start_at"], row["end_at"]))
    rows = await tx.fetch(_CAMPAIGNS, tx.account)
    campaigns = [_campaign(row, tuple(pauses.get(row["id"], ()))) for row in rows]
    by_id = {campaign.id: campaign for campaign in campaigns}
    return CampaignSet(revision, CampaignIndex(campaigns), by_id)


def _campaign(row: asyncpg.Record, pauses: tuple[Pause, ...]) -> Campaign:
    status = Status(row["status"])
    rules = decode_rules(row["rules"], row["format"])
    return to_rules(row["id"], row["version"], rules, status, row["activated_at"], pauses)


def _keep(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
