"""What is stored of tasks when they are planned: transitions, invitations and decisions."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct, field

from mail.campaigns.cache import CampaignSet
from mail.states import WITHDRAW, Status, quoted
from rules.calendar import ALWAYS, Calendar
from rules.campaign import Campaign
from rules.criteria import Facts
from rules.decide import REARMING, Reason
from rules.history import Transition, by_rounds
from rules.timing import LATEST
from sync.database import Tx

#: A task's first round, which nobody opens.
FIRST_ROUND: Final = 1

#: Reasons that are found at release only, or that people have; planning again does not change these
#: decisions.
AT_RELEASE: Final = REARMING | {
    Reason.NO_ADDRESS,
    Reason.INTERNAL,
    Reason.SUPPRESSED,
    Reason.MUTED,
    Reason.CAPPED,
    Reason.CANCELLED,
}


class Invitation(Struct, frozen=True):
    """The invitation of one (campaign, task, round).

    `status`: scheduled also where it is held and was never claimed. `reason`: why it was dropped,
    or ended. `manual`: sent by hand. `due`, `release`: UTC. `rearm_transition`: the task's last
    transition when it was dropped for a reason that re-arms.
    """

    id: UUID
    campaign: UUID
    version: int
    transition: UUID
    status: Status
    reason: str | None
    manual: bool
    due: datetime
    release: datetime
    rearm_transition: UUID | None


class TaskHistory(Struct):
    """One round of a task: its transitions, in any order, and what was planned for it so far.

    `is_closed`: a later round was opened. `technicians`, `customers`: by transition, of the whole
    task; the latter only where there is one. `invitations`: by campaign. `outcomes`: of decisions,
    by campaign and transition; `decided_at`: when each was decided, UTC. `calendar`: of the task's
    location, where one is needed.
    """

    task: UUID
    round: int = FIRST_ROUND
    is_closed: bool = False
    transitions: list[Transition] = field(default_factory=list)
    technicians: dict[UUID, UUID] = field(default_factory=dict)
    customers: dict[UUID, UUID] = field(default_factory=dict)
    invitations: dict[UUID, Invitation] = field(default_factory=dict)
    outcomes: dict[UUID, dict[UUID, str]] = field(default_factory=dict)
    decided_at: dict[tuple[UUID, UUID], datetime] = field(default_factory=dict)
    calendar: Calendar = ALWAYS

    def decided(
        self, campaign: UUID, reasons: Collection[Reason], before: datetime = LATEST
    ) -> dict[UUID, Reason]:
        """The transitions about which `campaign` asks nobody for one of `reasons`, and which.

        `before`: what was decided later does not count, UTC. The reason of an invitation that was
        dropped counts whatever it is.
        """
        outcomes = self.outcomes.get(campaign, {})
        dropped = {
            transition: Reason(outcome)
            for transition, outcome in outcomes.items()
            if outcome in reasons and self.decided_at[campaign, transition] < before
        }
        asked = self.invitations.get(campaign)
        if asked is not None and asked.status is Status.DROPPED and asked.reason:
            dropped[asked.transition] = Reason(asked.reason)
        return dropped


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
  device, unit, priority, reason, channel, account_manager, tags, customer_tags
FROM transition WHERE account = $1 AND task = ANY($2)
"""

_INVITATIONS: Final = quoted("""
SELECT task, round, id, campaign, version, transition, reason, manual,
  CASE WHEN status = {Status.HELD} AND address IS NULL
    THEN {Status.SCHEDULED} ELSE status END AS status,
  due, release, rearm_transition
FROM invitation WHERE account = $1 AND task = ANY($2)
""")

_PLACES: Final = """
SELECT t.id AS task, coalesce(l.zone, a.zone) AS zone, l.region
FROM task t JOIN account a ON a.account = t.account
LEFT JOIN location l ON (l.account, l.id) = (t.account, t.location)
WHERE t.account = $1 AND t.id = ANY($2)
"""

_OUTCOMES: Final = """
SELECT task, round, campaign, transition, outcome, decided_at
FROM decision WHERE account = $1 AND task = ANY($2)
"""

_ROUNDS: Final = """
SELECT task, opened_at FROM task_round WHERE account = $1 AND task = ANY($2) ORDER BY task, round
"""


def facts_of(row: asyncpg.Record) -> Facts:
    """The facts in the columns that a transition and a task have alike."""
    return Facts(
        row["unit"],
        row["priority"],
        row["reason"],
        row["channel"],
        row["account_manager"],
        tuple(row["tags"]),
        tuple(row["customer_tags"]),
    )


async def read_histories(
    tx: Tx, tasks: Iterable[UUID], supposed: Transition | None = None
) -> list[TaskHistory]:
    """Return the transitions of `tasks` by rounds, without invitations.

    `supposed`: a transition that would be in the history of the one task, too.
    """
    wholes = await read_whole(tx, tasks)
    if supposed is not None:
        [(history, _)] = wholes
        history.transitions.append(supposed)
    return [part for history, opened in wholes for part in _by_rounds(history, opened)]


async def read_whole(tx: Tx, tasks: Iterable[UUID]) -> list[tuple[TaskHistory, Sequence[datetime]]]:
    """Return the transitions of each of `tasks`, and when its later rounds were opened (UTC)."""
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
                facts=facts_of(row),
            )
        )
        history.technicians[row["id"]] = row["technician"]
        if row["customer"] is not None:
            history.customers[row["id"]] = row["customer"]
    opened: dict[UUID, list[datetime]] = {}
    for row in await tx.fetch(_ROUNDS, tx.account, list(histories)):
        opened.setdefault(row["task"], []).append(row["opened_at"])
    return [(history, opened.get(task, ())) for task, history in histories.items()]


def _by_rounds(whole: TaskHistory, opened: Sequence[datetime]) -> list[TaskHistory]:
    """Return the history of each round of a task; nearly always there is one."""
    if not opened:
        return [whole]
    parts = by_rounds(whole.transitions, opened)
    return [
        TaskHistory(
            whole.task,
            number,
            number < len(parts),
            transitions,
            whole.technicians,
            whole.customers,
        )
        for number, transitions in enumerate(parts, FIRST_ROUND)
    ]


async def read_calendars(
    tx: Tx,
    campaigns: CampaignSet,
    versions: Iterable[Campaign],
    histories: Iterable[TaskHistory],
) -> None:
    """Add to `histories` the calendars of their tasks' locations, where they are needed.

    `versions`: others that decide, too.
    """
    if not campaigns.needs_places and not any(one.in_working_hours for one in versions):
        return
    histories = list(histories)
    rows = await tx.fetch(_PLACES, tx.account, [history.task for history in histories])
    calendars = {row["task"]: campaigns.places.calendar(row["zone"], row["region"]) for row in rows}
    for history in histories:
        history.calendar = calendars[history.task]


async def read_planned(tx: Tx, histories: Iterable[TaskHistory], *, lock: bool = True) -> None:
    """Add invitations and outcomes to `histories`.

    `lock`: invitations that were never claimed are locked, in the order of their ids.
    """
    by_round = {(history.task, history.round): history for history in histories}
    tasks = list({task for task, _ in by_round})
    if lock:
        await tx.fetch(_LOCK_WAITING, tx.account, tasks)
    for row in await tx.fetch(_INVITATIONS, tx.account, tasks):
        # One that waits again was re-armed; once dropped for good, an earlier drop is void.
        rearms = (row["reason"] or Reason.LEFT_STATE) in REARMING
        by_round[row["task"], row["round"]].invitations[row["campaign"]] = Invitation(
            row["id"],
            row["campaign"],
            row["version"],
            row["transition"],
            Status(row["status"]),
            row["reason"],
            row["manual"],
            row["due"],
            row["release"],
            row["rearm_transition"] if rearms else None,
        )
    for row in await tx.fetch(_OUTCOMES, tx.account, tasks):
        history, key = by_round[row["task"], row["round"]], (row["campaign"], row["transition"])
        history.outcomes.setdefault(row["campaign"], {})[row["transition"]] = row["outcome"]
        history.decided_at[key] = row["decided_at"]
