"""What people see and rows say is the same after an upgrade; what is not is reported."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from tests.support.databases import TestDatabase
from tests.upgrade.report import Compared, exit_code, told
from tests.upgrade.upgrading import Pair, Past, Size, command, compare, texts, upgraded
from tests.upgrade.versions import LANDED, UnknownCommitError, code_of

#: All tasks and all pages of a small past: a sample would differ with the time of day.
SIZE: Final = Size(transitions=1000, sample=1000, pages=50)
#: Every verdict that the landed version gave, and every reason of its refusals.
VERDICTS: Final = frozenset(
    {"accepted", "duplicate", "parked", "no_authority", "unknown_state", "id_reused"}
)

#: One of several versions of one answer.
LOSE: Final = """
DELETE FROM answer_version WHERE (invitation, version) IN (
  SELECT invitation, version FROM answer_version WHERE version = 7 LIMIT 1)
"""
RENAME: Final = "UPDATE task SET title = 'Autre' WHERE id = (SELECT id FROM task LIMIT 1)"
RAN: Final = "SELECT app_name || ' ' || name FROM migration ORDER BY id"


@pytest.fixture
def pair(template: TestDatabase, tmp_path: Path) -> Iterator[Pair]:
    """Both versions, on the copies of a past that the landed one made."""
    try:
        with code_of(LANDED) as code, upgraded(template.owner, code, tmp_path, SIZE) as made:
            yield made
    except UnknownCommitError:
        # A history that was cut or written anew holds nothing that could be compared.
        pytest.skip(f"{LANDED} is not in this history: rows alone are compared")


@pytest.fixture
def rebuilt(template: TestDatabase, tmp_path: Path) -> Iterator[Pair]:
    """The filled account in the landed schema, as today's migrations still make it, and after."""
    with upgraded(template.owner, None, tmp_path, SIZE) as made:
        yield made


def different(found: list[Compared]) -> set[str]:
    return {one.what for one in found if one.different}


@pytest.mark.long
def test_everybody_sees_the_same_and_what_is_planted_is_reported(pair: Pair) -> None:
    found = compare(pair, SIZE)
    assert exit_code(found) == 0, told(found)
    named = {one.what: one for one in found}
    for account in ("demo", "north"):
        assert named[f"task pages, {account}"].answers.keys() == {"200"}
        assert named[f"pushes and orders sent again, {account}"].answers.keys() >= VERDICTS

    [_, (day, [task, *_])] = pair.past.days
    asyncio.run(command(pair.after, f"UPDATE task SET title = 'Autre' WHERE id = '{task}'"))
    alone = Past([(replace(day, devices=day.devices[:1]), [task])], pair.past.now)
    found = compare(replace(pair, past=alone), replace(SIZE, pages=1))
    assert exit_code(found) == 1
    assert different(found) >= {"rows of task", "task pages, north", "tasks by API, north"}
    assert "+Autre" in told(found)


def test_no_row_is_lost_where_the_landed_code_is_not_had(rebuilt: Pair) -> None:
    found = compare(rebuilt, SIZE)
    assert exit_code(found) == 0, told(found)
    assert {one.what: one.same for one in found}["rows of verdict"] > SIZE.transitions

    ran = [asyncio.run(texts(one, RAN)) for one in (rebuilt.before, rebuilt.after)]
    assert [f"{one.app} {one.name}" for one in rebuilt.migrated] == ran[1][len(ran[0]) :]
    assert {"transition", "account"} <= {one.table for one in rebuilt.held}

    asyncio.run(command(rebuilt.after, LOSE, RENAME, "ALTER TABLE mail_event DROP COLUMN detail"))
    found = compare(rebuilt, SIZE)
    assert exit_code(found) == 1
    assert different(found) == {"rows of answer_version", "rows of mail_event", "rows of task"}
    assert "only before" in told(found)
    assert "title was 'Travail" in told(found)
    assert "no more: detail" in told(found)


def test_a_commit_that_is_not_had_is_told_apart() -> None:
    with pytest.raises(UnknownCommitError), code_of("0" * 40):
        pass
