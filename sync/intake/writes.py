"""Writing what was judged: its rows, the states that it gives to tasks, and the queue of planning.

The row of a transition is written once with its verdict, and once more where that changes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from rules.facts import Transition
from sync.database import Tx
from sync.intake.authorization import ACCEPTED, Judgement
from sync.intake.incoming import Arrival, write_body

Judged: TypeAlias = tuple[Arrival, Judgement]

#: What a verdict makes of a row, where that does not follow from the task.
_JUDGED: Final = (
    "verdict", "refusal", "pushed_task", "body", "task", "state", "moment", "sequence",
    "device_moment", "received_at", "note", "survey", "survey_reason", "email", "unexpected",
)  # fmt: skip
#: What is so of the task, and of its customer, at the moment.
_FROZEN: Final = (
    "type", "customer", "location", "unit", "priority", "reason", "channel", "account_manager",
    "tags", "customer_tags",
)  # fmt: skip
_VERDICT: Final = (*_JUDGED, *_FROZEN)
#: What identifies it, as it was sent.
_SENT: Final = ("id", "spelling", "digest")


def _rows(parameter: str) -> str:
    """The rows of a parameter, `judged_transition[]`, with what is frozen of their tasks.

    In the order of ids, so that two connections with the same batch wait and do not deadlock. By
    LIMIT a task is looked up, however few the account is believed to have.
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
    """The statement `write`, and what follows from it for tasks; names are of parameters.

    A task whose state did not move is planned anew all the same: a step may have been added within.
    One statement, for a push waits for each.
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
  {", ".join(f"{column} = r.{column}" for column in _VERDICT)}
FROM ({_rows("$4")}) AS r
WHERE t.account = $1 AND t.id = ANY($5) AND t.id = r.id
""",  # noqa: S608 - our own text
    rows="$4", now="$2", first_older=6,
)  # fmt: skip


class Folded(Struct, frozen=True):
    """What the histories say of tasks whose steps are written, together with these.

    `states`: of each task, by task, the step that gives it its state, at the moment at which it
    counts. `unexpected`: the steps that enter a state that their flow lacks.
    """

    states: Mapping[UUID, Transition]
    unexpected: frozenset[UUID]


async def add(tx: Tx, judged: Sequence[Judged], folded: Folded) -> None:
    """Write the rows of `judged`, all of them told at once by one device or dispatcher.

    :raises asyncpg.SerializationError: another connection wrote one of them meanwhile: look anew.
    """
    first, _ = judged[0]
    told = (first.device, first.technician, first.by, first.received)
    rows, older = _parameters(judged, folded)
    try:
        await tx.execute(ADD, tx.account, *told, rows, tx.now, *older)
    except asyncpg.UniqueViolationError as error:
        raise asyncpg.SerializationError("a transition was told on two connections") from error


async def settle(tx: Tx, judged: Sequence[Judged], folded: Folded, by: UUID | None = None) -> None:
    """Change the verdicts on `judged`, which are open. `by`: who decided so, if anybody."""
    rows, older = _parameters(judged, folded)
    ids = [arrival.id for arrival, _ in judged]
    await tx.execute(SETTLE, tx.account, tx.now, by, rows, ids, *older)


def _parameters(
    judged: Sequence[Judged], folded: Folded
) -> tuple[list[tuple[object, ...]], Sequence[Sequence[object]]]:
    """Rows of `judged_transition`, and columns of what other steps give to tasks.

    An array of rows is sent in less time than one for each of their fields.
    """
    counting = {step.id: step.moment for step in folded.states.values()}
    rows = [
        _judged_row(
            arrival, judgement, arrival.id in folded.unexpected, counting.pop(arrival.id, None)
        )
        for arrival, judgement in judged
    ]
    older = [
        (task, step.state, step.moment, step.id)
        for task, step in folded.states.items()
        if step.id in counting
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
