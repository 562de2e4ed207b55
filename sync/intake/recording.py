"""What was judged is kept, and what follows from new facts within `sync`."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from rules.address import normal_form
from rules.facts import Transition
from rules.history import follows, ordered
from sync.database import Tx
from sync.feed.publish import Thing
from sync.intake.authorization import ACCEPTED, LockedTask
from sync.intake.incoming import Arrival
from sync.intake.order import read_histories
from sync.intake.writes import Folded, Judged, add

#: Writes what was judged.
Write: TypeAlias = Callable[[Tx, Sequence[Judged], Folded], Awaitable[None]]

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


class Stretch(Struct, frozen=True):
    """The end of a task's history, in order. `before`: the state that its first step leaves."""

    before: str
    steps: list[Transition]


async def keep(
    tx: Tx, judged: Sequence[Judged], tasks: Mapping[UUID, LockedTask], write: Write = add
) -> list[Thing]:
    """Have `write` write `judged`, with what follows from those that are facts.

    Their tasks are locked as far as they exist. Returns what changed for the feed, which the
    caller touches last.

    :raises asyncpg.SerializationError: as `write` does.
    """
    accepted = [arrival for arrival, judgement in judged if judgement == ACCEPTED]
    stretches = await _stretches(tx, accepted, tasks)
    unexpected = (
        identity
        for task, stretch in stretches.items()
        for identity in _unlisted(stretch, tasks[task].flow)
    )
    states = {task: stretches[task].steps[-1] for task in sorted(stretches)}
    await write(tx, judged, Folded(states, frozenset(unexpected)))
    captured = await _capture(tx, accepted, tasks)
    return [*captured, *(("task", str(task)) for task in states)]


async def _stretches(
    tx: Tx, accepted: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> dict[UUID, Stretch]:
    """The ends of the tasks' histories, with what is `accepted` in them.

    Nearly always that only goes behind what there is. The rest is read where it may be moved.
    """
    later: dict[UUID, list[Transition]] = {}
    for arrival in accepted:
        step = arrival.transition(tasks[arrival.task].type)
        later.setdefault(arrival.task, []).append(step)
    moved = [task for task, steps in later.items() if not follows(tasks[task].last, steps)]
    histories = await read_histories(tx, moved) if moved else {}
    return {
        task: _stretch(tasks[task], steps, histories.get(task)) for task, steps in later.items()
    }


def _stretch(
    task: LockedTask, later: list[Transition], history: list[Transition] | None
) -> Stretch:
    if history is not None:
        return Stretch(task.initial_state, ordered([*history, *later]))
    return Stretch(task.last.state if task.last else task.initial_state, ordered(later))


def _unlisted(stretch: Stretch, flow: Mapping[str, list[str]]) -> Iterator[UUID]:
    """The ids of those that enter a state which the task type's flow does not list there."""
    if flow:
        state = stretch.before
        for one in stretch.steps:
            if one.state not in flow.get(state, [one.state]):
                yield one.id
            state = one.state


async def _capture(
    tx: Tx, accepted: Sequence[Arrival], tasks: Mapping[UUID, LockedTask]
) -> list[Thing]:
    """Give customers without an address the usable one that was captured last by order."""
    captured: dict[UUID, Arrival] = {}
    usable = [one for one in accepted if normal_form(one.body.email) is not None]
    for arrival in sorted(usable, key=lambda one: one.transition(tasks[one.task].type).order):
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
