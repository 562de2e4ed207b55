"""A backup takes the server's place under an app that is built of a document's code."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.days import ACCEPTED, plan_day, read_tasks, read_verdicts
from tests.clients.line import Line
from tests.clients.starting import LIBRARIES, prepare, started, verdicts
from tests.support.api_process import served
from tests.support.databases import TestDatabase, drop_database, replace_database
from tests.support.office import in_database, open_office

STEPS = 50


@contextmanager
def behind(line: Line, database: TestDatabase) -> Iterator[None]:
    """Retour at the end of `line`, which is dead before and afterwards."""
    with served(database, hosts="127.0.0.1") as api:
        line.lead_to(api.base_url)
        line.come_back(bad=False)
        yield
        line.go_away()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_document_whose_code_does_less_than_its_words_loses_nothing_to_a_restored_backup(
    library: str, database: TestDatabase, tmp_path: Path
) -> None:
    name = prepare(library, "day", tmp_path)
    office = open_office(database)
    account = office.world.account
    whole = plan_day([office.task], [office.task], count=2 * STEPS)
    plan = [one for one in whole if one[1] == ACCEPTED][:STEPS]
    live = urlsplit(database.owner).path.lstrip("/")
    backup = f"{live}_backup"
    with Line("http://127.0.0.1:1") as line:
        line.go_away()
        with started(office.credential, line.origin, plan, tmp_path, name) as program:
            with behind(line, database):
                assert program.hear("synced")["tasks"] == 1
            replace_database(backup, live, database.owner)
            try:
                with behind(line, database):
                    program.say("record")
                    assert program.hear("recorded")["waiting"] == STEPS
                    program.hear("settled")
                    assert len(in_database(database.api, lambda: read_verdicts(account))) == STEPS
                replace_database(live, backup, database.owner)
            finally:
                drop_database(backup, database.owner)
            assert in_database(database.api, lambda: read_verdicts(account)) == {}
            with behind(line, database):
                program.say("finish")
                ended = program.hear("done")
    kept = in_database(database.api, lambda: read_verdicts(account))
    lost = verdicts(plan).keys() - kept.keys()
    assert f"{len(lost)} of {STEPS} lost" == f"0 of {STEPS} lost"
    assert kept == ended["verdicts"] == verdicts(plan)
    assert ended["waiting"] == 0
    assert ended["states"] == in_database(database.api, lambda: read_tasks(account))
