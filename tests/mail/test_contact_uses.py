"""Each mail leaves a row with whom it is for: windows, counts and erasure rest on these."""

from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from typing import Final

import asyncpg
import pytest

from mail.campaigns.store import edit_campaign
from mail.delivery.claim import claim
from mail.responses.subscriptions import open_subscription, unsubscribe
from rules.campaign import AddressField
from sync.database import tx
from tests.mail.campaigns import active, change, definition, only_invitation, rows
from tests.mail.delivering import DAY, HOUR, MINUTE, Post
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.smtp_server import TAKE_AND_CUT

pytestmark = pytest.mark.anyio

ADDRESS: Final = "marie@example.net"
WEEK: Final = "07:00:00"

USES: Final = "SELECT * FROM contact_use ORDER BY counted_from, invitation"
ERASE: Final = (
    "UPDATE contact SET address = NULL",
    "UPDATE invitation SET address = NULL, typed_address = NULL",
    "UPDATE customer SET email = NULL",
)


def link_of(post: Post, mail: int = 0) -> str:
    """The token by which the customer leaves."""
    link = str(post.server.mails[mail].parsed["List-Unsubscribe"])
    return link.removeprefix("<https://retour.test/u/").removesuffix(">")


async def test_each_mail_is_kept_and_the_last_one_holds_the_window(post: Post) -> None:
    campaign = await active(post.world, mute=WEEK)
    tasks = []
    for days in (0, 8, 5):
        await post.later(days * DAY)
        tasks.append(await post.visit(ADDRESS))
        await post.deliver_all()
    assert [(await post.status(task))[0] for task in tasks] == ["sent", "sent", "dropped"]
    first, second, _ = [await only_invitation(post.world, task) for task in tasks]
    found = await rows(post.world, USES)
    assert [(row["invitation"], row["campaign"], row["counted_from"]) for row in found] == [
        (first["id"], campaign, first["release"]),
        (second["id"], campaign, second["release"]),
    ]
    assert len({row["contact"] for row in found}) == 1
    assert await post.uses() == [(ADDRESS, True), (ADDRESS, True)]


async def test_what_fails_leaves_the_window_before_it_as_it_was(post: Post) -> None:
    await active(post.world, mute=WEEK)
    await post.visit(ADDRESS)
    await post.deliver_all()
    before = await rows(post.world, USES)
    await post.later(8 * DAY)
    await post.visit(ADDRESS)
    post.server.next("RCPT", "550 5.6.0 no")
    await post.deliver_all()
    assert await rows(post.world, USES) == before


async def test_a_window_that_a_campaign_gets_later_counts_the_mails_before(post: Post) -> None:
    campaign = await active(post.world)
    await post.visit(ADDRESS)
    await post.deliver_all()
    async with tx(post.world.account) as opened:
        edited = definition(post.world, mute=WEEK)
        await edit_campaign(opened, campaign, "Satisfaction", edited)
    second = await post.visit(ADDRESS)
    await post.deliver_all()
    assert await post.status(second) == ("dropped", "muted")


async def test_who_waits_for_a_mail_that_was_due_long_ago_waits_for_that_one(post: Post) -> None:
    """The window of one that went meanwhile is over; it was due after the one that waited."""
    await active(post.world, mute="01:00:00")
    late = await post.visit(ADDRESS)
    await change(post.world, "UPDATE outbox SET not_before = not_before + interval '3 days'")
    await post.later(HOUR)
    await post.visit(ADDRESS)
    await post.deliver_all()
    await post.later(3 * DAY)
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver()
    assert (await post.status(late))[0] == "claimed"
    third = await post.visit(ADDRESS)
    await post.deliver()
    assert (await post.status(third))[0] == "scheduled"
    await post.later(2 * MINUTE)
    await post.deliver_all()
    await post.later(2 * MINUTE)
    await post.deliver_all()
    assert await post.status(late) == ("sent", None)
    assert await post.status(third) == ("dropped", "muted")


async def test_who_left_is_left_alone_when_the_address_is_erased_and_told_again(
    post: Post,
) -> None:
    await active(post.world)
    await post.visit(ADDRESS)
    await post.deliver_all()
    assert await unsubscribe(link_of(post)) is not None
    for statement in ERASE:
        await change(post.world, statement)
    task = await post.visit(" Marie@Example.NET ")
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "suppressed")
    assert len(await rows(post.world, "SELECT FROM contact")) == 1


async def test_the_link_of_a_mail_works_when_the_address_is_erased(post: Post) -> None:
    await active(post.world)
    await post.visit(ADDRESS)
    await post.deliver_all()
    for statement in ERASE:
        await change(post.world, statement)
    opened = await open_subscription(link_of(post))
    assert opened is not None
    assert not opened.ended
    for _ in range(2):
        left = await unsubscribe(link_of(post))
        assert left is not None
        assert left.ended
    task = await post.visit(ADDRESS)
    await post.deliver_all()
    assert await post.status(task) == ("dropped", "suppressed")


async def test_the_link_of_a_mail_that_failed_works_too(post: Post) -> None:
    await active(post.world)
    await post.visit(ADDRESS)
    post.server.next("DOT", TAKE_AND_CUT)
    await post.deliver_all()
    await change(post.world, "DELETE FROM contact_use")
    left = await unsubscribe(link_of(post))
    assert left is not None
    assert left.ended
    assert await post.suppressed() == {ADDRESS: "unsubscribed"}


#: The tables as they were, with what they would have held.
BEFORE: Final = """
CREATE TEMP TABLE contacts_were AS
SELECT account, address, suppressed, suppressed_at, full_since, full_visits FROM contact;
CREATE TEMP TABLE mutes_were AS
SELECT DISTINCT ON (u.contact, u.campaign) u.account, c.address, u.campaign, u.invitation,
  u.confirmed, u.counted_from
FROM contact_use u
JOIN contact c ON (c.account, c.id) = (u.account, u.contact)
JOIN campaign k ON (k.account, k.id) = (u.account, u.campaign)
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (k.account, k.id, k.version)
WHERE v.rules ->> 'mute' IS NOT NULL
ORDER BY u.contact, u.campaign, u.counted_from DESC;
ALTER TABLE link DROP contact;
ALTER TABLE answer DROP CONSTRAINT answer_contact_fkey;
DROP TABLE contact_key, contact_use, contact;
CREATE TABLE contact AS SELECT * FROM contacts_were;
CREATE TABLE mute AS SELECT * FROM mutes_were;
"""

#: What releases read of a contact since.
SINCE: Final = (
    "ALTER TABLE contact ADD left_campaigns uuid[], ADD quarterly_since timestamptz;"
    " ALTER TABLE contact_use ADD customer uuid"
)

KNOWN: Final = """
SELECT c.address, c.suppressed, c.suppressed_at, c.full_since, c.full_visits
FROM contact c ORDER BY c.address
"""
USED: Final = """
SELECT c.address, u.invitation, u.campaign, u.priority, u.confirmed, u.counted_from
FROM contact_use u JOIN contact c ON (c.account, c.id) = (u.account, u.contact)
ORDER BY u.invitation
"""


async def remade(database: TestDatabase) -> None:
    """Put the tables back to what they were, and have the migration write them anew."""
    migration = import_module("mail.migrations.mail_2026_11_30t01_05_00_000000")
    async with owning(database.owner) as owner, owner.connection.transaction():
        await owner.connection.execute(BEFORE)
        await migration.remake(owner.connection)
        await owner.connection.execute(SINCE)


async def known(post: Post) -> tuple[Sequence[asyncpg.Record], Sequence[asyncpg.Record]]:
    """What is known of contacts, and their uses."""
    return await rows(post.world, KNOWN), await rows(post.world, USED)


async def test_what_is_remade_is_what_is_written_today(post: Post, database: TestDatabase) -> None:
    """Sent promptly, late, twice, and without a window; in doubt; on its way; left; full."""
    for mute in (WEEK, None):
        await active(post.world, mute=mute)
    await post.visit(ADDRESS)
    await post.visit("bounced@example.net")
    await post.visit("full@example.net")
    post.server.refused["bounced@example.net"] = "550 5.1.1 no such mailbox"
    post.server.refused["full@example.net"] = "552 5.2.2 mailbox full"
    await post.deliver_all()
    assert await unsubscribe(link_of(post)) is not None
    await post.visit("late@example.net")
    for _ in range(16):
        await post.later(4 * HOUR)
        await post.deliver_all()
    await post.later(8 * DAY)
    await post.visit("late@example.net")
    await post.visit("doubt@example.net")
    post.server.next("DOT", TAKE_AND_CUT)
    await post.deliver_all()
    await post.visit("leaves@example.net")
    assert len((await claim(post.config, post.world.account, 10)).jobs) == 2
    before = await known(post)
    assert {row["suppressed"] for row in before[0]} == {None, "unsubscribed", "bounced"}
    assert [row["full_since"] is None for row in before[0]].count(False) == 1
    assert {row["confirmed"] for row in before[1]} == {True, False}
    await remade(database)
    assert await known(post) == before

    await post.later(timedelta(minutes=30))
    task = await post.visit(ADDRESS)
    again = await post.visit("late@example.net")
    await post.deliver_all()
    found = [
        {(row["status"], row["reason"]) for row in await rows(
            post.world, "SELECT status, reason FROM invitation WHERE task = $1", item
        )}
        for item in (task, again)
    ]  # fmt: skip
    assert found == [{("dropped", "suppressed")}, {("dropped", "muted"), ("sent", None)}]


async def test_w2_uses_of_before_are_given_their_customers(
    post: Post, database: TestDatabase
) -> None:
    """Those whom their tasks have by then, as what is sent from then on."""
    migration = import_module("mail.migrations.mail_2026_11_30t22_30_00_000000")
    await active(post.world, secondary=AddressField.CONTACT)
    await post.visit(ADDRESS)
    await post.finished(contact_email=ADDRESS)
    await post.deliver_all()
    found = "SELECT invitation, customer FROM contact_use ORDER BY invitation"
    before = await rows(post.world, found)
    assert [row["customer"] is None for row in before] in ([True, False], [False, True])
    async with owning(database.owner) as owner, owner.connection.transaction():
        await owner.connection.execute("ALTER TABLE contact_use DROP customer")
        await owner.connection.execute(migration.COLUMN)
        await owner.connection.execute(migration.INDEXES.replace("contact_use_recent", "again"))
    assert await rows(post.world, found) == before
