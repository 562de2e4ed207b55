"""What is known of tasks before they are planned: their history and what came of it so far."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct, field

from mail.states import WITHDRAW, Status, quoted
from rules.decide import REARMING, Reason
from rules.facts import Transition
from sync.database import Tx

#: Return visits that open a new round come with another feature.
ROUND: Final = 1

#: Reasons that are found at release; re-planning never takes them back.
AT_RELEASE: Final = REARMING | {Reason.NO_ADDRESS, Reason.SUPPRESSED, Reason.MUTED}


class Asked(Struct, frozen=True):
    """The invitation of one (campaign, task, round).

    `status`: scheduled also where it is held and was never claimed. `due`, `release`: UTC.
    `rearm_after`: after a drop that re-arms, the task's last transition then.
    """

    id: UUID
    campaign: UUID
    version: int
    transition: UUID
    status: Status
    due: datetime
    release: datetime
    rearm_after: UUID | None


class Past(Struct, frozen=True):
    """One task: what happened, who did it, whom we asked and what was decided.

    `technicians`, `customers`: by transition, the latter of those that have one. `asked`: by
    campaign. `decided`: outcomes by campaign and transition.
    """

    task: UUID
    history: list[Transition] = field(default_factory=list)
    technicians: dict[UUID, UUID] = field(default_factory=dict)
    customers: dict[UUID, UUID] = field(default_factory=dict)
    asked: dict[UUID, Asked] = field(default_factory=dict)
    decided: dict[UUID, dict[UUID, str]] = field(default_factory=dict)

    def dropped(self, campaign: UUID) -> dict[UUID, Reason]:
        """The transitions whose invitation of `campaign` was dropped at release, and why."""
        outcomes = self.decided.get(campaign, {})
        return {one: Reason(why) for one, why in outcomes.items() if why in AT_RELEASE}


#: The queue before the invitation, as everybody locks them. Held ones too, or an operator could let
#: one go behind our back. What was ever claimed is the deliverer's, and is only read.
_HOLD: Final = WITHDRAW.reading("""
SELECT i.id
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
WHERE i.account = $1 AND i.task = ANY($2) AND i.status IN ({from_statuses})
  AND o.phase IN ({from_phases})
ORDER BY i.id
FOR NO KEY UPDATE
""")

_HISTORY: Final = """
SELECT task, id, type, state, moment, sequence, received_at, survey, technician, customer,
  device
FROM transition WHERE account = $1 AND task = ANY($2)
"""

_ASKED: Final = quoted("""
SELECT task, id, campaign, version, transition, reason,
  CASE WHEN status = {Status.HELD} AND address IS NULL
    THEN {Status.SCHEDULED} ELSE status END AS status,
  due, release, rearm_transition
FROM invitation WHERE account = $1 AND task = ANY($2) AND round = $3
""")

_DECIDED: Final = """
SELECT task, campaign, transition, outcome
FROM decision WHERE account = $1 AND task = ANY($2) AND round = $3
"""


async def read_histories(tx: Tx, tasks: Iterable[UUID]) -> list[Past]:
    """What happened to `tasks`, whose rows are locked; nobody was asked yet."""
    pasts = {task: Past(task) for task in tasks}
    for row in await tx.fetch(_HISTORY, tx.account, list(pasts)):
        past = pasts[row["task"]]
        past.history.append(_transition(row))
        past.technicians[row["id"]] = row["technician"]
        if row["customer"] is not None:
            past.customers[row["id"]] = row["customer"]
    return list(pasts.values())


async def read_asked(tx: Tx, of: Iterable[Past]) -> None:
    """Add to `of` whom we asked and what was decided.

    Invitations that still wait are locked, in the order of their ids.
    """
    pasts = {past.task: past for past in of}
    ids = list(pasts)
    await tx.fetch(_HOLD, tx.account, ids)
    for row in await tx.fetch(_ASKED, tx.account, ids, ROUND):
        pasts[row["task"]].asked[row["campaign"]] = _asked(row)
    for row in await tx.fetch(_DECIDED, tx.account, ids, ROUND):
        of_campaign = pasts[row["task"]].decided.setdefault(row["campaign"], {})
        of_campaign[row["transition"]] = row["outcome"]


def _transition(row: asyncpg.Record) -> Transition:
    return Transition(
        row["id"],
        row["type"],
        row["state"],
        row["moment"],
        row["sequence"],
        row["received_at"],
        row["survey"],
        device=row["device"],
    )


def _asked(row: asyncpg.Record) -> Asked:
    return Asked(
        row["id"],
        row["campaign"],
        row["version"],
        row["transition"],
        Status(row["status"]),
        row["due"],
        row["release"],
        _rearm_after(row),
    )


def _rearm_after(row: asyncpg.Record) -> UUID | None:
    """Waiting again, it was re-armed; dropped for good, an earlier drop counts no more."""
    if (row["reason"] or Reason.LEFT_STATE) not in REARMING:
        return None
    after: UUID | None = row["rearm_transition"]
    return after
