"""What devices are sent about campaigns, so that technicians see offline who will be asked."""

from typing import Final
from uuid import UUID

from mail.campaigns.definition import decode_rules
from sync.database import Tx
from sync.feed.changes import Ask
from sync.records.task_types import set_asks

_ACTIVE: Final = """
SELECT c.id, c.name, v.rules, v.format
FROM campaign c
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (c.account, c.id, c.version)
WHERE c.account = $1 AND c.status = 'active' AND NOT EXISTS (
  SELECT FROM sending_pause WHERE account = $1 AND end_at IS NULL)
ORDER BY c.name, c.id
"""


async def publish_asks(tx: Tx) -> None:
    """Update the feeds to the account's active campaigns; none while its sending is paused.

    Called last by each transaction that changes a campaign, with the revision locked.
    """
    asks: dict[UUID, list[Ask]] = {}
    for row in await tx.fetch(_ACTIVE, tx.account):
        rules = decode_rules(row["rules"], row["format"])
        states: dict[UUID, set[str]] = {}
        for trigger in rules.rules:
            for task_type in trigger.task_types:
                states.setdefault(task_type, set()).update(trigger.states)
        for task_type, codes in states.items():
            ask = Ask(
                campaign=str(row["id"]),
                name=row["name"],
                states=sorted(codes),
                primary=rules.primary.value,
                secondary=None if rules.secondary is None else rules.secondary.value,
                may_untick=rules.opt_out_allowed,
                delay=rules.delay,
                mute=rules.mute,
            )
            asks.setdefault(task_type, []).append(ask)
    await set_asks(tx, asks)
