"""Replay: what a campaign would have sent is what it did send where it was active."""

import sys
from types import FrameType
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from mail.campaigns.cap import SurveyCap, set_cap
from mail.delivery.judging import Addressed
from mail.replay.addresses import People, Survey
from mail.replay.as_if import read_as_if
from mail.replay.lines import Scheduled, read_histories, replayed
from sync.database import tx
from tests.faults.trials import THOROUGH
from tests.mail.campaigns import active
from tests.mail.delivering import DAY, posting
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


@pytest.mark.parametrize("cap", [None, SurveyCap(1, 1)])
async def test_a_survey_is_judged_alike_however_many_the_address_had(
    as_worker: TestDatabase, cap: SurveyCap | None
) -> None:
    async with posting(as_worker, await World.create()) as post:
        campaign = await active(post.world)
        task = await post.visit()
        async with tx(post.world.account) as opened:
            await set_cap(opened, cap)
            as_if = await read_as_if(opened, campaign, opened.now - DAY)
            lines = replayed(as_if, await read_histories(opened, as_if, [task]))
            scheduled = [one.foretold("600") for one in lines if isinstance(one, Scheduled)]
            people = People(as_if, as_if.version())
            [survey] = await people.find(opened, scheduled)
    some, twice = (_calls(people, _repeated(survey, number)) for number in (100, 200))
    assert twice < 2.5 * some


def _repeated(survey: Survey, number: int) -> list[Survey]:
    """The same survey every other day, of other tasks."""
    found, released = survey.found, survey.scheduled.released
    assert isinstance(found, Addressed)
    assert released is not None
    repeated = []
    for place in range(number):
        at = released.judged + 2 * place * DAY
        own = replace(found.candidate, invitation=UUID(int=place), ready=at, release=at)
        then = replace(survey.scheduled, released=replace(released, judged=at, release=at))
        repeated.append(Survey(then, replace(found, candidate=own)))
    return repeated


def _calls(people: People, surveys: list[Survey]) -> int:
    """How often functions are called, and generators go on, to judge surveys that are all sent."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        lines = list(people.judge(surveys))
    finally:
        sys.setprofile(None)
    assert {line.outcome for line in lines} == {"scheduled"}
    return calls
