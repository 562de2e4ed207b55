"""Writing judged transitions: their rows, the states of tasks, and the queue of planning.

The row of a transition is written with its verdict, and once more if that changes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from rules.history import Transition
from sync.database import Tx
from sync.intake.incoming import Arrival, write_body
from sync.intake.verdicts import ACCEPTED, Judgement

Judged: TypeAlias = tuple[Arrival, Judgement]

#: Columns that depend on the verdict, except those that are copied from the task.
_JUDGED: Final = (
    "verdict", "refusal", "pushed_task", "body", "task", "state", "moment", "sequence",
    "device_moment", "received_at", "note", "survey", "survey_reason", "email", "unexpected",
)  # fmt: skip
#: Columns that are copied from the task and its customer as they are at reception.
_FROZEN: Final = (
    "type", "customer", "location", "unit", "priority", "reason", "channel", "account_manager",
    "tags", "customer_tags",
)  # fmt: skip
_VERDICT: Final = (*_JUDGED, *_FROZEN)
#: Columns that identify a transition as it was sent.
_SENT: Final = ("id", "spelling", "digest")


def _rows(parameter: str) -> str:
    """Return a query for the rows of a parameter `judged_transition[]`, with the copied columns.

    In the order of ids, so that two connections with the same batch do not deadlock. LIMIT 1 makes
    the planner look each task up, even if statistics say that the account has few.
    """
    return f"""
SELECT {", ".join(f"n.{column}" for column in (*_SENT, *_JUDGED))},
  {", ".join(f"k.{column}" for column in _FROZEN)}
FROM unnest({parameter}::judged_transition[]) AS n
LEFT JOIN LATERAL (
  SELECT t.*, coalesce(
    (SELECT c.tags FROM customer c WHERE c.account = $1 AND c.id = t.customer), '{{}}'
  ) AS customer_tags
  FROM task t WHERE t.account = $1 AND t.id = n.task LIMIT 1
) k ON true
ORDER BY n.id
"""  # noqa: S608 - our own text


def _folding(write: str, rows: str, now: str, first_older: int) -> str:
    """Return the statement `write`, extended by the updates of tasks and of the planning queue.

    `rows`, `now`: names of parameters. `first_older`: the number of the first of four parameters
    about tasks whose state comes from a transition that is not in `rows`. A task is queued even if
    its state stays, because a transition may have been inserted before the last. One statement, as
    each is a round trip of a push.
    """
    older = ", ".join(
        f"${first_older + place}::{kind}[]"
        for place, kind in enumerate(("uuid", "text", "timestamptz", "uuid"))
    )
    return f"""
WITH written AS ({write}), folded AS (
  SELECT task, state, counts_at, id AS transition FROM unnest({rows}::judged_transition[]) AS n
  WHERE counts_at IS NOT NULL
  UNION ALL SELECT * FROM unnest({older})
), queued AS (
  INSERT INTO task_change (account, task, changed_at, attempts, not_before)
  SELECT $1, f.task, {now}, 0, {now} FROM folded f
  ON CONFLICT (account, task) DO UPDATE
  SET changed_at = {now}, attempts = 0, not_before = {now}, quarantined_at = NULL, error = NULL
  WHERE task_change.attempts > 0
)
UPDATE task SET state = f.state, state_moment = f.counts_at, state_transition = f.transition
FROM folded f
WHERE task.account = $1 AND task.id = f.task
  AND (task.state_transition, task.state_moment) IS DISTINCT FROM (f.transition, f.counts_at)
"""  # noqa: S608 - our own text


ADD: Final = _folding(
    f"""
INSERT INTO transition (account, device, technician, by, arrived_at,
  {", ".join((*_SENT, *_VERDICT))})
SELECT $1, $2, $3, $4, $5, r.* FROM ({_rows("$6")}) AS r
""",  # noqa: S608 - our own text
    rows="$6", now="$7", first_older=8,
)  # fmt: skip
SETTLE: Final = _folding(
    f"""
UPDATE transition t SET settled_at = $2, settled_by = $3,
  dismissed_at = NULL, dismissed_by = NULL, dismissed_reason = NULL,
  {", ".join(f"{column} = r.{column}" for column in _VERDICT)}
FROM ({_rows("$4")}) AS r
WHERE t.account = $1 AND t.id = ANY($5) AND t.id = r.id
""",  # noqa: S608 - our own text
    rows="$4", now="$2", first_older=6,
)  # fmt: skip


class Derived(Struct, frozen=True):
    """What follows from the tasks' histories, once the written transitions are in them.

    `states`: by task, the transition that gives it its state, with its effective moment.
    `unexpected`: transitions into a state that the flow does not list after the one before.
    """

    states: Mapping[UUID, Transition]
    unexpected: frozenset[UUID]


async def add(tx: Tx, judged: Sequence[Judged], derived: Derived) -> None:
    """Insert the rows of `judged`, which all have one sender and one reception.

    :raises asyncpg.SerializationError: another connection inserted one of them meanwhile: retry.
    """
    first, _ = judged[0]
    sender = (first.device, first.technician, first.by, first.received)
    rows, older = _parameters(judged, derived)
    try:
        await tx.execute(ADD, tx.account, *sender, rows, tx.now, *older)
    except asyncpg.UniqueViolationError as error:
        raise asyncpg.SerializationError("a transition was pushed on two connections") from error


async def settle(
    tx: Tx, judged: Sequence[Judged], derived: Derived, by: UUID | None = None
) -> None:
    """Update the rows of `judged`, which are open. `by`: the user who accepted them, if any."""
    rows, older = _parameters(judged, derived)
    ids = [arrival.id for arrival, _ in judged]
    await tx.execute(SETTLE, tx.account, tx.now, by, rows, ids, *older)


def _parameters(
    judged: Sequence[Judged], derived: Derived
) -> tuple[list[tuple[object, ...]], Sequence[Sequence[object]]]:
    """Return rows of `judged_transition`, and the columns of tasks with an older last transition.

    An array of rows takes less time to send than one array for each of their fields.
    """
    effective = {step.id: step.moment for step in derived.states.values()}
    rows = [
        _judged_row(
            arrival, judgement, arrival.id in derived.unexpected, effective.pop(arrival.id, None)
        )
        for arrival, judgement in judged
    ]
    older = [
        (task, step.state, step.moment, step.id)
        for task, step in derived.states.items()
        if step.id in effective
    ]
    return rows, list(zip(*older, strict=True)) or [()] * 4


def _judged_row(
    arrival: Arrival, judgement: Judgement, unexpected: bool, counts_at: datetime | None
) -> tuple[object, ...]:
    known = (arrival.id, arrival.spelling, arrival.digest, judgement.verdict, judgement.reason)
    if judgement != ACCEPTED:
        return (*known, arrival.task, write_body(arrival.body), *[None] * 12)
    body = arrival.body
    return (
        *known,
        None,
        None,
        arrival.task,
        body.state,
        body.moment,
        body.sequence,
        body.device_moment,
        arrival.received,
        body.note,
        body.survey,
        body.survey_reason,
        body.email,
        unexpected,
        counts_at,
    )
