"""A return visit of the demo: its round was opened before the survey of the first one was sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from mail.states import Status
from mail.tables import TaskRound
from rules.decide import Reason
from server.demo.aftermath import CampaignDecision, Invitation
from server.demo.company import Ids
from server.demo.fixture import DEMO
from server.demo.rows import insert
from sync.database import Tx

#: How long before its release the survey was cancelled by the new round.
BEFORE: Final = timedelta(minutes=20)
WHY: Final = "Le client rappelle : le problème est revenu"


async def write_return_visit(
    tx: Tx, ids: Ids, decisions: Sequence[CampaignDecision], invitations: Sequence[Invitation]
) -> tuple[list[CampaignDecision], list[Invitation]]:
    """Open a round of one past task; return the decisions and invitations as they are then."""
    asked = next(item for item in invitations if _is_over(item))
    task, opened = asked.task.id, _opening(asked)
    clerk = DEMO.users_with("dispatcher")[0].key
    row = {"account": tx.account, "task": task, "round": 2, "opened_at": opened}
    await insert(TaskRound, [{**row, "opened_by": ids.users[clerk], "reason": WHY}])
    cancelled = {(item.campaign.id, item.step.id) for item in invitations if item.task.id == task}
    new_round = Reason.NEW_ROUND.value
    decided = [
        replace(decision, outcome=new_round, release=None, at=opened)
        if (decision.campaign, decision.step) in cancelled
        else decision
        for decision in decisions
    ]
    return decided, [item for item in invitations if item.task.id != task]


def _opening(invitation: Invitation) -> datetime:
    return invitation.release - BEFORE


def _is_over(invitation: Invitation) -> bool:
    """Whether all steps of its task are of the first round if the next one is opened before it."""
    opened = _opening(invitation)
    steps = invitation.task.steps
    waits = invitation.status is Status.SCHEDULED
    return waits and all(max(step.moment, step.received) < opened for step in steps)
