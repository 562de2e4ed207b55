"""A campaign as if it had been active in a time that is past, by its newest version."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from mail.campaigns.cache import CampaignSet, load, read_company
from mail.campaigns.definition import Content, to_rules
from mail.campaigns.errors import CampaignStatusError
from mail.campaigns.sender import SenderIdentity, read_sender
from mail.campaigns.store import get_campaign
from mail.delivery.stages import Version
from rules.address import sendable
from rules.campaign import Campaign, Pause, Status
from rules.history import StateKind
from sync.database import Tx

#: Pauses that last are left out: the campaign is replayed as if it were active.
_PAUSES: Final = """
SELECT start_at, end_at FROM campaign_pause
WHERE account = $1 AND campaign = $2 AND end_at IS NOT NULL
UNION ALL
SELECT start_at, end_at FROM sending_pause WHERE account = $1 AND end_at IS NOT NULL
"""

_KINDS: Final = "SELECT code, kind FROM state WHERE account = $1"


class AsIf(Struct, frozen=True):
    """A campaign as if it had been active from `since` until `until` (UTC).

    `rules`: its newest version, with the pauses that have ended, its own and the account's.
    `identity`: who its mails come from. `kinds`: of states. `campaigns`: of the account, for the
    calendars of its locations.
    """

    name: str
    rules: Campaign
    content: Content
    identity: SenderIdentity
    kinds: Mapping[str, StateKind]
    campaigns: CampaignSet
    since: datetime
    until: datetime

    def version(self, sender: str = "") -> Version:
        """The version as release takes it, `sender` being the address of its mails.

        Pauses are not in it: whoever replays has judged by them.
        """
        rules = structs.replace(self.rules, pauses=())
        domain = sender.rpartition("@")[2].lower()
        return Version(rules, self.content, sender, domain, self.identity)

    def sender(self, mail_from: str) -> str:
        """The address of its mails. `mail_from`: of campaigns that name none.

        :raises ValueError: it is no address.
        """
        return sendable(self.content.message.sender_address or mail_from)


async def read_as_if(tx: Tx, campaign: UUID, since: datetime) -> AsIf:
    """Return a campaign that is not archived, as if it had been active from `since` (UTC) to now.

    :raises MissingError: the account has no such campaign.
    :raises CampaignStatusError: it is archived.
    """
    record = await get_campaign(tx, campaign)
    if record.status is Status.ARCHIVED:
        raise CampaignStatusError("an archived campaign is not replayed")
    pauses = await tx.fetch(_PAUSES, tx.account, campaign)
    rules = to_rules(
        campaign,
        record.version,
        record.definition,
        Status.ACTIVE,
        since,
        tuple(Pause(row["start_at"], row["end_at"]) for row in pauses),
        await read_company(tx),
    )
    return AsIf(
        name=record.name,
        rules=rules,
        content=record.definition.content,
        identity=await read_sender(tx),
        kinds={row["code"]: StateKind(row["kind"]) for row in await tx.fetch(_KINDS, tx.account)},
        campaigns=await load(tx),
        since=since,
        until=tx.now,
    )
