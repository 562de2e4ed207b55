"""A job is done once at a time, until nothing is due, whatever happens to it."""

import asyncio
from collections.abc import Callable

import pytest

from mail.worker.jobs import Job, Runner, Step, Stopping

pytestmark = pytest.mark.anyio


def nothing() -> None:
    """Nothing follows."""


def runner(step: Step, *, limit: float = 10, then: Callable[[], None] = nothing) -> Runner:
    return Runner(Job.PLAN, step, time_limit=limit, stopping=Stopping(), then=then)


async def test_it_works_until_nothing_is_due_and_rings_for_what_follows() -> None:
    left, rung = [3, 2, 0], []

    async def work() -> int:
        return left.pop(0)

    await runner(work, then=lambda: rung.append("deliver")).run()
    assert left == []
    assert rung == ["deliver", "deliver"]


async def test_rings_while_it_works_make_it_look_once_more() -> None:
    looks, working, go_on = [], asyncio.Event(), asyncio.Event()

    async def work() -> int:
        looks.append(1)
        working.set()
        await go_on.wait()
        return 0

    one = runner(work)
    first = asyncio.create_task(one.run())
    await working.wait()
    await asyncio.gather(*(one.run() for _ in range(10)))
    go_on.set()
    await first
    assert len(looks) == 2


async def test_a_failure_is_survived_and_the_next_ring_works_again() -> None:
    tries = []

    async def work() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("the database is away")
        return 0

    one = runner(work)
    await one.run()
    await one.run()
    assert len(tries) == 2


async def test_work_that_takes_too_long_is_cut_off() -> None:
    cut = []

    async def work() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.append(1)
            raise
        return 0

    await runner(work, limit=0.01).run()
    assert cut == [1]


async def test_a_process_that_stops_finishes_what_it_is_at() -> None:
    stopping, looks = Stopping(), []

    async def work() -> int:
        looks.append(1)
        stopping.asked = True
        return 5

    await Runner(Job.PLAN, work, time_limit=10, stopping=stopping, then=nothing).run()
    assert looks == [1]
