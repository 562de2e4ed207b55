"""What an answer leaves to be done: opened with it, taken back with it, and nobody else's."""

import asyncio
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

import asyncpg
import pytest

from mail.responses.answers import submit
from mail.responses.follow_ups import close_follow_up, reopen_follow_up
from mail.responses.submission import Submission
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
PHONE: Final = "418 555-0123"
CALL: Final = Submission(rating=5, call_back=True, phone=PHONE)
SAD_CALL: Final = Submission(rating=2, call_back=True, phone=PHONE)
ANOTHER: Final = Submission(rating=2, comment="Encore", call_back=True, phone=PHONE)
STRANGER: Final = Submission(rating=1, not_me=True)
STRANGER_CALL: Final = Submission(rating=None, not_me=True, call_back=True, phone=PHONE)
ELSEWHERE: Final = Submission(rating=2, call_back=True, phone="418 555-0188")
OPEN: Final = ("open", None)
WITHDRAWN: Final = ("closed", "withdrawn")

_WITHOUT_IDS: Final = """
SELECT account, invitation, kind, opened_at, owner, due_at, status, resolution, closed_by,
  closed_at, note
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
        ([STRANGER], {"disputed": OPEN}),
        ([STRANGER_CALL], {"call_back": OPEN, "disputed": OPEN}),
        ([SAD_CALL, SAD_CALL], {"call_back": OPEN, "negative": OPEN}),
        ([SAD_CALL, SAD], {"call_back": WITHDRAWN, "negative": OPEN}),
        ([SAD_CALL, CALL], {"call_back": OPEN, "negative": WITHDRAWN}),
        ([SAD_CALL, HAPPY], {"call_back": WITHDRAWN, "negative": WITHDRAWN}),
        ([SAD, STRANGER], {"negative": WITHDRAWN, "disputed": OPEN}),
        ([STRANGER, SAD], {"negative": OPEN, "disputed": WITHDRAWN}),
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


#: What was answered, what follows after all of it was closed, and what is open then.
AFTERWARDS: Final[list[tuple[Submission, Submission, set[str]]]] = [
    (SAD_CALL, SAD_CALL, set()),
    (SAD_CALL, HAPPY, set()),
    (SAD_CALL, SAD, {"negative"}),  # another rating of theirs
    (SAD_CALL, ANOTHER, {"negative"}),
    (SAD_CALL, ELSEWHERE, {"call_back"}),
    (CALL, Submission(rating=5, call_back=True, phone=PHONE, comment="Merci"), set()),
    (STRANGER, STRANGER_CALL, {"call_back"}),
    (SAD, STRANGER, {"disputed"}),
]


@pytest.mark.parametrize(("said", "later", "found"), AFTERWARDS)
async def test_what_was_closed_is_opened_again_by_what_is_said_anew(
    world: World, said: Submission, later: Submission, found: set[str]
) -> None:
    mail = await sent(world)
    await submit(mail.survey, said)
    await close_all(world)
    await submit(mail.survey, later)
    states = await standing(world)
    assert {kind for kind, (status, _) in states.items() if status == "open"} == found
    assert {resolution for _, resolution in states.values()} <= {None, "handled"}


async def test_what_was_withdrawn_after_it_was_closed_is_asked_for_anew(world: World) -> None:
    mail = await sent(world)
    await submit(mail.survey, SAD_CALL)
    await close_all(world)
    for said in (HAPPY, SAD_CALL):
        await submit(mail.survey, said)
    assert await standing(world) == {"call_back": OPEN, "negative": OPEN}
    [row, *_] = await rows(world, "SELECT closed_by, closed_at, note FROM follow_up")
    assert tuple(row) == (None, None, None)


async def test_what_somebody_is_at_stays_theirs(world: World) -> None:
    mail = await sent(world)
    await submit(mail.survey, CALL)
    await change(world, "UPDATE follow_up SET status = 'in_progress'")
    for said in (HAPPY, CALL):
        await submit(mail.survey, said)
        assert await standing(world) == {"call_back": ("in_progress", None)}


async def test_closing_names_the_version_that_was_seen(world: World) -> None:
    mail = await sent(world)
    await submit(mail.survey, CALL)
    [row] = await rows(world, "SELECT id FROM follow_up")
    async with tx(world.account) as opened:
        assert await close_follow_up(opened, row["id"], world.dispatcher, 2, "") == "changed"
        assert await close_follow_up(opened, row["id"], world.dispatcher, 1, "") == "closed"
        again = await close_follow_up(opened, row["id"], world.dispatcher, 1, "Encore")
        assert again == "closed_before"
    [row] = await rows(world, "SELECT resolution, closed_by, note FROM follow_up")
    assert tuple(row) == ("handled", world.dispatcher, None)


async def test_only_what_a_user_closed_is_opened_by_a_user(world: World) -> None:
    mail = await sent(world)
    for said in (SAD_CALL, SAD):
        await submit(mail.survey, said)
    found = {row["kind"]: row["id"] for row in await rows(world, "SELECT * FROM follow_up")}
    async with tx(world.account) as opened:
        await close_follow_up(opened, found["negative"], world.dispatcher, 2, "Lu")
        for key in found.values():
            await reopen_follow_up(opened, key)
    assert await standing(world) == {"call_back": WITHDRAWN, "negative": OPEN}


async def test_what_the_customer_asks_for_no_more_is_not_opened_again(world: World) -> None:
    mail = await sent(world)
    await submit(mail.survey, SAD_CALL)
    await close_all(world)
    await submit(mail.survey, SAD)
    await close_all(world)
    async with tx(world.account) as opened:
        for row in await opened.fetch("SELECT id FROM follow_up"):
            await reopen_follow_up(opened, row["id"])
    assert await standing(world) == {"call_back": WITHDRAWN, "negative": OPEN}
    ended = [row[1:] for row in await audited(world) if row[1] != "follow_up.close"][-2:]
    assert sorted(ended) == [
        ("follow_up.reopen", "closed to open", None),
        ("follow_up.withdraw", "closed to closed", "withdrawn"),
    ]


async def close_all(world: World) -> None:
    """The dispatcher closes all there is."""
    async with tx(world.account) as opened:
        for row in await opened.fetch(
            "SELECT f.id, a.versions FROM follow_up f JOIN answer a USING (account, invitation)"
        ):
            await close_follow_up(opened, row["id"], world.dispatcher, row["versions"], "Fait")


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


async def test_the_migrations_open_what_every_answer_asks_for(
    world: World, database: TestDatabase
) -> None:
    mails = [await sent(world) for _ in range(6)]
    for mail, said in zip(
        mails, (HAPPY, SAD, CALL, SAD_CALL, STRANGER, STRANGER_CALL), strict=True
    ):
        await submit(mail.survey, said)
    written = await rows(world, _WITHOUT_IDS)
    async with owning(database.owner) as owner:
        await owner.connection.execute("TRUNCATE follow_up")
        for moment in ("03_25", "12_00"):
            migration = import_module(f"mail.migrations.mail_2026_11_30t{moment}_00_000000")
            await owner.connection.execute(migration.FILL)
    assert len(written) == 7
    assert await rows(world, _WITHOUT_IDS) == written
