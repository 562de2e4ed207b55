"""Planning: from the transitions of changed tasks to decisions, invitations and completions.

Campaigns decide on whole histories, by the rules, and what differs from what is stored is written.
So planning a task again writes nothing, and may be repeated at any time. The lock of a task's row
protects its transitions, its decisions and its entry in the queue; `mail.planning.history` locks
its invitations against being claimed.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from mail.campaigns.cache import CampaignSet, load, pinned
from mail.planning import place_changes
from mail.planning.history import (
    AT_RELEASE,
    Invitation,
    TaskHistory,
    read_calendars,
    read_histories,
    read_planned,
)
from mail.planning.writes import Changes, Decided, Planned, write, write_completions
from mail.positions import ADVANCE
from mail.queues import process_due, queue_in
from mail.states import Status as InvitationStatus
from rules.campaign import Campaign, Status
from rules.decide import BY_MOMENT, BY_VERSION, Decision, Reason, RoundSoFar, Schedule, Skip, decide
from rules.history import Transition, ordered
from sync.database import Tx

#: The outcome of a decision to ask; any other is a reason why not.
SCHEDULED: Final = "scheduled"

QUEUE: Final = queue_in("task_change", "plan", "task")

_LOCK_TASKS: Final = """
SELECT id
FROM task WHERE account = $1 AND id = ANY($2)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""

_DEQUEUE: Final = "DELETE FROM task_change WHERE account = $1 AND task = ANY($2)"


class CampaignDecisions(Struct, frozen=True):
    """What one campaign decides on the transitions of a task's round, by transition.

    `invitation`: of the round, if there is one already. `version`: the campaign's `newest` version,
    or the one that the invitation is pinned to.
    """

    history: TaskHistory
    invitation: Invitation | None
    newest: Campaign
    version: Campaign
    decisions: dict[UUID, Decision]


async def plan_due(limit: int = 500) -> int:
    """Plan at most `limit` changed tasks of all accounts, and return how many were planned.

    What waits where a calendar changed is queued before, in chunks, which count as well.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    queued = await process_due(place_changes.QUEUE, limit, place_changes.queue_waiting)
    return queued + await process_due(QUEUE, limit, plan)


async def plan(tx: Tx, tasks: list[UUID]) -> int:
    """Plan those of `tasks` that no other transaction has locked, and return their number."""
    campaigns = await load(tx, lock=True)
    locked = await tx.fetch(_LOCK_TASKS, tx.account, tasks)
    histories = await read_histories(tx, [row["id"] for row in locked])
    concerned = _concerned(campaigns, histories)
    if concerned:
        await read_planned(tx, concerned)
    changes = Changes()
    for decided in await _decide_all(tx, campaigns, concerned):
        _compare(decided, changes)
    await write(tx, changes)
    await tx.execute(_DEQUEUE, tx.account, [row["id"] for row in locked])
    await write_completions(tx, histories)
    if any(astuple(changes)):
        tx.last.add(ADVANCE)
    return len(locked)


async def preview(
    tx: Tx, task: UUID, supposed: Transition | None = None
) -> list[CampaignDecisions]:
    """Return what planning would decide on `task` now; nothing is locked or written.

    `supposed`: a transition that would be in its history, too.
    """
    campaigns = await load(tx)
    histories = await read_histories(tx, [task], supposed)
    concerned = _concerned(campaigns, histories)
    if not concerned:
        return []
    await read_planned(tx, concerned, lock=False)
    return await _decide_all(tx, campaigns, concerned)


def _concerned(campaigns: CampaignSet, histories: Sequence[TaskHistory]) -> list[TaskHistory]:
    """Return all rounds of those tasks that any campaign has rules for, or that were asked anew."""
    tasks = {
        history.task
        for history in histories
        if history.is_closed
        or any(campaigns.index.matching(step.type) for step in history.transitions)
    }
    return [history for history in histories if history.task in tasks]


async def _decide_all(
    tx: Tx, campaigns: CampaignSet, histories: Sequence[TaskHistory]
) -> list[CampaignDecisions]:
    """Return what campaigns decide on `histories`: those that one triggers, or that asked already.

    An invitation is decided by the version that it is pinned to.
    """
    newest = campaigns.campaigns
    older = {
        (asked.campaign, asked.version)
        for history in histories
        for asked in history.invitations.values()
        if asked.campaign in newest and newest[asked.campaign].version != asked.version
    }
    versions = {
        (campaign, number): version.as_campaign(number, newest[campaign], campaigns)
        for (campaign, number), version in (await pinned(tx, older)).items()
    }
    await read_calendars(tx, campaigns, versions.values(), histories)
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
            invitation, version = history.invitations.get(campaign.id), campaign
            if invitation is not None:
                version = versions.get((campaign.id, invitation.version), campaign)
            decisions = _decide(history, invitation, campaign, version)
            decided.append(CampaignDecisions(history, invitation, campaign, version, decisions))
    return decided


def _decide(
    history: TaskHistory, invitation: Invitation | None, newest: Campaign, version: Campaign
) -> dict[UUID, Decision]:
    """Return the decisions of a campaign, by the `version` of its `invitation` if it has asked."""
    task, number, closed = history.task, history.round, history.is_closed
    earlier = history.decided(newest.id, BY_MOMENT, newest.saved_at)
    skipped = history.decided(newest.id, BY_VERSION) | earlier
    if invitation is None:
        so_far = RoundSoFar(None, {}, None, number, skipped, closed)
        return decide(history.transitions, newest, task, so_far, history.calendar)
    dropped = history.decided(newest.id, AT_RELEASE) | (skipped if invitation.manual else {})
    # Nobody asks about these afterwards, whatever becomes of the one that is asked.
    past = {step: reason for step, reason in earlier.items() if reason in BY_MOMENT}
    waits = invitation.status is InvitationStatus.SCHEDULED
    is_free = invitation.status is InvitationStatus.DROPPED or (waits and not invitation.manual)
    standing = None if is_free else invitation.transition
    admitted = invitation.transition if waits else None
    rearms_after = invitation.rearm_transition
    so_far = RoundSoFar(standing, dropped, rearms_after, number, past, closed, admitted)
    decisions = decide(history.transitions, version, task, so_far, history.calendar)
    if waits and invitation.manual and closed:
        decisions[invitation.transition] = Skip(Reason.NEW_ROUND)
    if version is newest:
        return decisions
    # States that were selected after the invitation was pinned get their decisions, too.
    used_up = RoundSoFar(invitation.transition, dropped, None, skipped=past)
    return decide(history.transitions, newest, history.task, used_up, history.calendar) | decisions


def _compare(decided: CampaignDecisions, changes: Changes) -> None:
    """Add to `changes` how deciding for one campaign differs from what is stored."""
    history, invitation, newest = decided.history, decided.invitation, decided.newest
    known = history.outcomes.get(newest.id, {})
    waiting = None
    if invitation is not None and invitation.status is InvitationStatus.SCHEDULED:
        waiting = None if invitation.manual else invitation
    planned: Planned | None = None
    for transition, decision in decided.decisions.items():
        outcome, release, is_moved = SCHEDULED, None, False
        if isinstance(decision, Schedule):
            release = decision.release
            planned = planned or Planned(
                transition,
                history.technicians[transition],
                history.customers.get(transition),
                decision.due,
                release,
            )
            # A late transition may have moved the one that a waiting invitation is for.
            if waiting is not None and waiting.transition == transition:
                is_moved = (waiting.due, waiting.release) != (decision.due, release)
        else:
            outcome = decision.reason.value
        if is_moved or known.get(transition) != outcome:
            decision_row = Decided(
                newest.id, transition, history.task, history.round, outcome, release
            )
            changes.decided.append(decision_row)
    if invitation is not None:
        _compare_invitation(history, invitation, planned, changes)
    elif planned is not None:
        changes.made.append((newest.id, newest.version, history.task, history.round, planned))


def _compare_invitation(
    history: TaskHistory, invitation: Invitation, planned: Planned | None, changes: Changes
) -> None:
    if invitation.status is InvitationStatus.DROPPED and planned is not None:
        changes.rearmed.append((invitation.id, planned))
    if invitation.status is not InvitationStatus.SCHEDULED:
        return
    if invitation.manual:  # it is for the step that it was sent for, at the time that it was
        if history.is_closed:
            reason = Reason.NEW_ROUND.value
            changes.disarmed.append((invitation.id, invitation.transition, reason))
        return
    if planned is not None:
        stored = (invitation.transition, invitation.due, invitation.release)
        if (planned.transition, planned.due, planned.release) != stored:
            changes.moved.append((invitation.id, planned))
        return
    # Nobody is asked any more: a re-armed invitation is dropped again as before, another deleted.
    dropped = history.decided(invitation.campaign, AT_RELEASE)
    last = next(
        (step for step in reversed(ordered(history.transitions)) if step.id in dropped), None
    )
    if last is None:
        changes.withdrawn.append(invitation.id)
    else:
        changes.disarmed.append((invitation.id, last.id, dropped[last.id].value))
