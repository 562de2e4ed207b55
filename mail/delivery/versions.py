"""The pinned versions of campaigns, with what is as it is at release, not as it was pinned."""

from collections.abc import Sequence

from msgspec import structs

from mail.campaigns.cache import CampaignSet, pinned
from mail.delivery.stages import Candidate, Version, Versions
from rules.address import sendable
from sync.database import Tx


async def versions_of(
    tx: Tx, mail_from: str, campaigns: CampaignSet, candidates: Sequence[Candidate]
) -> Versions:
    """Return the pinned versions of candidates' campaigns, of those that are not drafts.

    `mail_from`: the sender of campaigns that name none.

    :raises ValueError: the sender of one is no address.
    """
    known = campaigns.campaigns
    keys = {(item.campaign, item.version) for item in candidates if item.campaign in known}
    versions = {}
    for (campaign, number), version in (await pinned(tx, keys)).items():
        rules = newest = known[campaign]
        if newest.version != number:  # mute window and priority are the current ones
            rules = structs.replace(
                version.as_campaign(number, newest, campaigns),
                mute=newest.mute,
                mute_per_customer=newest.mute_per_customer,
                priority=newest.priority,
            )
        sender = sendable(version.content.message.sender_address or mail_from)
        domain = sender.rpartition("@")[2].lower()
        versions[campaign, number] = Version(
            rules, version.content, sender, domain, campaigns.sender
        )
    return versions
