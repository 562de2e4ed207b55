"""A task's result follows its answers, whatever arrives meanwhile."""

import asyncio
from decimal import Decimal
from importlib import import_module
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from mail.queues import ATTEMPTS
from mail.responses.answers import submit
from mail.responses.rollup import roll, roll_due
from mail.responses.submission import Submission
from sync.database import tx
from tests.mail.campaigns import change, rows
from tests.mail.sent import Sent, sent
from tests.support.databases import TestDatabase
from tests.support.owner import owning
from tests.support.world import World

pytestmark = pytest.mark.anyio


#: The queue as it was: an entry for each task, tried three times.
BY_TASK: Final = """
DROP TABLE rollup_change;
CREATE TABLE rollup_change AS
SELECT DISTINCT account, task, min(answered_at) OVER () AS changed_at, 3::smallint AS attempts,
  min(answered_at) OVER () AS not_before, NULL::timestamptz AS quarantined_at, 'KeyError' AS error
FROM answer;
"""


@pytest.fixture
async def mail(world: World) -> Sent:
    return await sent(world)


async def result(world: World) -> asyncpg.Record:
    found = await rows(world, "SELECT * FROM task_result")
    assert len(found) == 1
    return found[0]


async def test_an_answer_becomes_the_tasks_result(world: World, mail: Sent) -> None:
    await submit(
        mail.survey, Submission(rating=2, comment="Tard", call_back=True, phone="418 555-0123")
    )
    assert await roll_due() == 1
    found = await result(world)
    assert (found["task"], found["answers"]) == (mail.task, 1)
    assert (found["lead_kind"], found["lead_value"]) == ("stars", 2)
    assert (found["lead_mean"], found["sentiment"]) == (Decimal("2.00"), "negative")
    assert (found["negative"], found["comments"], found["call_back"]) == (True, 1, True)
    assert found["answered_at"] is not None
    assert await rows(world, "SELECT FROM rollup_change") == []
    assert await roll_due() == 0


async def test_a_changed_answer_replaces_what_it_counted(world: World, mail: Sent) -> None:
    await submit(mail.survey, Submission(rating=1))
    await roll_due()
    await submit(mail.survey, Submission(rating=4))
    await roll_due()
    found = await result(world)
    assert (found["answers"], found["lead_mean"]) == (1, Decimal("4.00"))
    assert found["negative"] is False


async def test_answers_of_two_campaigns_make_one_result(world: World, mail: Sent) -> None:
    await submit(mail.survey, Submission(rating=3))
    other = await sent(world, mail.task, negative_at=4)
    await submit(other.survey, Submission(rating=4))
    await roll_due()
    found = await result(world)
    assert (found["answers"], found["lead_mean"]) == (2, Decimal("3.50"))
    assert (found["lead_value"], found["negative"]) == (4, True)
    assert found["sentiment"] == "negative"


async def test_scales_are_never_mixed_in_one_mean(world: World, mail: Sent) -> None:
    await submit(mail.survey, Submission(rating=5))
    other = await sent(world, mail.task)
    await submit(other.survey, Submission(rating=2))
    await change(
        world,
        "UPDATE answer SET lead_kind = 'nps', lead_value = 9, nps = 9, sentiment = 'positive'"
        " WHERE invitation = $1",
        other.invitation,
    )
    await roll_due()
    found = await result(world)
    assert (found["lead_kind"], found["lead_value"], found["nps"]) == ("nps", 9, 9)
    assert (found["answers"], found["lead_mean"]) == (2, Decimal("9.00"))


async def test_the_wrong_person_counts_for_nothing(world: World, mail: Sent) -> None:
    await submit(mail.survey, Submission(rating=1, not_me=True, comment="Ce n'est pas moi"))
    await roll_due()
    found = await result(world)
    assert (found["answers"], found["lead_mean"], found["lead_value"]) == (0, None, None)
    assert (found["negative"], found["comments"], found["answered_at"]) == (False, 0, None)


async def test_an_answer_during_a_rollup_is_rolled_up_after_it(
    world: World, mail: Sent, database: TestDatabase
) -> None:
    await submit(mail.survey, Submission(rating=1))
    async with owning(database.owner) as watcher, owning(database.owner) as holder:
        async with holder.connection.transaction():
            await holder.connection.execute("LOCK TABLE task_result IN ACCESS EXCLUSIVE MODE")
            rolling = asyncio.create_task(roll_due())
            await watcher.until_waiting(1)
            submitting = asyncio.create_task(submit(mail.survey, Submission(rating=5)))
            await watcher.until_waiting(2)
        await rolling
        await submitting
    assert (await result(world))["lead_value"] == 1
    assert await roll_due() == 1
    assert (await result(world))["lead_value"] == 5


async def test_several_workers_roll_each_task_up_once(world: World) -> None:
    mails = [await sent(world) for _ in range(3)]
    for mail in mails:
        await submit(mail.survey, Submission(rating=4))
    done = await asyncio.gather(*(roll_due() for _ in range(4)))
    assert sum(done) == len(mails)
    assert len(await rows(world, "SELECT FROM task_result WHERE answers = 1")) == len(mails)


async def test_answers_about_one_task_that_are_rolled_up_at_once_both_count(
    world: World, mail: Sent
) -> None:
    other = await sent(world, mail.task)
    for token in (mail.survey, other.survey):
        await submit(token, Submission(rating=4))

    async def rolled(invitation: UUID) -> int:
        async with tx(world.account) as opened:
            return await roll(opened, [invitation])

    both = (mail.invitation, other.invitation)
    assert await asyncio.gather(*(rolled(item) for item in both)) == [1, 1]
    assert (await result(world))["answers"] == 2


async def test_an_answer_that_is_about_no_task_makes_no_result(world: World, mail: Sent) -> None:
    """No customer is asked so yet; the table allows it."""
    await submit(mail.survey, Submission(rating=4))
    await change(world, "UPDATE answer SET task = NULL, technician = NULL, type = NULL")
    assert await roll_due() == 1
    assert await rows(world, "SELECT FROM task_result") == []
    assert await rows(world, "SELECT FROM rollup_change") == []


async def test_what_waited_by_task_waits_by_the_invitation_that_was_answered_last(
    world: World, mail: Sent, database: TestDatabase
) -> None:
    other, apart = await sent(world, mail.task), await sent(world)
    for token in (other.survey, mail.survey, apart.survey):
        await submit(token, Submission(rating=2))
    migration = import_module("mail.migrations.mail_2026_11_30t00_20_00_000000")
    async with owning(database.owner) as owner, owner.connection.transaction():
        for script in (BY_TASK, migration.QUEUE, migration.RIGHTS):
            await owner.connection.execute(script)
    waiting = await rows(world, "SELECT invitation, attempts, error FROM rollup_change")
    assert {tuple(row) for row in waiting} == {
        (mail.invitation, 3, "KeyError"),
        (apart.invitation, 3, "KeyError"),
    }
    assert await roll_due() == 2
    counted = await rows(world, "SELECT task, answers FROM task_result")
    assert {tuple(row) for row in counted} == {(mail.task, 2), (apart.task, 1)}


async def test_a_poisonous_result_is_put_aside(
    world: World, mail: Sent, database: TestDatabase
) -> None:
    await submit(mail.survey, Submission(rating=4))
    owner = await asyncpg.connect(database.owner)
    await owner.execute("ALTER TABLE task_result ADD CHECK (answers = 0)")
    await owner.close()
    for _ in range(ATTEMPTS):
        await change(world, "UPDATE rollup_change SET not_before = retour_now()")
        assert await roll_due() == 0
    found = await rows(world, "SELECT attempts, quarantined_at FROM rollup_change")
    assert (found[0]["attempts"], found[0]["quarantined_at"] is None) == (ATTEMPTS, False)
    await change(world, "UPDATE rollup_change SET not_before = retour_now()")
    assert await roll_due() == 0
    assert await rows(world, "SELECT attempts, quarantined_at FROM rollup_change") == found
    await submit(mail.survey, Submission(rating=5))
    found = await rows(world, "SELECT attempts, quarantined_at FROM rollup_change")
    assert (found[0]["attempts"], found[0]["quarantined_at"]) == (0, None)


async def test_only_who_wrote_something_commented(world: World, mail: Sent) -> None:
    for comment, comments in (("", 0), ("Merci", 1), ("", 0)):
        await submit(mail.survey, Submission(rating=4, comment=comment))
        await roll_due()
        assert (await result(world))["comments"] == comments
