"""Taking in a batch of transitions."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from sync.database import Tx, run
from sync.feed.publish import Thing, touch
from sync.intake.authorization import ACCEPTED, PARKED, judge, lock_tasks
from sync.intake.incoming import Arrival, arrivals
from sync.intake.parking import lock_parking
from sync.intake.recording import keep
from sync.intake.verdicts import read_verdicts
from sync.intake.writes import Judged
from sync.messages import DeviceScope, Push, Result, check_count

APPEARED: Final = "SELECT EXISTS (SELECT FROM task WHERE account = $1 AND id = ANY($2))"


class PushOutcome(Struct, frozen=True):
    """`results`: a verdict for each transition, in the order sent, all of them durable.

    `changed`: whether some task's history grew, so that planning is worth a ring.
    """

    results: list[Result]
    changed: bool


async def push(device: DeviceScope, batch: Push) -> PushOutcome:
    """Judge and keep a batch in one transaction, retried after a deadlock.

    :raises TooManyError: more than `MOST_TRANSITIONS`; nothing was applied.
    """
    check_count(batch.transitions)
    return await run(device.account, partial(_take_in, device=device, batch=batch))


async def _take_in(tx: Tx, device: DeviceScope, batch: Push) -> PushOutcome:
    sent = arrivals(device, batch, tx.now)
    first: dict[UUID, Arrival] = {}
    for arrival in sent:
        first.setdefault(arrival.id, arrival)
    told = await read_verdicts(tx, first)
    fresh = [arrival for arrival in first.values() if arrival.id not in told]
    # Only what is new takes locks; a replay waits for nobody.
    judged, things = await _decide(tx, fresh) if fresh else ([], [])
    results = {identity: verdict.answer(first[identity]) for identity, verdict in told.items()}
    for arrival, judgement in judged:
        results[arrival.id] = Result(arrival.sent_id, judgement.verdict, judgement.reason)
    outcome = PushOutcome(
        results=[_told(each, first[each.id], results[each.id]) for each in sent],
        changed=any(judgement == ACCEPTED for _, judgement in judged),
    )
    await touch(tx, things)  # and nothing after it: the account's other devices wait for its turn
    return outcome


async def _decide(tx: Tx, fresh: Sequence[Arrival]) -> tuple[list[Judged], list[Thing]]:
    """Judge under the tasks' locks and keep; what was judged, and what of it feeds tell."""
    tasks = await lock_tasks(tx, {arrival.task for arrival in fresh})
    judged = list(zip(fresh, await judge(tx, fresh, tasks), strict=True))
    await _watch_for_tasks(tx, {arrival.task for arrival, one in judged if one == PARKED})
    return judged, await keep(tx, judged, tasks)


async def _watch_for_tasks(tx: Tx, missing: set[UUID]) -> None:
    """Whoever creates tasks settles what is parked in its turn at that; so look in ours.

    :raises SerializationError: one of the tasks was created meanwhile: take the batch in anew.
    """
    if not missing:
        return
    await lock_parking(tx)
    if await tx.fetchval(APPEARED, tx.account, list(missing)):
        raise asyncpg.SerializationError("a task appeared while its transition was being parked")


def _told(arrival: Arrival, first: Arrival, result: Result) -> Result:
    """The result for one of several with the same id in a batch, the first of which has one."""
    if arrival is first:
        return result
    if arrival.digest != first.digest or result.reason == "id_reused":
        return Result(arrival.sent_id, "refused", "id_reused")
    verdict = "duplicate" if result.verdict == "accepted" else result.verdict
    return Result(arrival.sent_id, verdict, result.reason)
