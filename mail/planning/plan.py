"""Planning: from the transitions of changed tasks to decisions, invitations and completions.

Planning a task again gives the same result and then writes nothing, so it may be repeated at any
time. The lock of a task's row protects its transitions, its decisions and its entry in the queue;
`mail.planning.history` locks its invitations against being claimed.
"""

from typing import Final
from uuid import UUID

from msgspec.structs import astuple

from mail.campaigns.cache import load
from mail.planning.completions import write_completions
from mail.planning.decisions import SCHEDULED, CampaignDecisions, concerns, decide_all
from mail.planning.history import Invitation, TaskHistory, read_histories, read_planned
from mail.planning.writes import Changes, Decided, Planned, write
from mail.positions import ADVANCE
from mail.queues import Queue, process_due
from mail.states import Status as InvitationStatus
from rules.decide import Schedule
from rules.history import ordered
from sync.database import Tx

QUEUE: Final = Queue(
    name="plan",
    due="""
    SELECT account, task FROM task_change
    WHERE quarantined_at IS NULL AND not_before <= $1
    ORDER BY not_before LIMIT $2
    """,
    failed="""
    UPDATE task_change SET attempts = attempts + 1, error = $4,
      not_before = $3::timestamptz + interval '5 seconds' * power(4, attempts),
      quarantined_at = CASE WHEN attempts + 1 >= $5 THEN $3::timestamptz END
    WHERE account = $1 AND task = $2
    """,
)

_LOCK_TASKS: Final = """
SELECT id
FROM task WHERE account = $1 AND id = ANY($2)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""

_DEQUEUE: Final = "DELETE FROM task_change WHERE account = $1 AND task = ANY($2)"


async def plan_due(limit: int = 500) -> int:
    """Plan at most `limit` changed tasks of all accounts, and return how many were planned.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    return await process_due(QUEUE, limit, plan)


async def plan(tx: Tx, tasks: list[UUID]) -> int:
    """Plan those of `tasks` that no other transaction has locked, and return their number."""
    campaigns = await load(tx, lock=True)
    locked = await tx.fetch(_LOCK_TASKS, tx.account, tasks)
    histories = await read_histories(tx, [row["id"] for row in locked])
    concerned = [history for history in histories if concerns(campaigns, history)]
    if concerned:
        await read_planned(tx, concerned)
    changes = Changes()
    for decided in await decide_all(tx, campaigns, concerned):
        _compare(decided, changes)
    await write(tx, changes)
    await tx.execute(_DEQUEUE, tx.account, [history.task for history in histories])
    await write_completions(tx, histories)
    if any(astuple(changes)):
        tx.last.add(ADVANCE)
    return len(histories)


def _compare(decided: CampaignDecisions, changes: Changes) -> None:
    """Add to `changes` how deciding for one campaign differs from what is stored."""
    history, invitation, newest = decided.history, decided.invitation, decided.newest
    known = history.outcomes.get(newest.id, {})
    is_waiting = invitation is not None and invitation.status is InvitationStatus.SCHEDULED
    waiting = invitation if is_waiting else None
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
            changes.decided.append(Decided(newest.id, transition, history.task, outcome, release))
    if invitation is not None:
        _compare_invitation(history, invitation, planned, changes)
    elif planned is not None:
        changes.made.append((newest.id, newest.version, history.task, planned))


def _compare_invitation(
    history: TaskHistory, invitation: Invitation, planned: Planned | None, changes: Changes
) -> None:
    if invitation.status is InvitationStatus.DROPPED and planned is not None:
        changes.rearmed.append((invitation.id, planned))
    if invitation.status is not InvitationStatus.SCHEDULED:
        return
    if planned is not None:
        stored = (invitation.transition, invitation.due, invitation.release)
        if (planned.transition, planned.due, planned.release) != stored:
            changes.moved.append((invitation.id, planned))
        return
    # Nobody is asked any more: a re-armed invitation is dropped again as before, another deleted.
    dropped = history.dropped(invitation.campaign)
    last = next(
        (step for step in reversed(ordered(history.transitions)) if step.id in dropped), None
    )
    if last is None:
        changes.withdrawn.append(invitation.id)
    else:
        changes.disarmed.append((invitation.id, last.id, dropped[last.id].value))
