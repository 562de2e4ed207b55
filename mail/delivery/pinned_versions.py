"""The version of its campaign by which each invitation is judged at release."""

from collections.abc import Sequence

from msgspec import structs

from mail.campaigns.cache import CampaignSet, pinned
from mail.delivery.stages import Candidate, Version, Versions
from mail.message.headers import sendable
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
        if newest.version != number:  # the mute window is the current one
            rules = structs.replace(version.as_campaign(number, newest), mute=newest.mute)
        sender = sendable(version.content.message.sender_address or mail_from)
        domain = sender.rpartition("@")[2].lower()
        versions[campaign, number] = Version(rules, version.content, sender, domain)
    return versions
