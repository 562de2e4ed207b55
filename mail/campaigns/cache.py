"""The campaigns of an account as deciding needs them, cached by each process between changes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from mail.campaigns.calendar import Places, read_calendar
from mail.campaigns.cap import read_cap
from mail.campaigns.criteria import Company
from mail.campaigns.definition import Content, Rules, to_rules, triggers
from mail.campaigns.formats import decode_content, decode_rules
from mail.campaigns.sender import NOBODY, SenderIdentity, read_sender
from rules.at_release import Cap
from rules.campaign import Campaign, CampaignIndex, Pause, Selected, Status, selected_since
from sync.database import Tx

#: A campaign's id and one of its versions.
VersionKey: TypeAlias = tuple[UUID, int]

#: A cache that reaches its size is emptied: reading an entry again costs one statement.
_MAX_ACCOUNTS: Final = 64
_MAX_VERSIONS: Final = 2048


class CampaignSet(Struct, frozen=True):
    """Every campaign of an account at one revision, and its sender identity.

    `index`: active and paused ones, by task type and state. `campaigns`: all but drafts, by id,
    each at its newest version; `pinned` returns the version of an invitation. `company`: with which
    they were read. `places`: calendars of the account's locations; planning `needs_places` where
    one is set or delays are in working hours. `selected`: since when each version of a campaign
    selects what it does. `is_off`: the account's sending is paused, and so every campaign that is
    active otherwise. `sender`: who the account's mails come from. `cap`: on the surveys of an
    address.
    """

    revision: int
    index: CampaignIndex
    campaigns: dict[UUID, Campaign]
    company: Company
    places: Places
    needs_places: bool = False
    selected: dict[VersionKey, Selected] = {}
    is_off: bool = False
    sender: SenderIdentity = NOBODY
    cap: Cap | None = None


_EMPTY: Final = CampaignSet(0, CampaignIndex(()), {}, Company("UTC", {}), Places(None))


@dataclass(frozen=True)
class CampaignVersion:
    """One version of a campaign; its content is decoded at first use.

    `content_json`: in the format `format` (`mail.campaigns.definition`).
    """

    rules: Rules
    content_json: str
    format: int

    @cached_property
    def content(self) -> Content:
        """Texts, sender and questions.

        :raises msgspec.ValidationError: the stored document is not valid.
        """
        return decode_content(self.content_json, self.format)

    def as_campaign(self, version: int, newest: Campaign, known: CampaignSet) -> Campaign:
        """Return the rules of this `version` with the status and pauses of the `newest`."""
        return to_rules(
            newest.id,
            version,
            self.rules,
            newest.status,
            newest.activated_at,
            newest.pauses,
            known.company,
            known.selected.get((newest.id, version)),
        )


#: A process works on one database.
_sets: Final[dict[int, CampaignSet]] = {}
_versions: Final[dict[tuple[int, UUID, int], CampaignVersion]] = {}

_REVISION: Final = "SELECT revision FROM campaign_set WHERE account = $1"
_LOCK_REVISION: Final = "SELECT revision FROM campaign_set WHERE account = $1 FOR SHARE"

_CREATE_REVISION: Final = """
INSERT INTO campaign_set (account, revision) VALUES ($1, 0) ON CONFLICT (account) DO NOTHING
"""

_CAMPAIGNS: Final = """
SELECT c.id, c.version, c.status, c.activated_at, v.rules, v.format, v.created_at
FROM campaign c
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (c.account, c.id, c.version)
WHERE c.account = $1 AND c.status <> 'draft'
ORDER BY c.id
"""

#: Of campaigns that were edited.
_EDITIONS: Final = """
SELECT v.campaign, v.version, v.rules, v.format, v.created_at
FROM campaign c JOIN campaign_version v ON (v.account, v.campaign) = (c.account, c.id)
WHERE c.account = $1 AND c.status <> 'draft' AND c.version > 1
ORDER BY v.campaign, v.version
"""

#: Those of the account are each campaign's.
_PAUSES: Final = """
SELECT campaign, start_at, end_at FROM campaign_pause WHERE account = $1
UNION ALL
SELECT NULL, start_at, end_at FROM sending_pause WHERE account = $1
"""

#: A null parent where no unit has one.
_COMPANY: Final = """
SELECT a.zone, u.parent, array_agg(u.id) AS children
FROM account a LEFT JOIN unit u ON u.account = a.account AND u.parent IS NOT NULL
WHERE a.account = $1 GROUP BY a.zone, u.parent
"""

_VERSIONS: Final = """
SELECT v.campaign, v.version, v.rules, v.content, v.format
FROM unnest($2::uuid[], $3::integer[]) AS wanted (campaign, version)
JOIN campaign_version v ON v.account = $1
  AND (v.campaign, v.version) = (wanted.campaign, wanted.version)
"""


async def load(tx: Tx, *, lock: bool = False) -> CampaignSet:
    """Return the account's campaigns; one cheap statement unless one of them has changed.

    `lock`: none of them changes before this transaction ends (writers wait).
    """
    revision = await tx.fetchval(_LOCK_REVISION if lock else _REVISION, tx.account)
    if revision is None and lock:
        # Without the row there is nothing to lock, and the account's first campaign could be
        # created and activated concurrently.
        await tx.execute(_CREATE_REVISION, tx.account)
        revision = await tx.fetchval(_LOCK_REVISION, tx.account)
    if revision is None:
        return _EMPTY
    found = _sets.get(tx.account)
    if found is None or found.revision != revision:
        found = await _read(tx, revision)
        if len(_sets) >= _MAX_ACCOUNTS:
            _sets.clear()
        _sets[tx.account] = found
    return found


async def pinned(tx: Tx, keys: Iterable[VersionKey]) -> dict[VersionKey, CampaignVersion]:
    """Return these versions of campaigns; they never change, so they are read once."""
    wanted = set(keys)
    cached = ((key, _versions.get((tx.account, *key))) for key in wanted)
    found = {key: version for key, version in cached if version is not None}
    if missing := wanted - found.keys():
        if len(_versions) >= _MAX_VERSIONS:
            _versions.clear()
        ids, numbers = zip(*missing, strict=True)
        for row in await tx.fetch(_VERSIONS, tx.account, ids, numbers):
            rules = decode_rules(row["rules"], row["format"])
            version = CampaignVersion(rules, row["content"], row["format"])
            found[row["campaign"], row["version"]] = version
            _versions[tx.account, row["campaign"], row["version"]] = version
    return found


async def read_company(tx: Tx) -> Company:
    """Return the account's zone, which never changes, and its tree of units.

    Whoever changes the tree increments the revision.
    """
    rows = await tx.fetch(_COMPANY, tx.account)
    return Company(rows[0]["zone"], {row["parent"]: row["children"] for row in rows})


async def _read(tx: Tx, revision: int) -> CampaignSet:
    """Read the campaigns after their `revision`.

    A change that commits in between is seen here already; the next call reads once more.
    """
    company = await read_company(tx)
    pauses: defaultdict[UUID | None, list[Pause]] = defaultdict(list)
    for row in await tx.fetch(_PAUSES, tx.account):
        pauses[row["campaign"]].append(Pause(row["start_at"], row["end_at"]))
    of_account = pauses[None]
    is_off = any(pause.end is None for pause in of_account)
    selected = await _selected(tx)
    campaigns = [
        to_rules(
            campaign=row["id"],
            version=row["version"],
            rules=decode_rules(row["rules"], row["format"]),
            status=Status.PAUSED if is_off and row["status"] == "active" else Status(row["status"]),
            activated_at=row["activated_at"],
            pauses=(*pauses[row["id"]], *of_account),
            company=company,
            selected_since=selected.get((row["id"], row["version"])),
            saved_at=row["created_at"],
        )
        for row in await tx.fetch(_CAMPAIGNS, tx.account)
    ]
    by_id = {campaign.id: campaign for campaign in campaigns}
    calendar = await read_calendar(tx)
    needed = calendar is not None or any(one.in_working_hours for one in campaigns)
    index, sender, places = CampaignIndex(campaigns), await read_sender(tx), Places(calendar)
    cap = stored.rule if (stored := await read_cap(tx)) else None
    known = (revision, index, by_id, company, places, needed, selected)
    return CampaignSet(*known, is_off, sender, cap)


async def _selected(tx: Tx) -> dict[VersionKey, Selected]:
    """Return since when each version selects what it does, of campaigns that were edited."""
    editions = await tx.fetch(_EDITIONS, tx.account)
    found: dict[VersionKey, Selected] = {}
    for campaign, rows in groupby(editions, itemgetter("campaign")):
        versions = {
            row["version"]: (row["created_at"], triggers(decode_rules(row["rules"], row["format"])))
            for row in rows
        }
        since = zip(versions, selected_since(versions.values()), strict=True)
        found |= {(campaign, version): selected for version, selected in since}
    return found
