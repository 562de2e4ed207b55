"""What is known of tasks before they are planned: their history and what came of it so far."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct, field

from rules.decide import REARMING, Reason
from rules.facts import OrderKey, Transition
from sync.database import Tx

#: Return visits that open a new round come with another feature.
ROUND: Final = 1

#: Reasons that are found at release; re-planning never takes them back.
AT_RELEASE: Final = REARMING | {Reason.NO_ADDRESS, Reason.SUPPRESSED, Reason.MUTED}


class Asked(Struct, frozen=True):
    """The invitation of one (campaign, task, round).

    `rearm_after`: after a drop that re-arms, the order of the task's last transition then.
    """

    id: UUID
    campaign: UUID
    version: int
    transition: UUID
    status: str
    rearm_after: OrderKey | None


class Past(Struct, frozen=True):
    """One task: what happened, who did it, whom we asked and what was decided.

    `technicians`: by transition. `asked`: by campaign. `decided`: outcomes by campaign and
    transition.
    """

    task: UUID
    type: UUID
    history: list[Transition] = field(default_factory=list)
    technicians: dict[UUID, UUID] = field(default_factory=dict)
    asked: dict[UUID, Asked] = field(default_factory=dict)
    decided: dict[UUID, dict[UUID, str]] = field(default_factory=dict)

    def dropped(self, campaign: UUID) -> dict[UUID, Reason]:
        """The transitions whose invitation of `campaign` was dropped at release, and why."""
        outcomes = self.decided.get(campaign, {})
        return {one: Reason(why) for one, why in outcomes.items() if why in AT_RELEASE}


#: The queue before the invitation, as everybody locks them. What is not `scheduled` any more is
#: the deliverer's, and is only read.
_HOLD: Final = """
SELECT i.id
FROM outbox o JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
WHERE i.account = $1 AND i.task = ANY($2) AND i.status = 'scheduled' AND o.phase = 'waiting'
ORDER BY i.id
FOR NO KEY UPDATE
"""

_HISTORY: Final = """
SELECT task, id, state, moment, sequence, received_at, survey, technician
FROM transition WHERE account = $1 AND task = ANY($2)
"""

_ASKED: Final = """
SELECT task, id, campaign, version, transition, status, reason,
  rearm_moment, rearm_sequence, rearm_transition
FROM invitation WHERE account = $1 AND task = ANY($2) AND round = $3
"""

_DECIDED: Final = """
SELECT task, campaign, transition, outcome
FROM decision WHERE account = $1 AND task = ANY($2) AND round = $3
"""


async def read_past(tx: Tx, tasks: Iterable[tuple[UUID, UUID]]) -> list[Past]:
    """The past of `tasks` (id and type), whose rows are locked.

    Invitations that still wait are locked too, in the order of their ids.
    """
    pasts = {task: Past(task, type_) for task, type_ in tasks}
    ids = list(pasts)
    await tx.fetch(_HOLD, tx.account, ids)
    for row in await tx.fetch(_HISTORY, tx.account, ids):
        past = pasts[row["task"]]
        past.history.append(_transition(row))
        past.technicians[row["id"]] = row["technician"]
    for row in await tx.fetch(_ASKED, tx.account, ids, ROUND):
        pasts[row["task"]].asked[row["campaign"]] = _asked(row)
    for row in await tx.fetch(_DECIDED, tx.account, ids, ROUND):
        of_campaign = pasts[row["task"]].decided.setdefault(row["campaign"], {})
        of_campaign[row["transition"]] = row["outcome"]
    return list(pasts.values())


def _transition(row: asyncpg.Record) -> Transition:
    return Transition(
        row["id"],
        row["state"],
        row["moment"],
        row["sequence"],
        row["received_at"],
        row["survey"],
    )


def _asked(row: asyncpg.Record) -> Asked:
    return Asked(
        row["id"],
        row["campaign"],
        row["version"],
        row["transition"],
        row["status"],
        _rearm_after(row),
    )


def _rearm_after(row: asyncpg.Record) -> OrderKey | None:
    """Waiting again, it was re-armed; dropped for good, an earlier drop counts no more."""
    if row["rearm_moment"] is None or (row["reason"] or Reason.LEFT_STATE) not in REARMING:
        return None
    return (row["rearm_moment"], row["rearm_sequence"], row["rearm_transition"])
