"""What is stored of tasks when they are planned: transitions, invitations and decisions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, field

from mail.states import WITHDRAW, Status, quoted
from rules.decide import REARMING, Reason
from rules.history import Transition
from sync.database import Tx

#: Every task has one round so far; return visits do not open a new one yet.
ROUND: Final = 1

#: Reasons that are found at release, or that people have: planning again does not change them.
AT_RELEASE: Final = REARMING | {
    Reason.NO_ADDRESS,
    Reason.SUPPRESSED,
    Reason.MUTED,
    Reason.CANCELLED,
}


class Invitation(Struct, frozen=True):
    """The invitation of one (campaign, task, round).

    `status`: scheduled also where it is held and was never claimed. `due`, `release`: UTC.
    `rearm_transition`: the task's last transition when it was dropped for a reason that re-arms.
    """

    id: UUID
    campaign: UUID
    version: int
    transition: UUID
    status: Status
    due: datetime
    release: datetime
    rearm_transition: UUID | None


class TaskHistory(Struct, frozen=True):
    """One task: its transitions, in any order, and what was planned for it so far.

    `technicians`, `customers`: by transition; the latter only where there is one. `invitations`:
    by campaign. `outcomes`: of decisions, by campaign and transition.
    """

    task: UUID
    transitions: list[Transition] = field(default_factory=list)
    technicians: dict[UUID, UUID] = field(default_factory=dict)
    customers: dict[UUID, UUID] = field(default_factory=dict)
    invitations: dict[UUID, Invitation] = field(default_factory=dict)
    outcomes: dict[UUID, dict[UUID, str]] = field(default_factory=dict)

    def dropped(self, campaign: UUID) -> dict[UUID, Reason]:
        """The transitions whose invitation of `campaign` was dropped at release, and why."""
        outcomes = self.outcomes.get(campaign, {})
        return {
            transition: Reason(outcome)
            for transition, outcome in outcomes.items()
            if outcome in AT_RELEASE
        }


#: Locks the queue before the invitations, as all transactions do. Held mails are locked too, or an
#: operator could release one concurrently. What was ever claimed belongs to delivery and is only
#: read.
_LOCK_WAITING: Final = WITHDRAW.reading("""
SELECT i.id
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
WHERE i.account = $1 AND i.task = ANY($2) AND i.status IN ({from_statuses})
  AND o.phase IN ({from_phases})
ORDER BY i.id
FOR NO KEY UPDATE
""")

_TRANSITIONS: Final = """
SELECT task, id, type, state, moment, sequence, received_at, survey, technician, customer,
  device
FROM transition WHERE account = $1 AND task = ANY($2)
"""

_INVITATIONS: Final = quoted("""
SELECT task, id, campaign, version, transition, reason,
  CASE WHEN status = {Status.HELD} AND address IS NULL
    THEN {Status.SCHEDULED} ELSE status END AS status,
  due, release, rearm_transition
FROM invitation WHERE account = $1 AND task = ANY($2) AND round = $3
""")

_OUTCOMES: Final = """
SELECT task, campaign, transition, outcome
FROM decision WHERE account = $1 AND task = ANY($2) AND round = $3
"""


async def read_histories(tx: Tx, tasks: Iterable[UUID]) -> list[TaskHistory]:
    """Return the transitions of `tasks`; without invitations."""
    histories = {task: TaskHistory(task) for task in tasks}
    for row in await tx.fetch(_TRANSITIONS, tx.account, list(histories)):
        history = histories[row["task"]]
        history.transitions.append(
            Transition(
                row["id"],
                row["type"],
                row["state"],
                row["moment"],
                row["sequence"],
                row["received_at"],
                row["survey"],
                device=row["device"],
            )
        )
        history.technicians[row["id"]] = row["technician"]
        if row["customer"] is not None:
            history.customers[row["id"]] = row["customer"]
    return list(histories.values())


async def read_planned(tx: Tx, histories: Iterable[TaskHistory], *, lock: bool = True) -> None:
    """Add invitations and outcomes to `histories`.

    `lock`: invitations that were never claimed are locked, in the order of their ids.
    """
    by_task = {history.task: history for history in histories}
    tasks = list(by_task)
    if lock:
        await tx.fetch(_LOCK_WAITING, tx.account, tasks)
    for row in await tx.fetch(_INVITATIONS, tx.account, tasks, ROUND):
        # One that waits again was re-armed; once dropped for good, an earlier drop is void.
        rearms = (row["reason"] or Reason.LEFT_STATE) in REARMING
        by_task[row["task"]].invitations[row["campaign"]] = Invitation(
            row["id"],
            row["campaign"],
            row["version"],
            row["transition"],
            Status(row["status"]),
            row["due"],
            row["release"],
            row["rearm_transition"] if rearms else None,
        )
    for row in await tx.fetch(_OUTCOMES, tx.account, tasks, ROUND):
        of_campaign = by_task[row["task"]].outcomes.setdefault(row["campaign"], {})
        of_campaign[row["transition"]] = row["outcome"]
