"""What devices are sent about campaigns, so that technicians see offline who will be asked."""

from typing import Final
from uuid import UUID

from msgspec.structs import asdict

from mail.campaigns.cache import read_company
from mail.campaigns.criteria import Company, CriteriaNamed
from mail.campaigns.formats import decode_rules
from rules.campaign import PERMANENT
from rules.criteria import ALL_PERCENT, EVERY_TASK
from sync.database import Tx
from sync.feed.changes import Ask, AskCriteria
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

    Called last by each transaction that changes a campaign or the tree of units, with the revision
    locked.
    """
    company = await read_company(tx)
    asks: dict[UUID, list[Ask]] = {}
    for row in await tx.fetch(_ACTIVE, tx.account):
        rules = decode_rules(row["rules"], row["format"])
        period = company.period(rules.first_day, rules.last_day)
        criteria = _for_devices(rules.criteria, company)
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
                delay_in=rules.delay_in,
                mute=rules.mute,
                criteria=criteria,
                sampled=rules.sample_percent < ALL_PERCENT,
                starts_at=None if period.start == PERMANENT.start else period.start,
                ends_at=None if period.end == PERMANENT.end else period.end,
            )
            asks.setdefault(task_type, []).append(ask)
    await set_asks(tx, asks)


def _for_devices(criteria: CriteriaNamed, company: Company) -> AskCriteria | None:
    """The criteria as devices judge them; None for none."""
    compared = criteria.for_rules(company)
    if compared == EVERY_TASK:
        return None
    values = {name: sorted(map(str, found)) for name, found in asdict(compared).items()}
    return AskCriteria(**values)
