"""What campaigns decide on the histories of tasks, by the rules; planning writes what differs."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail.campaigns.cache import CampaignSet, load, pinned
from mail.planning.history import Invitation, TaskHistory, read_histories, read_planned
from mail.states import Status as InvitationStatus
from rules.campaign import Campaign, Status
from rules.decide import FRESH, Decision, RoundSoFar, decide
from rules.history import Transition
from sync.database import Tx

#: The outcome of a decision to ask; any other is a reason why not.
SCHEDULED: Final = "scheduled"


class CampaignDecisions(Struct, frozen=True):
    """What one campaign decides on the transitions of a task, by transition.

    `invitation`: of the task, if there is one already. `version`: the campaign's `newest` version,
    or the one that the invitation is pinned to.
    """

    history: TaskHistory
    invitation: Invitation | None
    newest: Campaign
    version: Campaign
    decisions: dict[UUID, Decision]


def concerns(campaigns: CampaignSet, history: TaskHistory) -> bool:
    """Return whether any campaign has rules for a task of this history."""
    return any(campaigns.index.matching(step.type) for step in history.transitions)


async def preview(
    tx: Tx, task: UUID, supposed: Transition | None = None
) -> list[CampaignDecisions]:
    """Return what planning would decide on `task` now; nothing is locked or written.

    `supposed`: a transition that would be in its history, too.
    """
    campaigns = await load(tx)
    [history] = await read_histories(tx, [task])
    if supposed is not None:
        history.transitions.append(supposed)
    if not concerns(campaigns, history):
        return []
    await read_planned(tx, [history], lock=False)
    return await decide_all(tx, campaigns, [history])


async def decide_all(
    tx: Tx, campaigns: CampaignSet, histories: Sequence[TaskHistory]
) -> list[CampaignDecisions]:
    """Return what each campaign decides on each of `histories`.

    For each task those campaigns decide that its transitions trigger, or that already asked; an
    invitation is decided by the version that it is pinned to.
    """
    newest = campaigns.campaigns
    older = {
        (invitation.campaign, invitation.version)
        for history in histories
        for invitation in history.invitations.values()
        if invitation.campaign in newest
        and newest[invitation.campaign].version != invitation.version
    }
    versions = {
        (campaign, number): version.as_campaign(number, newest[campaign])
        for (campaign, number), version in (await pinned(tx, older)).items()
    }
    decided = []
    for history in histories:
        found = {
            campaign.id: campaign
            for task_type, state in {(step.type, step.state) for step in history.transitions}
            for campaign in campaigns.index.for_transition(task_type, state)
        }
        found |= {
            campaign: newest[campaign]
            for campaign in history.invitations
            if campaign in newest and newest[campaign].status is not Status.ARCHIVED
        }
        for campaign in found.values():
            invitation = history.invitations.get(campaign.id)
            version = campaign
            if invitation is not None:
                version = versions.get((campaign.id, invitation.version), campaign)
            decisions = _decide(history, invitation, campaign, version)
            decided.append(CampaignDecisions(history, invitation, campaign, version, decisions))
    return decided


def _decide(
    history: TaskHistory, invitation: Invitation | None, newest: Campaign, version: Campaign
) -> dict[UUID, Decision]:
    """Return the decisions of a campaign: by `version` if there is an invitation, else `newest`."""
    if invitation is None:
        return decide(history.transitions, newest, FRESH)
    dropped = history.dropped(newest.id)
    waits = invitation.status in (InvitationStatus.SCHEDULED, InvitationStatus.DROPPED)
    standing = None if waits else invitation.transition
    decisions = decide(
        history.transitions, version, RoundSoFar(standing, dropped, invitation.rearm_transition)
    )
    if version is newest:
        return decisions
    # States that were selected after the invitation was pinned get their decisions, too.
    used_up = RoundSoFar(invitation.transition, dropped, None)
    return decide(history.transitions, newest, used_up) | decisions
