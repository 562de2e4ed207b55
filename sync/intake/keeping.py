"""The row of a transition: written once with its verdict, and once more where that changes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from sync.database import Tx
from sync.intake.arrivals import Arrival, write_body
from sync.intake.judging import ACCEPTED, Judgement

Judged: TypeAlias = tuple[Arrival, Judgement]

#: The columns of a verdict and what it makes of a row, where that does not follow from the task.
_JUDGED: Final = {
    "verdict": "text", "refusal": "text", "pushed_task": "uuid", "body": "jsonb", "task": "uuid",
    "state": "text", "moment": "timestamptz", "sequence": "bigint", "device_moment": "timestamptz",
    "received_at": "timestamptz", "note": "text", "survey": "boolean", "survey_reason": "text",
    "email": "text", "unexpected": "boolean",
}  # fmt: skip
#: What is so of the task, and of its customer, at the moment.
_FROZEN: Final = (
    "type", "customer", "location", "unit", "priority", "reason", "channel", "account_manager",
    "tags", "customer_tags",
)  # fmt: skip
_VERDICT: Final = (*_JUDGED, *_FROZEN)


def _rows(columns: Mapping[str, str], first: int) -> str:
    """Rows of `columns`, arrays from parameter `first` on, with what is frozen of their tasks.

    In the order of ids, so that two connections with the same batch wait and do not deadlock. By
    LIMIT a task is looked up, however few the account is believed to have.
    """
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), first))
    return f"""
SELECT n.*, {", ".join(f"k.{column}" for column in _FROZEN)}
FROM unnest({arrays}) AS n({", ".join(columns)})
LEFT JOIN LATERAL (
  SELECT t.*, coalesce(
    (SELECT c.tags FROM customer c WHERE c.account = $1 AND c.id = t.customer), '{{}}'
  ) AS customer_tags
  FROM task t WHERE t.account = $1 AND t.id = n.task LIMIT 1
) k ON true
ORDER BY n.id
"""  # noqa: S608 - our own text


_ADDED: Final = {"id": "uuid", "spelling": "text", "digest": "bytea"} | _JUDGED
ADD: Final = f"""
INSERT INTO transition (account, device, technician, by, arrived_at,
  {", ".join((*_ADDED, *_FROZEN))})
SELECT $1, $2, $3, $4, $5, r.* FROM ({_rows(_ADDED, 6)}) AS r
ON CONFLICT (account, id) DO NOTHING
"""  # noqa: S608 - our own text
SETTLE: Final = f"""
UPDATE transition t SET settled_at = $2, settled_by = $3,
  {", ".join(f"{column} = r.{column}" for column in _VERDICT)}
FROM ({_rows({"id": "uuid"} | _JUDGED, 4)}) AS r
WHERE t.account = $1 AND t.id = ANY($4::uuid[]) AND t.id = r.id
"""  # noqa: S608 - our own text


async def add(tx: Tx, judged: Sequence[Judged], unexpected: Collection[UUID]) -> None:
    """Write the rows of `judged`, all of them told at once by one device or dispatcher.

    Those of `unexpected` enter a state that their flow lacks.

    :raises asyncpg.SerializationError: another connection wrote one of them meanwhile: look anew.
    """
    first, _ = judged[0]
    told = (first.device, first.technician, first.by, first.received)
    rows = (
        (arrival.id, arrival.spelling, arrival.digest, *_verdict(arrival, judgement, unexpected))
        for arrival, judgement in judged
    )
    if await tx.execute(ADD, tx.account, *told, *zip(*rows, strict=True)) < len(judged):
        raise asyncpg.SerializationError("a transition was told on two connections at once")


async def settle(
    tx: Tx, judged: Sequence[Judged], unexpected: Collection[UUID], by: UUID | None = None
) -> None:
    """Change the verdicts on `judged`, which are open. `by`: who decided so, if anybody."""
    rows = (
        (arrival.id, *_verdict(arrival, judgement, unexpected)) for arrival, judgement in judged
    )
    await tx.execute(SETTLE, tx.account, tx.now, by, *zip(*rows, strict=True))


def _verdict(
    arrival: Arrival, judgement: Judgement, unexpected: Collection[UUID]
) -> tuple[object, ...]:
    """The columns of `_JUDGED`."""
    judged = (judgement.verdict, judgement.reason)
    if judgement != ACCEPTED:
        return (*judged, arrival.task, write_body(arrival.body), *[None] * 11)
    body = arrival.body
    return (
        *judged,
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
