"""Recording judged transitions, with all that follows from accepted ones within `sync`.

The row of a transition is written with its verdict, and once more if that changes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from rules.address import normal_form
from rules.history import Transition, follows, ordered
from sync.database import Tx
from sync.feed.publish import Thing
from sync.intake.histories import read_histories
from sync.intake.incoming import Arrival, write_body
from sync.intake.verdicts import ACCEPTED, Judgement, LockedTask

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
UPDATE_OPEN: Final = _folding(
    f"""
UPDATE transition t SET settled_at = $2, settled_by = $3,
  dismissed_at = NULL, dismissed_by = NULL, dismissed_reason = NULL,
  {", ".join(f"{column} = r.{column}" for column in _VERDICT)}
FROM ({_rows("$4")}) AS r
WHERE t.account = $1 AND t.id = ANY($5) AND t.id = r.id
""",  # noqa: S608 - our own text
    rows="$4", now="$2", first_older=6,
)  # fmt: skip
#: Only for customers without an address; rows are locked in the order of their ids.
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


class Derived(Struct, frozen=True):
    """What follows from the tasks' histories, once the written transitions are in them.

    `states`: by task, the transition that gives it its state, with its effective moment.
    `unexpected`: transitions into a state that the flow does not list after the one before.
    """

    states: Mapping[UUID, Transition]
    unexpected: frozenset[UUID]


Write: TypeAlias = Callable[[Tx, Sequence[Judged], Derived], Awaitable[None]]


class Tail(Struct, frozen=True):
    """The end of a task's history, in order. `before`: the task's state before its first step."""

    before: str
    steps: list[Transition]


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


async def update_open(
    tx: Tx, judged: Sequence[Judged], derived: Derived, by: UUID | None = None
) -> None:
    """Update the rows of `judged`, which are open. `by`: the user who accepted them, if any."""
    rows, older = _parameters(judged, derived)
    ids = [arrival.id for arrival, _ in judged]
    await tx.execute(UPDATE_OPEN, tx.account, tx.now, by, rows, ids, *older)


async def store(
    tx: Tx, judged: Sequence[Judged], tasks: Mapping[UUID, LockedTask], write: Write = add
) -> list[Thing]:
    """Write `judged` and what follows from it; return what changed for the feed.

    The tasks are locked as far as they exist. `write` writes the rows and the tasks' states. The
    caller publishes what is returned, as its last statement.

    :raises asyncpg.SerializationError: from `write`.
    """
    accepted = [arrival for arrival, judgement in judged if judgement == ACCEPTED]
    tails = await _tails(tx, accepted, tasks)
    unexpected: set[UUID] = set()
    for task, tail in tails.items():
        flow, state = tasks[task].flow, tail.before
        for step in tail.steps if flow else ():
            if step.state not in flow.get(state, [step.state]):
                unexpected.add(step.id)
            state = step.state
    states = {task: tails[task].steps[-1] for task in sorted(tails)}
    await write(tx, judged, Derived(states, frozenset(unexpected)))
    with_address = [arrival for arrival in accepted if arrival.body.email]
    captured = await _capture(tx, with_address, tasks) if with_address else []
    return [*captured, *(("task", str(task)) for task in states)]


async def _tails(
    tx: Tx, accepted: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> dict[UUID, Tail]:
    """Return, by task, the steps of its history from the first one that `accepted` may change.

    That is nearly always the first of `accepted` itself; else the whole history is read.
    """
    later: dict[UUID, list[Transition]] = {}
    for arrival in accepted:
        step = arrival.transition(tasks[arrival.task].type)
        later.setdefault(arrival.task, []).append(step)
    moved = [task for task, steps in later.items() if not follows(tasks[task].last, steps)]
    histories = await read_histories(tx, moved) if moved else {}
    tails: dict[UUID, Tail] = {}
    for task, steps in later.items():
        last, initial = tasks[task].last, tasks[task].initial_state
        if task in histories:
            tails[task] = Tail(initial, ordered([*histories[task], *steps]))
        else:
            tails[task] = Tail(last.state if last else initial, ordered(steps))
    return tails


async def _capture(
    tx: Tx, with_address: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Thing]:
    """Give customers without an address the last valid one that was captured, by order.

    Return the customers that got one.
    """
    captured: dict[UUID, Arrival] = {}
    valid = [arrival for arrival in with_address if normal_form(arrival.body.email) is not None]
    for arrival in sorted(valid, key=lambda each: each.transition(tasks[each.task].type).order):
        customer = tasks[arrival.task].customer
        if customer is not None:
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
    spelling = None if arrival.sent_id == str(arrival.id) else arrival.sent_id
    known = (arrival.id, spelling, arrival.digest, judgement.verdict, judgement.reason)
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
