"""Devices are told which campaigns ask, and it stays true whatever happens to a campaign."""

from datetime import UTC, date, datetime
from importlib import import_module

import pytest

from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.definition import Trigger
from mail.campaigns.lifecycle import archive_campaign, pause_campaign, resume_campaign
from mail.campaigns.store import edit_campaign, put_units
from rules.campaign import AddressField
from sync.database import tx
from sync.feed import pull
from sync.feed.changes import Ask, AskCriteria, TaskTypeChange
from sync.records.shapes import UnitPut
from tests.mail.campaigns import active, definition
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def asks_of(world: World) -> dict[str, list[Ask]]:
    """What a device of alice's is told of each type of her tasks."""
    page = await pull(await world.device(world.alice), None, b"a secret of the tests")
    return {c.id: c.asks for c in page.changes if isinstance(c, TaskTypeChange)}


async def tasks_of_both_types(world: World) -> None:
    await world.task(type=world.service_call)
    await world.task(type=world.installation)


async def test_the_field_is_told_who_will_be_asked_by_an_active_campaign(world: World) -> None:
    await tasks_of_both_types(world)
    rules = [
        Trigger([world.service_call], ["610"]),
        Trigger([world.service_call, world.installation], ["600"]),
    ]
    made = await active(
        world,
        rules=rules,
        secondary=AddressField.LOCATION,
        opt_out_allowed=True,
        delay="00:12:00",
        delay_in="working",
        mute="07:00:00",
    )

    asks = await asks_of(world)

    ask = Ask(
        campaign=str(made),
        name="Satisfaction",
        states=["600", "610"],
        primary="customer",
        secondary="location",
        may_untick=True,
        delay="00:12:00",
        delay_in="working",
        mute="07:00:00",
    )
    assert asks[str(world.service_call)] == [ask]
    assert [item.states for item in asks[str(world.installation)]] == [["600"]]


async def test_the_field_is_told_about_which_tasks_and_when(world: World) -> None:
    """Units with those below them; days as moments in the account's zone (America/Montreal)."""
    await tasks_of_both_types(world)
    criteria = CriteriaNamed(
        units=[world.region], tags=["vip", "chien"], account_managers=[world.dispatcher]
    )
    await active(
        world,
        criteria=criteria,
        sample_percent=50,
        first_day=date(2026, 3, 8),
        last_day=date(2026, 3, 31),
    )
    [ask] = (await asks_of(world))[str(world.service_call)]
    assert ask.criteria == AskCriteria(
        units=sorted(map(str, (world.region, world.site, world.other_site))),
        priorities=[],
        reasons=[],
        channels=[],
        account_managers=[str(world.dispatcher)],
        tags=["chien", "vip"],
        customer_tags=[],
    )
    assert ask.sampled
    # A day of 23 hours begins in winter time; the last ends in summer time.
    assert ask.starts_at == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert ask.ends_at == datetime(2026, 4, 1, 4, tzinfo=UTC)


async def test_a_unit_that_moves_takes_the_promise_with_it(world: World) -> None:
    await tasks_of_both_types(world)
    await active(world, criteria=CriteriaNamed(units=[world.site]))

    async def told() -> set[str]:
        [ask] = (await asks_of(world))[str(world.service_call)]
        return set(ask.criteria.units) if ask.criteria else set()

    assert await told() == {str(world.site)}
    async with tx(world.account) as opened:
        await put_units(opened, [UnitPut(id=world.other_site, parent=world.site)])
    assert await told() == {str(world.site), str(world.other_site)}


async def test_what_stands_still_or_is_put_away_asks_nobody(world: World) -> None:
    await tasks_of_both_types(world)
    made = await active(world)

    async def after(change: object) -> bool:
        async with tx(world.account) as opened:
            await change(opened, made)  # type: ignore[operator]
        return any((await asks_of(world)).values())

    assert not await after(pause_campaign)
    assert await after(resume_campaign)
    assert not await after(archive_campaign)


async def test_an_edit_reaches_devices_that_have_pulled_already(world: World) -> None:
    await tasks_of_both_types(world)
    made = await active(world)
    device = await world.device(world.alice)
    key = b"a secret of the tests"
    page = await pull(device, None, key)

    async with tx(world.account) as opened:
        said = definition(world, rules=[Trigger([world.service_call], ["600"])])
        await edit_campaign(opened, made, "Visites", said)

    changes = (await pull(device, page.cursor, key)).changes
    asks = {c.id: c.asks for c in changes if isinstance(c, TaskTypeChange)}
    assert [item.name for item in asks[str(world.service_call)]] == ["Visites"]
    assert asks[str(world.installation)] == []


async def test_an_edit_of_words_alone_tells_nobody_anything(world: World) -> None:
    await tasks_of_both_types(world)
    made = await active(world)
    device = await world.device(world.alice)
    key = b"a secret of the tests"
    page = await pull(device, None, key)

    async with tx(world.account) as opened:
        await edit_campaign(opened, made, "Satisfaction", definition(world, deadline_days=14))

    assert (await pull(device, page.cursor, key)).changes == []


#: The column that the migration read, which a later one divided.
AS_IT_WAS = """
ALTER TABLE campaign_version ADD COLUMN definition jsonb;
UPDATE campaign_version SET definition = rules || content;
"""


async def test_the_migrations_fill_what_campaigns_would_have_told(
    world: World, as_worker: TestDatabase
) -> None:
    await active(world, opt_out_allowed=True, delay="00:12:00", mute="07:00:00")
    await active(world, rules=[Trigger([world.installation], ["300", "100"])])
    first = import_module("mail.migrations.mail_2026_11_22t21_30_00_000000")
    second = import_module("mail.migrations.mail_2026_11_30t12_30_00_000000")
    third = import_module("mail.migrations.mail_2026_11_30t19_10_00_000000")
    fourth = import_module("mail.migrations.mail_2026_11_30t19_41_00_000000")

    async with owning(as_worker.owner) as owner:
        select = "SELECT id, asks FROM task_type ORDER BY id"
        before = [tuple(row) for row in await owner.connection.fetch(select)]
        await owner.connection.execute("UPDATE task_type SET asks = NULL")
        await owner.connection.execute(AS_IT_WAS)
        await owner.connection.execute(first.ASKS)
        await owner.connection.execute(second.WHEN)
        await owner.connection.execute(third.WHOM)
        await owner.connection.execute(fourth.ELAPSED)
        after = [tuple(row) for row in await owner.connection.fetch(select)]

    assert sum(asks is not None for _, asks in before) == 2
    assert after == before
