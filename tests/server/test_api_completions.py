"""Completed tasks over HTTP: read page by page, and on from there."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from sync.database import now, tx
from sync.restore import declare_restored
from tests.mail.campaigns import happened, plan_all
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.office import Office, in_database

PATH = "/api/v1/completions"


def complete(shared: TestDatabase, office: Office, count: int) -> list[str]:
    """So many tasks are done, one after the other; their ids."""

    async def work() -> list[str]:
        start: datetime = await now() - timedelta(hours=1)
        made: list[UUID] = []
        for _ in range(count):
            made.append(await office.world.task())
            await happened(office.world, made[-1], "600", start)
        return [str(one) for one in made]

    done = in_database(shared.api, work)
    in_database(shared.worker, plan_all)
    return done


def page(api: Served, office: Office, **query: Any) -> dict[str, Any]:
    """What a program of `office` is answered."""
    answer = api.client.get(PATH, params=query, headers=office.program)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_program_reads_page_by_page_and_on_from_there(
    api: Served, north: Office, south: Office, shared: TestDatabase
) -> None:
    empty = page(api, north)
    assert (empty["items"], empty["more"]) == ([], False)
    done = complete(shared, north, 3)
    first = page(api, north, after=empty["cursor"], limit=2)
    assert (len(first["items"]), first["more"]) == (2, True)
    last = page(api, north, after=first["cursor"], limit=2)
    assert (len(last["items"]), last["more"]) == (1, False)
    told = first["items"] + last["items"]
    assert sorted(one["task"] for one in told) == sorted(done)
    assert page(api, north, after=last["cursor"])["items"] == []
    later = complete(shared, north, 1)
    assert [one["task"] for one in page(api, north, after=last["cursor"])["items"]] == later
    assert page(api, south)["items"] == []


def test_a_row_says_by_which_step_and_on_which_day(
    api: Served, south: Office, shared: TestDatabase
) -> None:
    complete(shared, south, 1)
    told = page(api, south)["items"][-1]
    assert told["technician"] == str(south.world.alice)
    assert told["unit"] == str(south.world.site)
    assert (told["round"], told["tags"], told["external_id"]) == (1, [], None)
    assert datetime.fromisoformat(told["moment"]).tzinfo is not None
    assert len(told["day"]) == len("2026-11-29")


@pytest.mark.parametrize("cursor", ["x", "", "é", "k/////8", "wA"])
def test_what_is_no_cursor_is_refused(api: Served, north: Office, cursor: str) -> None:
    answer = api.client.get(PATH, params={"after": cursor}, headers=north.program)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:retour:problem:bad_cursor")


def test_after_a_restore_a_program_starts_again(
    api: Served, south: Office, shared: TestDatabase
) -> None:
    cursor = page(api, south)["cursor"]

    async def restore() -> None:
        async with tx(south.world.account) as opened:
            await declare_restored(opened)

    in_database(shared.api, restore)
    answer = api.client.get(PATH, params={"after": cursor}, headers=south.program)
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:retour:problem:resync")
    assert page(api, south)["cursor"] != cursor
