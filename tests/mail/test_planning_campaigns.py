"""Pauses, edits and ends of campaigns as planning sees them."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.definition import Trigger
from mail.campaigns.lifecycle import archive_campaign, pause_campaign, resume_campaign
from mail.campaigns.store import edit_campaign
from sync.database import tx
from tests.mail.campaigns import (
    active,
    definition,
    happened,
    invitations,
    only_invitation,
    outcomes,
    plan_all,
    queue_again,
    rows,
    time_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


async def test_reasons_before_release_are_recorded(world: World, start: datetime) -> None:
    await active(world, since=timedelta(hours=2))
    stale, early = await world.task(), await world.task()
    long_ago = start - timedelta(hours=24)
    one = await happened(world, early, "600", long_ago)
    two = await happened(
        world, stale, "600", start - timedelta(minutes=30), received_at=start + timedelta(days=8)
    )
    await plan_all()
    assert await outcomes(world, early) == {one: "before_activation"}
    assert await outcomes(world, stale) == {two: "stale"}


async def test_a_larger_sample_and_wider_criteria_ask_about_nothing_that_is_past(
    world: World, start: datetime
) -> None:
    """A task that goes on after the edit is decided as it was; one that comes after it is asked."""
    narrow = CriteriaNamed(priorities=["urgent"])
    campaign = await active(world, criteria=narrow)
    past, new = await world.task(), await world.task()
    one = await happened(world, past, "600", start - MINUTE)
    await plan_all()
    assert await outcomes(world, past) == {one: "criteria"}
    async with tx(world.account) as opened:
        await edit_campaign(opened, campaign, "Satisfaction", definition(world))
    await happened(world, past, "700", start)
    two = await happened(world, new, "600", start)
    await plan_all()
    assert await outcomes(world, past) == {one: "criteria"}
    assert await outcomes(world, new) == {two: "scheduled"}


async def test_what_was_too_late_for_an_earlier_version_is_never_asked_about(
    world: World, start: datetime
) -> None:
    """Whether or not an invitation waits meanwhile; and planning again changes nothing."""
    campaign = await active(world, delay="01:00:00")
    task, device = await world.task(), (await world.device(world.alice)).device
    moment, by = start - timedelta(days=20), {"device": device}

    async def decided() -> dict[UUID, str]:
        await plan_all()
        found = await outcomes(world, task), await invitations(world, task)
        await queue_again(world, task)
        await plan_all()
        assert (await outcomes(world, task), await invitations(world, task)) == found
        return found[0]

    late = await happened(world, task, "600", moment, received_at=start)
    assert await decided() == {late: "stale"}
    async with tx(world.account) as opened:
        ever = definition(world, delay="01:00:00", stale_days=None)
        await edit_campaign(opened, campaign, "S", ever)
    assert await decided() == {late: "stale"}
    earlier = moment - MINUTE
    asked = await happened(world, task, "610", earlier, received_at=start, sequence=2, **by)
    assert await decided() == {late: "stale", asked: "scheduled"}
    async with tx(world.account) as opened:
        await edit_campaign(opened, campaign, "S", replace(ever, delay="02:00:00"))
    assert await decided() == {late: "stale", asked: "scheduled"}
    # What the device did before shows that its clock was put back: the late one is the first.
    await happened(world, task, "200", moment + MINUTE, received_at=start, sequence=1, **by)
    assert await decided() == {late: "stale", asked: "not_first"}
    assert await invitations(world, task) == []


async def test_moments_inside_a_pause_ask_nobody_afterwards_either(world: World) -> None:
    campaign = await active(world)
    task, later = await world.task(), await world.task()
    async with tx(world.account) as opened:
        await pause_campaign(opened, campaign)
    inside = await happened(world, task, "600", await time_of(world))
    await plan_all()
    async with tx(world.account) as opened:
        await resume_campaign(opened, campaign)
    after = await happened(world, later, "600", await time_of(world))
    await queue_again(world, task)
    await plan_all()
    assert await outcomes(world, task) == {inside: "paused"}
    assert await outcomes(world, later) == {after: "scheduled"}


async def test_two_campaigns_decide_for_themselves(world: World, start: datetime) -> None:
    await active(world)
    await active(world, opt_out_allowed=True)
    task = await world.task()
    await happened(world, task, "600", start, survey=False)
    await plan_all()
    found = await rows(world, "SELECT outcome FROM decision ORDER BY outcome")
    assert [row["outcome"] for row in found] == ["opted_out_by_agent", "scheduled"]
    assert len(await invitations(world, task)) == 1


async def test_an_edit_changes_nothing_that_is_scheduled(world: World, start: datetime) -> None:
    campaign = await active(world, delay="00:01:00")
    task = await world.task()
    done = await happened(world, task, "600", start)
    await plan_all()
    edited = definition(
        world, delay="00:02:00", rules=[Trigger([world.service_call], ["610", "700"])]
    )
    async with tx(world.account) as opened:
        await edit_campaign(opened, campaign, "Satisfaction", edited)
    closed = await happened(world, task, "700", await time_of(world))
    await plan_all()
    assert await outcomes(world, task) == {done: "scheduled", closed: "not_first"}
    asked = await only_invitation(world, task)
    assert (asked["version"], asked["transition"]) == (1, done)
    assert asked["release"] == start + timedelta(hours=1)


async def test_an_earlier_arrival_is_decided_by_the_version_pinned(
    world: World, start: datetime
) -> None:
    campaign = await active(world, delay="00:01:00")
    task = await world.task()
    late = await happened(world, task, "610", start + MINUTE)
    await plan_all()
    async with tx(world.account) as opened:
        await edit_campaign(opened, campaign, "S", definition(world, delay="00:02:00"))
    early = await happened(world, task, "600", start)
    await plan_all()
    assert await outcomes(world, task) == {early: "scheduled", late: "not_first"}
    asked = await only_invitation(world, task)
    assert (asked["version"], asked["release"]) == (1, start + timedelta(hours=1))


async def test_an_archived_campaign_withdraws_what_waits_and_decides_nothing(
    world: World, start: datetime
) -> None:
    campaign = await active(world)
    await active(world, rules=[Trigger([world.service_call], ["700"])])
    task, other = await world.task(), await world.task()
    done = await happened(world, task, "600", start)
    await plan_all()
    async with tx(world.account) as opened:
        await archive_campaign(opened, campaign)
    await happened(world, other, "600", start)
    await queue_again(world, task)
    await plan_all()
    assert await outcomes(world, task) == {done: "paused"}
    asked = await only_invitation(world, task)
    assert (asked["status"], asked["reason"], asked["phase"]) == ("dropped", "paused", None)
    assert await outcomes(world, other) == {}
