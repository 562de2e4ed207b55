"""Replay: what a campaign would have sent is what it did send where it was active."""

from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings

from tests.faults.trials import THOROUGH
from tests.mail.delivering import posting
from tests.mail.replaying import History, Live, fate_of, histories
from tests.support.databases import TestDatabase
from tests.support.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EXAMPLES: Final = 500 if THOROUGH else 25


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
async def test_t7_a_replay_says_what_was_sent_and_why_not_for_the_rest(
    as_worker: TestDatabase, history: History
) -> None:
    async with posting(as_worker, await World.create()) as post:
        live = Live(post)
        await live.live(history)
        replay = await live.replayed()
        assert {line.transition: fate_of(line) for line in replay.lines} == await live.fates()
