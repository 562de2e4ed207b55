"""The row of a transition: written once with its verdict, and once more where that changes."""

from collections.abc import Collection, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from sync.database import Tx
from sync.intake.arrivals import Arrival, write_body
from sync.intake.judging import ACCEPTED, Judgement

Judged: TypeAlias = tuple[Arrival, Judgement]

#: What does not change when a verdict does.
_TOLD: Final = "account, id, device, technician, by, spelling, digest, arrived_at"
#: The rest. The last ten are what is so of the task and its customer at the moment.
_VERDICT: Final = (
    "verdict", "refusal", "pushed_task", "body", "task", "state", "moment", "sequence",
    "device_moment", "received_at", "note", "survey", "survey_reason", "email", "unexpected",
    "type", "customer", "location", "unit", "priority", "reason", "channel", "account_manager",
    "tags", "customer_tags",
)  # fmt: skip
#: In the order of ids, so that two connections with the same batch wait and do not deadlock. By
#: LIMIT a task is looked up, however few the account is believed to have.
_ROWS: Final = """
SELECT $1::bigint AS account, n.*, k.type, k.customer, k.location, k.unit, k.priority, k.reason,
  k.channel, k.account_manager, k.tags, k.customer_tags
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bytea[],
  $8::timestamptz[], $9::text[], $10::text[], $11::uuid[], $12::jsonb[], $13::uuid[], $14::text[],
  $15::timestamptz[], $16::bigint[], $17::timestamptz[], $18::timestamptz[], $19::text[],
  $20::boolean[], $21::text[], $22::text[], $23::boolean[])
  AS n(id, device, technician, by, spelling, digest, arrived_at, verdict, refusal, pushed_task,
    body, task, state, moment, sequence, device_moment, received_at, note, survey, survey_reason,
    email, unexpected)
LEFT JOIN LATERAL (
  SELECT t.*, coalesce(
    (SELECT c.tags FROM customer c WHERE c.account = $1 AND c.id = t.customer), '{}'
  ) AS customer_tags
  FROM task t WHERE t.account = $1 AND t.id = n.task LIMIT 1
) k ON true
ORDER BY n.id
"""
ADD: Final = f"""
INSERT INTO transition ({_TOLD}, {", ".join(_VERDICT)}) {_ROWS}
ON CONFLICT (account, id) DO NOTHING
"""
SETTLE: Final = f"""
UPDATE transition t SET settled_at = $24, settled_by = $25,
  {", ".join(f"{column} = r.{column}" for column in _VERDICT)}
FROM ({_ROWS}) AS r
WHERE t.account = $1 AND t.id = ANY($2::uuid[]) AND t.id = r.id
"""  # noqa: S608 - our own text


async def add(tx: Tx, judged: Sequence[Judged], unexpected: Collection[UUID]) -> None:
    """Write the rows of `judged`; those of `unexpected` enter a state that their flow lacks.

    :raises asyncpg.SerializationError: another connection wrote one of them meanwhile: look anew.
    """
    if await tx.execute(ADD, tx.account, *_columns(judged, unexpected)) < len(judged):
        raise asyncpg.SerializationError("a transition was told on two connections at once")


async def settle(
    tx: Tx, judged: Sequence[Judged], unexpected: Collection[UUID], by: UUID | None = None
) -> None:
    """Change the verdicts on `judged`, which are open. `by`: who decided so, if anybody."""
    await tx.execute(SETTLE, tx.account, *_columns(judged, unexpected), tx.now, by)


def _columns(judged: Sequence[Judged], unexpected: Collection[UUID]) -> list[tuple[object, ...]]:
    return list(zip(*(_row(*one, unexpected) for one in judged), strict=True))


def _row(
    arrival: Arrival, judgement: Judgement, unexpected: Collection[UUID]
) -> tuple[object, ...]:
    told = (
        arrival.id,
        arrival.device,
        arrival.technician,
        arrival.by,
        arrival.spelling,
        arrival.digest,
        arrival.received,
        judgement.verdict,
        judgement.reason,
    )
    if judgement != ACCEPTED:
        return (*told, arrival.task, write_body(arrival.body), *[None] * 11)
    body = arrival.body
    return (
        *told,
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
