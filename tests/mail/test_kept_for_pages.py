"""What pages will keep before it counts: drafts, images, and choices that were not submitted."""

import hashlib
from typing import Any, Final

import asyncpg
import pytest

from sync.ids import new_id
from tests.mail.campaigns import rows
from tests.mail.sent import sent
from tests.support.databases import TestDatabase
from tests.support.world import World

pytestmark = pytest.mark.anyio

PNG: Final = b"\x89PNG\r\n\x1a\n"
DRAFT: Final = """
INSERT INTO campaign_draft (account, campaign, body, revision, updated_by, updated_at)
VALUES ($1, $2, $3, $4, $5, retour_now())
"""
IMAGE: Final = """
INSERT INTO asset (account, id, sha256, mime, bytes, name, created_at)
VALUES ($1, gen_random_uuid(), $2, $3, $4, 'star', retour_now())
"""
CHOICE: Final = """
INSERT INTO answer_partial (account, invitation, question, kind, value, chosen_at)
VALUES ($1, $2, 'lead', $3, $4, retour_now())
"""


async def put(dsn: str, account: int, sql: str, *args: object) -> int:
    """Rows that `sql` wrote in the scope of `account`, whose number comes first."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('retour.account', $1, true)", str(account))
            status = await connection.execute(sql, account, *args)
    finally:
        await connection.close()
    return int(status.rpartition(" ")[2])


async def refusal(dsn: str, account: int, sql: str, *args: object) -> str:
    """The name of the error by which the database refuses it."""
    with pytest.raises(asyncpg.PostgresError) as refused:
        await put(dsn, account, sql, *args)
    return type(refused.value).__name__


async def test_a_draft_may_be_of_a_campaign_that_is_yet_to_be_made(
    world: World, as_worker: TestDatabase
) -> None:
    draft, by = new_id(), world.dispatcher
    assert await put(as_worker.api, world.account, DRAFT, draft, "{}", 1, by) == 1
    again = await refusal(as_worker.api, world.account, DRAFT, draft, "{}", 1, by)
    assert again == "UniqueViolationError"
    write = (
        "UPDATE campaign_draft SET body = $3, revision = revision + 1"
        " WHERE account = $1 AND campaign = $2 AND revision = $4"
    )
    written = [
        await put(as_worker.api, world.account, write, draft, '{"name": "A"}', 1) for _ in range(2)
    ]
    assert written == [1, 0]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"body": '"text"'}, "CheckViolationError"),
        ({"revision": 0}, "CheckViolationError"),
        ({"by": new_id()}, "ForeignKeyViolationError"),
    ],
)
async def test_a_draft_is_an_object_by_somebody(
    world: World, as_worker: TestDatabase, changes: dict[str, Any], refused: str
) -> None:
    draft = {"id": new_id(), "body": "{}", "revision": 1, "by": world.dispatcher, **changes}
    assert await refusal(as_worker.api, world.account, DRAFT, *draft.values()) == refused


async def test_an_image_is_what_its_name_says_and_never_another(
    world: World, as_worker: TestDatabase
) -> None:
    name = hashlib.sha256(PNG).digest()
    assert await put(as_worker.api, world.account, IMAGE, name, "image/png", PNG) == 1
    change = "UPDATE asset SET mime = 'image/svg+xml' WHERE account = $1"
    for dsn in (as_worker.api, as_worker.worker):
        assert await refusal(dsn, world.account, change) == "InsufficientPrivilegeError"
    again = await refusal(as_worker.api, world.account, IMAGE, name, "image/png", PNG)
    assert again == "UniqueViolationError"
    delete = "DELETE FROM asset WHERE account = $1"
    assert await refusal(as_worker.worker, world.account, delete) == "InsufficientPrivilegeError"
    assert len(await rows(world, "SELECT FROM asset")) == 1


@pytest.mark.parametrize(
    ("mime", "content", "name"),
    [
        ("image/png", PNG, b"\x00" * 32),
        ("image/png", PNG, hashlib.sha256(PNG).digest()[:31]),
        ("text/html", PNG, hashlib.sha256(PNG).digest()),
        ("image/png", b"", hashlib.sha256(b"").digest()),
        ("image/png", b"x" * 65537, hashlib.sha256(b"x" * 65537).digest()),
    ],
)
async def test_anything_else_is_no_image(
    world: World, as_worker: TestDatabase, mime: str, content: bytes, name: bytes
) -> None:
    refused = await refusal(as_worker.api, world.account, IMAGE, name, mime, content)
    assert refused == "CheckViolationError"


async def test_a_choice_that_was_not_submitted_is_no_answer(
    world: World, as_worker: TestDatabase
) -> None:
    mail = await sent(world)
    assert await put(as_worker.api, world.account, CHOICE, mail.invitation, "stars", 1) == 1
    for value in (-1, 11):
        refused = await refusal(
            as_worker.api, world.account, CHOICE, mail.invitation, "stars", value
        )
        assert refused == "CheckViolationError"
    refused = await refusal(as_worker.api, world.account, CHOICE, new_id(), "stars", 1)
    assert refused == "ForeignKeyViolationError"
    assert await rows(world, "SELECT FROM answer") == []


@pytest.mark.parametrize("table", ["campaign_draft", "answer_partial"])
async def test_workers_read_neither_drafts_nor_choices(
    world: World, as_worker: TestDatabase, table: str
) -> None:
    read = f"SELECT FROM {table} WHERE account = $1"
    assert await refusal(as_worker.worker, world.account, read) == "InsufficientPrivilegeError"
    assert await put(as_worker.api, world.account, read) == 0
