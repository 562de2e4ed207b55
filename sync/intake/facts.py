"""Accepted transitions become facts, and what follows from them within `sync`."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from sync.database import Tx
from sync.feed.publish import Thing
from sync.intake.arrivals import Arrival
from sync.intake.judging import LockedTask

#: Who is asked about and by whom is frozen here, from the task as it is.
ADD: Final = """
INSERT INTO transition
  (account, id, task, state, moment, sequence, device_moment, received_at, device, technician,
   note, survey, survey_reason, email, unexpected, by,
   unit, priority, reason, channel, account_manager, tags)
SELECT $1, n.id, n.task, n.state, n.moment, n.sequence, n.device_moment, n.received, n.device,
  n.technician, n.note, n.survey, n.survey_reason, n.email, n.unexpected, n.by,
  t.unit, t.priority, t.reason, t.channel, t.account_manager, t.tags
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bigint[],
  $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::uuid[], $11::text[], $12::boolean[],
  $13::text[], $14::text[], $15::boolean[], $16::uuid[])
  AS n(id, task, state, moment, sequence, device_moment, received, device, technician,
    note, survey, survey_reason, email, unexpected, by)
JOIN task t ON t.account = $1 AND t.id = n.task
"""

PREVIOUS: Final = """
SELECT c.id, p.state, p.moment, p.sequence, p.id AS previous
FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $5::bigint[])
  AS c(id, task, moment, sequence)
CROSS JOIN LATERAL (
  SELECT t.state, t.moment, t.sequence, t.id FROM transition t
  WHERE t.account = $1 AND t.task = c.task
    AND (t.moment, t.sequence, t.id) < (c.moment, c.sequence, c.id)
  ORDER BY t.moment DESC, t.sequence DESC, t.id DESC LIMIT 1) p
"""

FOLD: Final = """
UPDATE task SET state = l.state, state_moment = l.moment, state_transition = l.id
FROM unnest($2::uuid[]) AS changed(id)
CROSS JOIN LATERAL (
  SELECT t.id, t.state, t.moment FROM transition t
  WHERE t.account = $1 AND t.task = changed.id
  ORDER BY t.moment DESC, t.sequence DESC, t.id DESC LIMIT 1) l
WHERE task.account = $1 AND task.id = changed.id AND task.state_transition IS DISTINCT FROM l.id
"""

ENQUEUE: Final = """
INSERT INTO task_change (account, task, changed_at, attempts, not_before)
SELECT $1, c.id, $3, 0, $3 FROM unnest($2::uuid[]) AS c(id)
ON CONFLICT (account, task) DO UPDATE
SET changed_at = $3, attempts = 0, not_before = $3, quarantined_at = NULL, error = NULL
"""

#: Only where the customer has no address yet; rows are locked in the order of their ids.
CAPTURE: Final = """
WITH empty AS (
  SELECT id FROM customer
  WHERE account = $1 AND id = ANY($2::uuid[]) AND coalesce(btrim(email), '') = ''
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE customer c SET email = n.email, email_by = n.technician, email_at = n.moment
FROM empty, unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
  AS n(customer, email, technician, moment)
WHERE c.account = $1 AND c.id = empty.id AND c.id = n.customer
RETURNING c.id
"""


async def keep(
    tx: Tx, accepted: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Thing]:
    """Write facts whose tasks are locked, fold them, queue the tasks for planning.

    Returns what changed for the feed, which the caller touches last.
    """
    if not accepted:
        return []
    unexpected = await _unexpected(tx, accepted, tasks)
    rows = [_row(arrival, arrival.id in unexpected) for arrival in accepted]
    await tx.execute(ADD, tx.account, *zip(*rows, strict=True))
    changed = sorted({arrival.task for arrival in accepted})
    await tx.execute(FOLD, tx.account, changed)
    await tx.execute(ENQUEUE, tx.account, changed, tx.now)
    captured = await _capture(tx, accepted, tasks)
    return [*captured, *(("task", str(task)) for task in changed)]


def _row(arrival: Arrival, unexpected: bool) -> tuple[object, ...]:
    body = arrival.body
    return (
        arrival.id,
        arrival.task,
        body.state,
        body.moment,
        body.sequence,
        body.device_moment,
        arrival.received,
        arrival.device,
        arrival.technician,
        body.note,
        body.survey,
        body.survey_reason,
        body.email,
        unexpected,
        arrival.by,
    )


async def _unexpected(
    tx: Tx, accepted: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> set[UUID]:
    """The ids of those that enter a state which their task type's flow does not list there."""
    judged = sorted(
        (arrival for arrival in accepted if tasks[arrival.task].flow),
        key=lambda arrival: (arrival.task, arrival.order),
    )
    if not judged:
        return set()
    before = await _states_before(tx, judged)
    found: set[UUID] = set()
    for task, group in groupby(judged, key=lambda arrival: arrival.task):
        found.update(_surprises(list(group), before, tasks[task]))
    return found


def _surprises(
    group: list[Arrival], before: Mapping[UUID, tuple[str, tuple[object, ...]]], task: LockedTask
) -> Iterable[UUID]:
    """Of one task's transitions in their order; the one before may be stored or in the batch."""
    last: Arrival | None = None
    for arrival in group:
        state, order = before.get(arrival.id, (task.initial_state, None))
        if last is not None and (order is None or last.order > order):
            state = last.body.state
        if arrival.body.state not in task.flow.get(state, [arrival.body.state]):
            yield arrival.id
        last = arrival


async def _states_before(
    tx: Tx, judged: Sequence[Arrival]
) -> dict[UUID, tuple[str, tuple[object, ...]]]:
    rows = await tx.fetch(
        PREVIOUS,
        tx.account,
        [arrival.id for arrival in judged],
        [arrival.task for arrival in judged],
        [arrival.body.moment for arrival in judged],
        [arrival.body.sequence for arrival in judged],
    )
    return {
        row["id"]: (row["state"], (row["moment"], row["sequence"], row["previous"])) for row in rows
    }


async def _capture(
    tx: Tx, accepted: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Thing]:
    """Give customers without an address the one that was captured last by order."""
    captured: dict[UUID, Arrival] = {}
    for arrival in sorted(accepted, key=lambda arrival: arrival.order):
        customer = tasks[arrival.task].customer
        if arrival.body.email is not None and customer is not None:
            captured[customer] = arrival
    if not captured:
        return []
    rows = await tx.fetch(
        CAPTURE,
        tx.account,
        list(captured),
        [arrival.body.email for arrival in captured.values()],
        [arrival.technician for arrival in captured.values()],
        [arrival.body.moment for arrival in captured.values()],
    )
    return [("customer", str(row["id"])) for row in rows]
