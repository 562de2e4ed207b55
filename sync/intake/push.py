"""Pushes: a batch of a device's transitions is judged and stored."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from sync.database import Tx, retried, tx
from sync.feed.publish import Thing, touch
from sync.intake.incoming import Arrival, arrivals
from sync.intake.parking import lock_parking
from sync.intake.recording import Judged, store
from sync.intake.verdicts import ACCEPTED, PARKED, judge, lock_tasks, read_verdicts
from sync.messages import DeviceScope, Push, Result, check_count

APPEARED: Final = "SELECT EXISTS (SELECT FROM task WHERE account = $1 AND id = ANY($2))"


class PushOutcome(Struct, frozen=True):
    """`results`: a verdict on each transition, in the order sent; all are committed.

    `changed`: whether one was accepted, so that planning is to be rung.
    """

    results: list[Result]
    changed: bool


@retried
async def push(device: DeviceScope, batch: Push) -> PushOutcome:
    """Judge and store a batch in one transaction, retried after a deadlock.

    :raises TooManyError: more than `MOST_TRANSITIONS`; nothing was applied.
    """
    check_count(batch.transitions)
    async with tx(device.account) as opened:
        sent = arrivals(device, batch, opened.now)
        first: dict[UUID, Arrival] = {}
        for arrival in sent:
            first.setdefault(arrival.id, arrival)
        stored = await read_verdicts(opened, first)
        fresh = [arrival for arrival in first.values() if arrival.id not in stored]
        # Only new transitions need locks; a replay waits for none.
        judged, things = await _store_judged(opened, fresh) if fresh else ([], [])
        results = {id_: verdict.answer(first[id_]) for id_, verdict in stored.items()}
        for arrival, judgement in judged:
            results[arrival.id] = Result(arrival.sent_id, judgement.verdict, judgement.reason)
        await touch(opened, things)  # the last, because others wait for the feed's counter
    return PushOutcome(
        results=[
            results[arrival.id]
            if arrival is first[arrival.id]
            else _repeated(arrival, first[arrival.id], results[arrival.id])
            for arrival in sent
        ],
        changed=any(judgement == ACCEPTED for _, judgement in judged),
    )


async def _store_judged(opened: Tx, fresh: Sequence[Arrival]) -> tuple[list[Judged], list[Thing]]:
    """Lock the tasks of `fresh`, judge and store it; return that, and what changed for the feed.

    :raises SerializationError: a task was created while its transition was parked: retry.
    """
    tasks = await lock_tasks(opened, {arrival.task for arrival in fresh})
    judged = list(zip(fresh, await judge(opened, fresh, tasks), strict=True))
    missing = {arrival.task for arrival, judgement in judged if judgement == PARKED}
    if missing:
        # Who creates tasks settles what is parked under this lock, so look again under it.
        await lock_parking(opened)
        if await opened.fetchval(APPEARED, opened.account, list(missing)):
            raise asyncpg.SerializationError("a task appeared while its transition was parked")
    return judged, await store(opened, judged, tasks)


def _repeated(arrival: Arrival, first: Arrival, result: Result) -> Result:
    """Return the result for `arrival`, given that of the `first` in the batch with its id."""
    if arrival.digest != first.digest or result.reason == "id_reused":
        return Result(arrival.sent_id, "refused", "id_reused")
    verdict = "duplicate" if result.verdict == "accepted" else result.verdict
    return Result(arrival.sent_id, verdict, result.reason)
