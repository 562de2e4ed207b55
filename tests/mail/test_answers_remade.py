"""A database from before answers by question keeps every answer and version, in their new form."""

from importlib import import_module
from typing import Final

import pytest

from mail.responses.answers import submit
from mail.responses.rollup import roll_due
from mail.responses.submission import Submission
from tests.mail.campaigns import change, rows
from tests.mail.sent import sent
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import World

pytestmark = pytest.mark.anyio

TABLES: Final = ("answer", "answer_value", "answer_version", "task_result")

#: The tables as they were, with what they would have held.
BEFORE: Final = """
CREATE TEMP TABLE was AS
SELECT a.account, a.invitation, a.task, a.campaign, a.version, v.value AS rating,
  v.choices AS reasons, v.text AS comment, a.not_me, a.call_back, a.language, a.sentiment,
  a.first_answered_at, a.answered_at
FROM answer a JOIN answer_value v USING (account, invitation);
CREATE TEMP TABLE versions_were AS
SELECT account, invitation, version, (body #>> '{values,lead,value}')::smallint AS rating,
  ARRAY(SELECT jsonb_array_elements_text(body #> '{values,lead,choices}')) AS reasons,
  body #>> '{values,lead,text}' AS comment, (body ->> 'not_me')::boolean AS not_me,
  (body ->> 'call_back')::boolean AS call_back, body ->> 'language' AS language, answered_at
FROM answer_version;
CREATE TEMP TABLE results_were AS
SELECT account, task, answers, lead_mean AS rating_mean, lead_value AS rating_last, negative,
  comments, call_back, answered_at, rolled_at
FROM task_result;
ALTER TABLE rollup_change DROP CONSTRAINT rollup_change_account_invitation_fkey;
ALTER TABLE follow_up DROP CONSTRAINT follow_up_account_invitation_fkey;
DROP TABLE answer, answer_value, answer_version, task_result;
CREATE TABLE answer AS SELECT * FROM was;
CREATE TABLE answer_version AS SELECT * FROM versions_were;
CREATE TABLE task_result AS SELECT * FROM results_were;
"""


async def remade(database: TestDatabase) -> None:
    """Put the tables back to what they were, and have the migration write them anew."""
    migration = import_module("mail.migrations.mail_2026_11_29t23_10_00_000000")
    later = import_module("mail.migrations.mail_2026_11_30t22_55_00_000000")
    async with owning(database.owner) as owner, owner.connection.transaction():
        await owner.connection.execute(BEFORE)
        await migration.remake(owner.connection)
        await owner.connection.execute(later.COLUMN)


async def all_rows(world: World) -> dict[str, list[str]]:
    """Every row of the account as text, by table."""
    return {
        table: [row[0] for row in await rows(world, f"SELECT t::text FROM {table} t ORDER BY 1")]
        for table in TABLES
    }


async def test_what_is_remade_is_what_is_written_today(
    world: World, database: TestDatabase
) -> None:
    """Rated and changed, many times, disowned without a word, and by two campaigns."""
    await change(world, "UPDATE account SET zone = 'Pacific/Kiritimati'")
    disowned, changed, twice = [await sent(world) for _ in range(3)]
    await submit(disowned.survey, Submission(rating=None, not_me=True))
    for number in range(1, 25):
        said = Submission(rating=1 + number % 5, reasons=["late"], comment=f'« {number} »\n"')
        await submit(changed.survey, said)
    await submit(twice.survey, Submission(rating=1, reasons=["dirty", "late"]))
    again = await sent(world, twice.task)
    await submit(again.survey, Submission(rating=3, language="en"))
    await roll_due()
    before = await all_rows(world)
    assert [len(before[table]) for table in TABLES] == [4, 4, 23, 3]
    await remade(database)
    assert await all_rows(world) == before


async def test_a_result_that_is_behind_its_answers_says_what_it_said_until_it_is_rolled_up(
    world: World, database: TestDatabase
) -> None:
    mail = await sent(world)
    await submit(mail.survey, Submission(rating=5))
    await roll_due()
    await submit(mail.survey, Submission(rating=1))
    await remade(database)
    read = "SELECT lead_value, sentiment FROM task_result"
    assert [tuple(row) for row in await rows(world, read)] == [(5, None)]
    await roll_due()
    assert [tuple(row) for row in await rows(world, read)] == [(1, "negative")]


async def test_answers_of_all_accounts_are_remade_and_fenced(
    world: World, database: TestDatabase
) -> None:
    other = await World.create()
    for each in (world, other):
        await submit((await sent(each)).survey, Submission(rating=4))
    await remade(database)
    for each in (world, other):
        assert {len(found) for found in (await all_rows(each)).values()} == {1, 0}
