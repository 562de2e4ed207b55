"""Pushes: a batch of a device's transitions is judged and stored."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from sync.database import Tx, run
from sync.feed.publish import Thing, touch
from sync.intake.incoming import Arrival, arrivals
from sync.intake.parking import lock_parking
from sync.intake.recording import store
from sync.intake.verdicts import ACCEPTED, PARKED, judge, lock_tasks, read_verdicts
from sync.intake.writes import Judged
from sync.messages import DeviceScope, Push, Result, check_count

APPEARED: Final = "SELECT EXISTS (SELECT FROM task WHERE account = $1 AND id = ANY($2))"


class PushOutcome(Struct, frozen=True):
    """`results`: a verdict on each transition, in the order sent; all are committed.

    `changed`: whether one was accepted, so that planning is to be rung.
    """

    results: list[Result]
    changed: bool


async def push(device: DeviceScope, batch: Push) -> PushOutcome:
    """Judge and store a batch in one transaction, retried after a deadlock.

    :raises TooManyError: more than `MOST_TRANSITIONS`; nothing was applied.
    """
    check_count(batch.transitions)
    return await run(device.account, partial(_push, device=device, batch=batch))


async def _push(tx: Tx, device: DeviceScope, batch: Push) -> PushOutcome:
    sent = arrivals(device, batch, tx.now)
    first: dict[UUID, Arrival] = {}
    for arrival in sent:
        first.setdefault(arrival.id, arrival)
    stored = await read_verdicts(tx, first)
    fresh = [arrival for arrival in first.values() if arrival.id not in stored]
    # Only new transitions need locks; a replay waits for none.
    judged, things = await _store_judged(tx, fresh) if fresh else ([], [])
    results = {id_: verdict.answer(first[id_]) for id_, verdict in stored.items()}
    for arrival, judgement in judged:
        results[arrival.id] = Result(arrival.sent_id, judgement.verdict, judgement.reason)
    outcome = PushOutcome(
        results=[_result(arrival, first[arrival.id], results[arrival.id]) for arrival in sent],
        changed=any(judgement == ACCEPTED for _, judgement in judged),
    )
    await touch(tx, things)  # the last statement, because others wait for the feed's counter
    return outcome


async def _store_judged(tx: Tx, fresh: Sequence[Arrival]) -> tuple[list[Judged], list[Thing]]:
    """Lock the tasks of `fresh`, judge and store it; return that, and what changed for the feed.

    :raises SerializationError: a task was created while its transition was parked: retry.
    """
    tasks = await lock_tasks(tx, {arrival.task for arrival in fresh})
    judged = list(zip(fresh, await judge(tx, fresh, tasks), strict=True))
    missing = {arrival.task for arrival, judgement in judged if judgement == PARKED}
    if missing:
        # Who creates tasks settles what is parked under this lock, so look again under it.
        await lock_parking(tx)
        if await tx.fetchval(APPEARED, tx.account, list(missing)):
            raise asyncpg.SerializationError("a task appeared while its transition was parked")
    return judged, await store(tx, judged, tasks)


def _result(arrival: Arrival, first: Arrival, result: Result) -> Result:
    """Return the result for `arrival`, given that of the `first` in the batch with its id."""
    if arrival is first:
        return result
    if arrival.digest != first.digest or result.reason == "id_reused":
        return Result(arrival.sent_id, "refused", "id_reused")
    verdict = "duplicate" if result.verdict == "accepted" else result.verdict
    return Result(arrival.sent_id, verdict, result.reason)
