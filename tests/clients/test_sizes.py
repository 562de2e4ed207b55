"""Promises of size: what technicians write takes more bytes than letters, and all of it goes."""

from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from sync.database import tx
from tests.clients.days import ACCEPTED, Planned, plan_day
from tests.clients.starting import LIBRARIES, prepare, started, verdicts
from tests.clients.test_clients import api
from tests.protocol.apps import House
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.office import in_database

__all__ = ["api"]

LONGEST: Final = 4000
#: Two, three, four and, escaped in JSON, two and six bytes each.
LETTERS: Final = ("é", "\u2019", "😀", "\n", "\x01")
#: Letters of a field of the app's own: less than a body may have, and far more for all.
PHOTO: Final = 20_000
NOTES: Final = "SELECT id::text, note FROM transition WHERE account = $1"


def plan_of_notes(task: UUID, count: int) -> list[Planned]:
    """Steps whose notes are as long as may be, a hundred of each letter one after the other."""
    plan = [one for one in plan_day([task], [task], 2 * count) if one[1] == ACCEPTED][:count]
    return [
        ({**written, "note": LETTERS[place // 100 % len(LETTERS)] * LONGEST}, verdict)
        for place, (written, verdict) in enumerate(plan)
    ]


async def read_notes(account: int) -> dict[str, str]:
    """What the server keeps."""
    async with tx(account) as opened:
        return {row["id"]: row["note"] for row in await opened.fetch(NOTES, account)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_promises_of_size_long_notes_and_an_app_s_own_fields_all_go(
    library: str, database: TestDatabase, api: Served, tmp_path: Path
) -> None:
    name = prepare(library, "day", tmp_path)
    phone = House(database, api).phone()
    plan = plan_of_notes(phone.office.task, 500)
    huge = {**plan[7][0], "note": "h" * (2 << 20)}
    plan[7] = (huge, ACCEPTED)
    credential = phone.office.credential
    with started(credential, api.base_url, plan, tmp_path, name, photo=PHOTO) as program:
        program.hear("synced")
        program.say("record")
        assert program.hear("recorded")["waiting"] == len(plan)
        program.hear("settled")
        program.say("finish")
        ended = program.hear("done")
    assert ended["verdicts"] == verdicts(plan)
    assert ended["waiting"] == 0
    # What the device wrote itself stays as it was.
    assert ended["photos"] == ended["notes"] == len(plan)
    written = {one["id"]: one["note"] for one, _ in plan}
    kept = in_database(database.api, lambda: read_notes(phone.office.world.account))
    notes = {**written, huge["id"]: "h" * (LONGEST - 1) + "…"}
    assert kept == {str(UUID(key)): note for key, note in notes.items()}


def test_promises_of_size_the_batches_of_the_plain_protocol_all_go(
    database: TestDatabase, api: Served, tmp_path: Path
) -> None:
    name = prepare("plain", "push", tmp_path)
    phone = House(database, api).phone()
    many = plan_day([phone.office.task], [phone.office.task], 1300)
    short = [one for one in many if one[1] == ACCEPTED][:1100]
    plan = [*plan_of_notes(phone.office.task, 500), *short]
    credential = phone.office.credential
    with started(credential, api.base_url, plan, tmp_path, name, photo=PHOTO) as program:
        assert program.hear("done")["verdicts"] == verdicts(plan)
