"""What the field is told of campaigns: who will be asked, so that technicians see it offline."""

from typing import Final
from uuid import UUID

from mail.campaigns.definition import Rules
from mail.campaigns.formats import decode_rules
from sync.database import Tx
from sync.feed.changes import Ask
from sync.records.task_types import set_asks

_ACTIVE: Final = """
SELECT c.id, c.name, v.rules, v.format
FROM campaign c
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (c.account, c.id, c.version)
WHERE c.account = $1 AND c.status = 'active' ORDER BY c.name, c.id
"""


async def notify_devices(tx: Tx) -> None:
    """Bring what devices know of the account's campaigns in line with those that are active.

    Whoever changes one calls this last, with the account's set of campaigns held.
    """
    asks: dict[UUID, list[Ask]] = {}
    for row in await tx.fetch(_ACTIVE, tx.account):
        for task_type, ask in _asks(
            row["id"], row["name"], decode_rules(row["rules"], row["format"])
        ):
            asks.setdefault(task_type, []).append(ask)
    await set_asks(tx, asks)


def _asks(campaign: UUID, name: str, says: Rules) -> list[tuple[UUID, Ask]]:
    states: dict[UUID, set[str]] = {}
    for rule in says.rules:
        for task_type in rule.task_types:
            states.setdefault(task_type, set()).update(rule.states)
    return [
        (task_type, _ask(campaign, name, says, sorted(codes)))
        for task_type, codes in states.items()
    ]


def _ask(campaign: UUID, name: str, says: Rules, states: list[str]) -> Ask:
    return Ask(
        campaign=str(campaign),
        name=name,
        states=states,
        primary=says.primary.value,
        secondary=None if says.secondary is None else says.secondary.value,
        may_untick=says.opt_out_allowed,
    )
