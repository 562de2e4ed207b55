"""The benchmarks' own ground, at a tiny size: nothing is measured here."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from server.console.task_list import SCREENFUL
from tests.bench import answering
from tests.bench.acreage import lay_acreage, parties
from tests.bench.console import CASES, rows_of
from tests.bench.ground import lay
from tests.bench.growing import (
    BATCH,
    BEHIND,
    Field,
    catch_up,
    lease,
    page,
    search_frequent,
    search_rare,
    take_in,
)
from tests.bench.measuring import Line
from tests.support.api_process import served
from tests.support.databases import TestDatabase

pytestmark = pytest.mark.anyio

ACCOUNTS, CREWS, DUE = 2, 2, 5


async def laid(database: TestDatabase) -> Field:
    owner = await asyncpg.connect(database.owner)
    await lay_acreage(owner, ACCOUNTS, CREWS, BATCH, DUE)
    found = await parties(owner, ACCOUNTS * CREWS, BEHIND)
    await owner.close()
    return Field(database.api, database.worker, CREWS * BATCH, found)


async def test_every_customer_opens_the_page_and_answers(as_worker: TestDatabase) -> None:
    owner = await asyncpg.connect(as_worker.owner)
    ground = await lay(owner, crews=1, tasks=3)
    tokens = await answering.lay_surveys(owner, ground, 3)
    with served(as_worker) as api:
        port = urlsplit(api.base_url).port
        assert port is not None
        waits = await answering.answer_all(port, tokens, rate=1000)
    answers = await owner.fetchval("SELECT count(*) FROM answer WHERE lead_value = 4")
    await owner.close()
    assert (len(waits), answers) == (3, 3)


async def test_an_acreage_is_pulled_and_pushed_to_like_any_account(as_api: TestDatabase) -> None:
    field = await laid(as_api)
    assert len(field.parties) == ACCOUNTS * CREWS
    assert await page(field)() == 2 * BATCH  # each task comes with its customer
    assert await catch_up(field)() == BEHIND
    await take_in(field)()
    owner = await asyncpg.connect(as_api.owner)
    pushed = await owner.fetchval("SELECT count(*) FROM transition WHERE state = '300'")
    entered = await owner.fetchval("SELECT count(*) FROM task WHERE state = '300'")
    await owner.close()
    assert (pushed, entered) == (BATCH, BATCH)


async def test_an_acreage_is_searched_for_one_task_and_for_all(as_api: TestDatabase) -> None:
    field = await laid(as_api)
    assert await search_rare(field)() == 1
    assert await search_frequent(field)() == SCREENFUL


async def test_each_page_of_the_list_has_what_its_line_says(as_api: TestDatabase) -> None:
    field = await laid(as_api)
    found = {case.what: await rows_of(case, field) for case in CASES}
    none = [what for what, rows in found.items() if not rows]
    assert none == [
        "list, a state that none has",
        "search, a word of none",
        "search, a word of 30 % in a state that none has",
    ]
    assert found["search, two words of one"] == found["search, a phone number"] == 1
    assert found["search, a word of 1 %"] == field.tasks // 100


async def test_an_acreage_has_invitations_that_are_due_in_every_account(
    as_worker: TestDatabase,
) -> None:
    one = lease(await laid(as_worker))
    assert [await one() for _ in range(ACCOUNTS + 1)] == [DUE, DUE, 0]


@pytest.mark.parametrize(
    ("ratio", "at_least", "cells"),
    [
        (1.5, True, ("1.50", "≥ 1.5", "yes")),
        (1.4, True, ("1.40", "≥ 1.5", "no")),
        (1.5, False, ("1.50", "≤ 1.5", "yes")),
        (1.6, False, ("1.60", "≤ 1.5", "no")),
        (None, True, ("", "≥ 1.5", "no")),
    ],
)
def test_a_line_says_whether_its_target_is_reached(
    ratio: float | None, at_least: bool, cells: tuple[str, ...]
) -> None:
    assert Line("push", "a", "b", ratio, 1.5, at_least).cells[3:] == cells
