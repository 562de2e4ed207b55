"""The row of a transition: written once with its verdict, and once more where that changes."""

from collections.abc import Collection, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from sync.database import Tx
from sync.intake.arrivals import Arrival, write_body
from sync.intake.judging import ACCEPTED, Judgement

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


def _rows(parameter: str) -> str:
    """The rows of a parameter, `_judged_rows`, with what is frozen of their tasks.

    In the order of ids, so that two connections with the same batch wait and do not deadlock. By
    LIMIT a task is looked up, however few the account is believed to have.
    """
    return f"""
SELECT n.*, {", ".join(f"k.{column}" for column in _FROZEN)}
FROM unnest({parameter}::judged_transition[]) AS n
LEFT JOIN LATERAL (
  SELECT t.*, coalesce(
    (SELECT c.tags FROM customer c WHERE c.account = $1 AND c.id = t.customer), '{{}}'
  ) AS customer_tags
  FROM task t WHERE t.account = $1 AND t.id = n.task LIMIT 1
) k ON true
ORDER BY n.id
"""  # noqa: S608 - our own text


ADD: Final = f"""
INSERT INTO transition (account, device, technician, by, arrived_at, id, spelling, digest,
  {", ".join(_VERDICT)})
SELECT $1, $2, $3, $4, $5, r.* FROM ({_rows("$6")}) AS r
"""  # noqa: S608 - our own text
SETTLE: Final = f"""
UPDATE transition t SET settled_at = $2, settled_by = $3,
  {", ".join(f"{column} = r.{column}" for column in _VERDICT)}
FROM ({_rows("$4")}) AS r
WHERE t.account = $1 AND t.id = ANY($5) AND t.id = r.id
"""  # noqa: S608 - our own text


async def add(tx: Tx, judged: Sequence[Judged], unexpected: Collection[UUID]) -> None:
    """Write the rows of `judged`, all of them told at once by one device or dispatcher.

    Those of `unexpected` enter a state that their flow lacks.

    :raises asyncpg.SerializationError: another connection wrote one of them meanwhile: look anew.
    """
    first, _ = judged[0]
    told = (first.device, first.technician, first.by, first.received)
    rows = _judged_rows(judged, unexpected)
    try:
        await tx.execute(ADD, tx.account, *told, rows)
    except asyncpg.UniqueViolationError as error:
        raise asyncpg.SerializationError("a transition was told on two connections") from error


async def settle(
    tx: Tx, judged: Sequence[Judged], unexpected: Collection[UUID], by: UUID | None = None
) -> None:
    """Change the verdicts on `judged`, which are open. `by`: who decided so, if anybody."""
    ids = [arrival.id for arrival, _ in judged]
    await tx.execute(SETTLE, tx.account, tx.now, by, _judged_rows(judged, unexpected), ids)


def _judged_rows(
    judged: Sequence[Judged], unexpected: Collection[UUID]
) -> list[tuple[object, ...]]:
    """Rows of `judged_transition`: sent in less time than an array for each of its fields."""
    return [_judged_row(arrival, judgement, unexpected) for arrival, judgement in judged]


def _judged_row(
    arrival: Arrival, judgement: Judgement, unexpected: Collection[UUID]
) -> tuple[object, ...]:
    known = (arrival.id, arrival.spelling, arrival.digest, judgement.verdict, judgement.reason)
    if judgement != ACCEPTED:
        return (*known, arrival.task, write_body(arrival.body), *[None] * 11)
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
        arrival.id in unexpected,
    )
