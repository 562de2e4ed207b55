"""Campaigns: what is refused, versions, and a life of drafts, pauses and an end."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from mail.campaigns.cache import load, pinned
from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.errors import CampaignStatusError, DefinitionError
from mail.campaigns.lifecycle import (
    activate_campaign,
    archive_campaign,
    pause_campaign,
    resume_campaign,
)
from mail.campaigns.problem import Problem
from mail.campaigns.store import create_campaign, edit_campaign, get_campaign, list_campaigns
from rules.campaign import Status
from sync.database import tx
from sync.errors import MissingError, TakenError, UnknownReferenceError
from sync.ids import new_id
from tests.mail.campaigns import definition, happened, plan_all, rows, time_of
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import World

pytestmark = pytest.mark.anyio

#: As `activate_campaign` does, for the account's only campaign.
ACTIVATE = """
UPDATE campaign_set SET revision = revision + 1;
UPDATE campaign SET status = 'active', activated_at = clock_timestamp()
"""


async def draft(world: World, said: Definition | None = None) -> UUID:
    async with tx(world.account) as opened:
        return await create_campaign(opened, "Satisfaction", said or definition(world))


async def status(world: World, campaign: UUID) -> Status:
    async with tx(world.account) as opened:
        return (await get_campaign(opened, campaign)).status


async def test_a_new_campaign_is_a_draft_that_says_what_was_given(world: World) -> None:
    async with tx(world.account) as opened:
        made = await create_campaign(opened, "Été", definition(world), external_id="summer")
    async with tx(world.account) as opened:
        found = await get_campaign(opened, made)
        assert await list_campaigns(opened) == [found]
        assert await list_campaigns(opened, after=made) == []
    assert (found.name, found.external_id, found.version) == ("Été", "summer", 1)
    assert (found.status, found.activated_at) == (Status.DRAFT, None)
    assert found.definition == definition(world)


async def test_an_external_id_or_an_id_is_given_once(world: World) -> None:
    mine = new_id()
    async with tx(world.account) as opened:
        await create_campaign(opened, "A", definition(world), campaign=mine, external_id="summer")
    async with tx(world.account) as opened:
        with pytest.raises(TakenError) as external:
            await create_campaign(opened, "B", definition(world), external_id="summer")
        with pytest.raises(TakenError) as own:
            await create_campaign(opened, "B", definition(world), campaign=mine)
    assert (external.value.field, own.value.field) == ("external_id", "id")


async def test_a_campaign_of_another_account_is_missing(world: World) -> None:
    campaign = await draft(world)
    other = await World.create()
    async with tx(other.account) as opened:
        with pytest.raises(MissingError):
            await get_campaign(opened, campaign)


async def test_an_unsound_definition_is_refused_with_its_problems(world: World) -> None:
    async with tx(world.account) as opened:
        with pytest.raises(DefinitionError) as refused:
            await create_campaign(opened, "A", definition(world, delay="1 day"))
    assert refused.value.problems == [Problem("not_a_delay", "delay")]


@pytest.mark.parametrize("field", ["task_types", "states"])
async def test_what_the_account_does_not_have_cannot_be_selected(world: World, field: str) -> None:
    unknown = Trigger([new_id()], ["600"])
    if field == "states":
        unknown = Trigger([world.service_call], ["999"])
    known = Trigger([world.service_call], ["600"])
    async with tx(world.account) as opened:
        with pytest.raises(UnknownReferenceError) as refused:
            await create_campaign(opened, "A", definition(world, rules=[known, unknown]))
    assert refused.value.field == f"definition.rules.1.{field}"


async def test_an_edit_that_says_something_new_is_a_version(world: World) -> None:
    campaign = await draft(world)
    async with tx(world.account) as opened:
        assert await edit_campaign(opened, campaign, "Renamed", definition(world)) == 1
        assert await edit_campaign(opened, campaign, "B", definition(world, negative_at=3)) == 2
        found = await get_campaign(opened, campaign)
        both = await pinned(opened, [(campaign, 1), (campaign, 2), (campaign, 9)])
        assert await pinned(opened, [(campaign, 1)]) == {(campaign, 1): both[campaign, 1]}
    assert (found.name, found.version, found.definition.negative_at) == ("B", 2, 3)
    assert {key: said.content.lead.negative_at for key, said in both.items()} == {
        (campaign, 1): 2,
        (campaign, 2): 3,
    }


async def test_activation_is_counted_from_the_first_time_only(world: World) -> None:
    campaign = await draft(world)
    async with tx(world.account) as opened:
        await activate_campaign(opened, campaign)
        first = (await get_campaign(opened, campaign)).activated_at
    for act in (activate_campaign, pause_campaign, resume_campaign):
        async with tx(world.account) as opened:
            await act(opened, campaign)
    async with tx(world.account) as opened:
        found = await get_campaign(opened, campaign)
    assert first is not None
    assert (found.status, found.activated_at) == (Status.ACTIVE, first)


async def test_pauses_are_kept(world: World) -> None:
    campaign = await draft(world)
    for act in (activate_campaign, resume_campaign, pause_campaign, pause_campaign):
        async with tx(world.account) as opened:
            await act(opened, campaign)
    assert await status(world, campaign) is Status.PAUSED
    async with tx(world.account) as opened:
        paused = (await load(opened)).campaigns[campaign]
        await resume_campaign(opened, campaign)
        resumed = (await load(opened)).campaigns[campaign]
    assert [pause.end for pause in paused.pauses] == [None]
    assert [pause.start for pause in resumed.pauses] == [pause.start for pause in paused.pauses]
    assert resumed.pauses[0].end is not None
    assert resumed.pauses[0].end >= resumed.pauses[0].start


async def test_a_status_that_does_not_allow_it_is_an_error(world: World) -> None:
    campaign = await draft(world)
    async with tx(world.account) as opened:
        with pytest.raises(CampaignStatusError):
            await pause_campaign(opened, campaign)
        with pytest.raises(CampaignStatusError):
            await resume_campaign(opened, campaign)
        await archive_campaign(opened, campaign)
        await archive_campaign(opened, campaign)
        with pytest.raises(CampaignStatusError):
            await activate_campaign(opened, campaign)
        with pytest.raises(CampaignStatusError):
            await edit_campaign(opened, campaign, "A", definition(world))
    assert await status(world, campaign) is Status.ARCHIVED


async def test_loading_again_reads_only_after_a_change(world: World) -> None:
    async with tx(world.account) as opened:
        assert (await load(opened)).campaigns == {}
    campaign = await draft(world)
    async with tx(world.account) as opened:
        drafts = await load(opened)
        assert drafts.campaigns == {}
        assert await load(opened) is drafts
        await activate_campaign(opened, campaign)
        active = await load(opened)
    assert list(active.campaigns) == [campaign]
    assert [item.id for item in active.index.matching(world.service_call)] == [campaign]


async def test_an_account_that_is_not_looked_at_is_forgotten(world: World) -> None:
    await draft(world)
    async with tx(world.account) as opened:
        first = await load(opened)
    for account in range(1, 65):
        await _look_at_another(account)
    async with tx(world.account) as opened:
        assert await load(opened) is not first


async def test_what_happens_during_an_activation_is_not_missed(
    world: World, database: TestDatabase
) -> None:
    """The planner waits for the activation, so that it sees the campaign afterwards."""
    campaign, task = await draft(world), await world.task()
    async with owning(database.owner) as watcher, owning(database.owner) as activator:
        async with activator.connection.transaction():
            await activator.connection.execute(ACTIVATE)
            moment = await time_of(world)
            later = moment + timedelta(seconds=1)
            await happened(world, task, "600", later, received_at=later)
            planning = asyncio.create_task(plan_all())
            await watcher.until_waiting(1)
        assert await planning == 1
    decided = await rows(world, "SELECT campaign, outcome FROM decision")
    assert [tuple(row) for row in decided] == [(campaign, "scheduled")]


async def _look_at_another(account: int) -> None:
    async with tx(account) as opened:
        await opened.execute(
            "INSERT INTO account (account, name, zone, language, after_crash, created_at)"
            " VALUES ($1, 'a', 'America/Montreal', 'fr_CA', 'resend', now())",
            account,
        )
        await opened.execute("INSERT INTO campaign_set VALUES ($1, 1)", account)
        await load(opened)
