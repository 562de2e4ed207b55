"""What an answer leaves to be done: opened with it, taken back with it, and nobody else's."""

import asyncio
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

import asyncpg
import pytest

from mail.responses.answers import Submission, submit
from sync.database import tx
from tests.mail.campaigns import active, change, rows
from tests.mail.relational import asked
from tests.mail.sent import sent
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import World

pytestmark = pytest.mark.anyio

HAPPY: Final = Submission(rating=5)
SAD: Final = Submission(rating=1)
CALL: Final = Submission(rating=5, call_back=True)
SAD_CALL: Final = Submission(rating=2, call_back=True)
ANOTHER: Final = Submission(rating=1, call_back=True)
STRANGER: Final = Submission(rating=1, not_me=True)
STRANGER_CALL: Final = Submission(rating=None, not_me=True, call_back=True)
OPEN: Final = ("open", None)
WITHDRAWN: Final = ("closed", "withdrawn")

_WITHOUT_IDS: Final = """
SELECT account, invitation, kind, opened_at, owner, due_at, status, resolution, closed_by,
  closed_at
FROM follow_up ORDER BY invitation, kind
"""


async def standing(world: World) -> dict[str, tuple[str, str | None]]:
    """Status and resolution of every follow-up, by kind: of one answer there is one of each."""
    found = await rows(world, "SELECT * FROM follow_up ORDER BY kind")
    assert len({row["kind"] for row in found}) == len(found)
    return {row["kind"]: (row["status"], row["resolution"]) for row in found}


async def audited(world: World) -> list[tuple[str, str, str, Any]]:
    """Who did what to which follow-up, in the record; the kind where it is new."""
    return [
        (row["actor"], row["action"], row["kind"] or row["was"], row["resolution"])
        for row in await rows(
            world,
            "SELECT actor, action, after ->> 'kind' AS kind, after ->> 'resolution' AS resolution,"
            " concat(before ->> 'status', ' to ', after ->> 'status') AS was"
            " FROM audit WHERE object LIKE 'follow_up/%' ORDER BY at, action, kind",
        )
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([HAPPY], {}),
        ([Submission(rating=3)], {}),
        ([SAD], {"negative": OPEN}),
        ([CALL], {"call_back": OPEN}),
        ([SAD_CALL], {"call_back": OPEN, "negative": OPEN}),
        # Their rating counts for nothing, but they were told that they will be called.
        ([STRANGER], {}),
        ([STRANGER_CALL], {"call_back": OPEN}),
        ([SAD_CALL, SAD_CALL], {"call_back": OPEN, "negative": OPEN}),
        ([SAD_CALL, SAD], {"call_back": WITHDRAWN, "negative": OPEN}),
        ([SAD_CALL, CALL], {"call_back": OPEN, "negative": WITHDRAWN}),
        ([SAD_CALL, HAPPY], {"call_back": WITHDRAWN, "negative": WITHDRAWN}),
        ([SAD, STRANGER], {"negative": WITHDRAWN}),
        ([HAPPY, SAD], {"negative": OPEN}),
        ([SAD, HAPPY, SAD_CALL], {"call_back": OPEN, "negative": OPEN}),
    ],
)
async def test_an_answer_leaves_what_it_says_last_to_be_done(
    world: World, said: list[Submission], found: dict[str, tuple[str, str | None]]
) -> None:
    mail = await sent(world)
    for item in said:
        await submit(mail.survey, item)
    assert await standing(world) == found


async def test_it_is_open_since_it_was_last_asked_for(world: World, database: TestDatabase) -> None:
    mail = await sent(world)
    seen: list[dict[str, asyncpg.Record]] = []
    async with owning(database.owner) as owner:
        for hours, item in enumerate((SAD_CALL, SAD, SAD_CALL, ANOTHER)):
            await owner.move_clock(timedelta(hours=hours))
            await submit(mail.survey, item)
            seen.append({row["kind"]: row for row in await rows(world, "SELECT * FROM follow_up")})
    first, withdrawn, again, last = (item["call_back"] for item in seen)
    hour = timedelta(hours=1)
    assert withdrawn["closed_at"] - first["opened_at"] >= hour
    assert again["opened_at"] - first["opened_at"] >= 2 * hour
    assert (again["closed_at"], again["id"]) == (None, first["id"])
    assert last == again
    assert {item["negative"]["opened_at"] for item in seen} == {first["opened_at"]}


async def test_what_somebody_is_at_or_has_closed_stays_theirs(world: World) -> None:
    mail = await sent(world)
    await submit(mail.survey, SAD_CALL)
    await change(world, "UPDATE follow_up SET status = 'in_progress' WHERE kind = 'call_back'")
    close = (
        "UPDATE follow_up SET status = 'closed', resolution = 'handled', closed_at = now(),"
        " closed_by = $1 WHERE kind = 'negative'"
    )
    await change(world, close, world.dispatcher)
    for said in (HAPPY, SAD_CALL):
        await submit(mail.survey, said)
        assert await standing(world) == {
            "call_back": ("in_progress", None),
            "negative": ("closed", "handled"),
        }


async def test_who_closes_one_as_withdrawn_is_not_the_customer(world: World) -> None:
    mail = await sent(world)
    await submit(mail.survey, SAD)
    close = (
        "UPDATE follow_up SET status = 'closed', resolution = 'withdrawn', closed_at = now(),"
        " closed_by = $1"
    )
    await change(world, close, world.dispatcher)
    await submit(mail.survey, HAPPY)
    await submit(mail.survey, SAD)
    assert await standing(world) == {"negative": WITHDRAWN}


async def test_each_change_stands_in_the_record(world: World) -> None:
    mail = await sent(world)
    for said in (SAD_CALL, SAD, SAD, SAD_CALL):
        await submit(mail.survey, said)
    assert await audited(world) == [
        ("customer", "follow_up.open", "call_back", None),
        ("customer", "follow_up.open", "negative", None),
        ("customer", "follow_up.withdraw", "open to closed", "withdrawn"),
        ("customer", "follow_up.open", "closed to open", None),
    ]


async def test_an_answer_is_not_kept_without_what_it_leaves_to_be_done(
    world: World, database: TestDatabase
) -> None:
    mail = await sent(world)
    async with owning(database.owner) as owner:
        await owner.connection.execute("ALTER TABLE follow_up ADD CHECK (kind <> 'negative')")
    with pytest.raises(asyncpg.CheckViolationError):
        await submit(mail.survey, SAD_CALL)
    for table in ("answer", "answer_version", "follow_up", "rollup_change"):
        assert await rows(world, f"SELECT FROM {table}") == []


async def test_the_same_sent_twice_at_once_opens_each_once(world: World) -> None:
    mail = await sent(world)
    await asyncio.gather(*(submit(mail.survey, SAD_CALL) for _ in range(6)))
    assert await standing(world) == {"call_back": OPEN, "negative": OPEN}


async def test_an_answer_about_no_visit_is_followed_too(world: World) -> None:
    campaign, customer = await active(world), await world.customer()
    async with tx(world.account) as opened:
        _, survey = await asked(opened, campaign, customer, "marie@example.net")
    await submit(survey, SAD_CALL)
    assert await standing(world) == {"call_back": OPEN, "negative": OPEN}


async def test_the_migration_opens_what_every_answer_asks_for(
    world: World, database: TestDatabase
) -> None:
    mails = [await sent(world) for _ in range(6)]
    for mail, said in zip(
        mails, (HAPPY, SAD, CALL, SAD_CALL, STRANGER, STRANGER_CALL), strict=True
    ):
        await submit(mail.survey, said)
    written = await rows(world, _WITHOUT_IDS)
    migration = import_module("mail.migrations.mail_2026_11_30t03_25_00_000000")
    async with owning(database.owner) as owner:
        await owner.connection.execute("TRUNCATE follow_up")
        await owner.connection.execute(migration.FILL)
    assert len(written) == 5
    assert await rows(world, _WITHOUT_IDS) == written
