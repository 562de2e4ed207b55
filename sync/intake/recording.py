"""Storing judged transitions, with all that follows from accepted ones within `sync`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from rules.address import normal_form
from rules.history import Transition, follows, ordered
from sync.database import Tx
from sync.feed.publish import Thing
from sync.intake.histories import read_histories
from sync.intake.incoming import Arrival
from sync.intake.verdicts import ACCEPTED, LockedTask
from sync.intake.writes import Derived, Judged, add

Write: TypeAlias = Callable[[Tx, Sequence[Judged], Derived], Awaitable[None]]

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


class Tail(Struct, frozen=True):
    """The end of a task's history, in order. `before`: the task's state before its first step."""

    before: str
    steps: list[Transition]


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
    captured = await _capture(tx, accepted, tasks)
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
    tx: Tx, accepted: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Thing]:
    """Give customers without an address the last valid one that was captured, by order.

    Return the customers that got one.
    """
    captured: dict[UUID, Arrival] = {}
    valid = [arrival for arrival in accepted if normal_form(arrival.body.email) is not None]
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
