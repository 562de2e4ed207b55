"""A dispatcher progresses or corrects a task on its page: a transition like any other."""

import html
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from sync.database import Tx
from sync.ids import new_id
from sync.records.shapes import TaskTypePut
from sync.records.task_types import put_task_types
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office
from tests.support.stories import on

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ZONE = ZoneInfo("America/Toronto")


def form_of(page: str) -> dict[str, str]:
    """The hidden id of the page's form."""
    found = re.search(r'name="id" value="([^"]+)"', page)
    assert found is not None
    return {"id": found[1]}


def send(diane: httpx.Client, office: Office, **fields: str) -> httpx.Response:
    """The form of the office's task, filled in with `fields` and sent."""
    page = diane.get(f"/tasks/{office.task}").text
    return diane.post(f"/tasks/{office.task}/transitions", data=form_of(page) | fields)


def steps(shared: TestDatabase, office: Office) -> list[dict[str, Any]]:
    """The facts on the office's task, in their order."""

    async def read(tx: Tx) -> list[dict[str, Any]]:
        rows = await tx.fetch(
            'SELECT state, moment, note, survey, survey_reason, technician, "by", device'
            " FROM transition WHERE task = $1 ORDER BY moment, sequence, id",
            office.task,
        )
        return [dict(row) for row in rows]

    return on(shared, office.world.account, read)


def local(ago: timedelta) -> tuple[str, datetime]:
    """A moment as the form takes it in the account's zone, and as it is."""
    moment = (datetime.now(ZONE) - ago).replace(second=0, microsecond=0)
    return moment.strftime("%Y-%m-%dT%H:%M"), moment


def test_a_step_from_the_console_moves_the_task_and_is_told_as_such(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    rung = len(api.rung)
    saved = send(diane, office, state="600", note="Fait au\r\ntéléphone")
    assert (saved.status_code, api.rung[rung:]) == (303, ["plan"])
    page = words_of(diane.get(saved.headers["location"]).text)
    name = f"Dispatcher.{office.name.title()}"
    assert "Step saved: 600 Terminé . No survey follows from this step." in page
    assert f"600 Terminé by {name} (console)" in page
    assert "Counts as the work of Alice" in page
    (step,) = steps(shared, office)
    assert step["note"] == "Fait au\ntéléphone"
    assert (step["technician"], step["by"], step["device"]) == (
        office.world.alice,
        office.people["dispatcher"],
        None,
    )


def test_the_same_form_sent_twice_is_one_step(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    fields = form_of(diane.get(f"/tasks/{office.task}").text) | {"state": "600"}
    path = f"/tasks/{office.task}/transitions"
    assert [diane.post(path, data=fields).status_code for _ in range(2)] == [303, 303]
    assert len(steps(shared, office)) == 1
    other = diane.post(path, data=fields | {"state": "610"})
    assert other.status_code == 422
    assert "This form was sent before" in words_of(other.text)
    assert form_of(other.text) != form_of(f'name="id" value="{fields["id"]}"')
    assert len(steps(shared, office)) == 1


def test_a_survey_is_unticked_with_its_reason(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    saved = send(diane, office, state="600", unasked="yes", why="Client en deuil")
    (step,) = steps(shared, office)
    assert (step["survey"], step["survey_reason"]) == (False, "Client en deuil")
    page = words_of(diane.get(saved.headers["location"]).text)
    assert "The survey was unticked \u2013 Client en deuil" in page


def test_a_reason_without_the_tick_is_no_reason(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    send(diane, office, state="600", why="oublié")
    (step,) = steps(shared, office)
    assert (step["survey"], step["survey_reason"]) == (True, None)


def test_a_step_may_have_happened_earlier_in_the_accounts_zone(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    send(diane, office, state="600")
    text, moment = local(timedelta(hours=3))
    saved = send(diane, office, state="300", moment=text)
    first, last = steps(shared, office)
    assert (first["state"], first["moment"], last["state"]) == ("300", moment, "600")
    page = words_of(diane.get(saved.headers["location"]).text)
    assert "Step saved: 300 Sur place . The task stays in the state of a later step." in page
    assert "Entered 3 hours later" in page
    assert "without network" not in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"state": ""}, "Choose a state from the list"),
        ({"state": "nowhere"}, "Choose a state from the list"),
        ({"state": "600", "note": "x" * 4001}, "Shorten the note"),
        ({"state": "600", "unasked": "yes"}, "Write the reason in one line"),
        ({"state": "600", "unasked": "yes", "why": "x" * 201}, "Write the reason in one line"),
        ({"state": "600", "unasked": "yes", "why": "a\nb"}, "Write the reason in one line"),
        ({"state": "600", "moment": "yesterday"}, "not in the future"),
        ({"state": "600", "moment": "0001-01-01T00:00"}, "not in the future"),
        ({"state": "600", "moment": "9999-12-31T23:59"}, "not in the future"),
        ({"state": "600", "moment": local(timedelta(days=-1))[0]}, "not in the future"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    shared: TestDatabase,
    office: Office,
    diane: httpx.Client,
    fields: dict[str, str],
    sentence: str,
) -> None:
    page = send(diane, office, **({"note": "Gardée"} | fields))
    assert page.status_code == 422
    assert words_of(page.text).count(sentence) == 2  # in the summary, and beside the field
    assert fields.get("note", "Gardée") in page.text
    assert fields.get("moment", "") in page.text
    assert steps(shared, office) == []
    [link] = re.findall(r'class="tongue" href="([^"]+)"', page.text)
    assert diane.get(link).status_code == 200


def test_the_usual_next_states_come_first(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    kind = TaskTypePut(
        id=office.world.service_call, name="Appel de service", flow={"100": ["300", "200"]}
    )
    on(shared, office.world.account, lambda opened: put_task_types(opened, [kind]))
    page = html.unescape(diane.get(f"/tasks/{office.task}").text)
    usual, others = re.findall(r"<optgroup.*?</optgroup>", page, re.DOTALL)
    assert re.findall(r'value="(\d+)"', usual) == ["300", "200"]
    assert re.findall(r'value="(\d+)"', others) == ["100", "600", "610", "700", "900"]


def test_hostile_forms_change_nothing(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    path = f"/tasks/{office.task}/transitions"
    form = {"id": str(new_id()), "state": "600"}
    foreign = diane.post(path, data=form, headers={"Origin": "https://elsewhere.example"})
    nothing = diane.post(path, data=form | {"note": "a\0b"})
    noise = diane.post(path, content=b"note=%ff", headers=FORM)
    large = diane.post(path, data=form | {"note": "x" * 70_000})
    assert [one.status_code for one in (foreign, nothing, noise, large)] == [403, 400, 400, 413]
    assert diane.get(path).status_code == 405
    assert steps(shared, office) == []


def test_what_is_typed_is_written_as_it_is(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    hostile = '<script>alert("1")</script>{{ 7 * 7 }}'
    saved = send(diane, office, state="600", note=hostile, unasked="yes", why=hostile)
    wrong = send(diane, office, state="", note=hostile, unasked="yes", why=hostile, moment=hostile)
    for page in (diane.get(saved.headers["location"]), wrong):
        assert "<script>alert" not in page.text
        assert words_of(page.text).count("7 * 7") >= 2


def test_managers_have_no_form_and_cannot_send_one(
    shared: TestDatabase, api: Served, office: Office
) -> None:
    path = f"/tasks/{office.task}"
    with browsing(api, office, "manager") as manager:
        assert f'action="{path}/transitions"' not in manager.get(path).text
        sent = manager.post(f"{path}/transitions", data={"id": str(new_id()), "state": "600"})
        assert sent.status_code == 403
    assert api.client.post(f"{path}/transitions", data={"state": "600"}).status_code == 401
    assert steps(shared, office) == []


def test_another_accounts_task_is_not_moved(
    shared: TestDatabase, api: Served, office: Office, south: Office
) -> None:
    with browsing(api, south) as stranger:
        body = {"id": str(new_id()), "state": "600"}
        keys = [str(office.task), str(new_id())]
        answers = [stranger.post(f"/tasks/{key}/transitions", data=body) for key in keys]
        wrong = stranger.post(f"/tasks/{office.task}/transitions", data={"state": ""})
    assert [answer.status_code for answer in (*answers, wrong)] == [404, 404, 404]
    assert answers[0].text == answers[1].text.replace(keys[1], keys[0])
    assert steps(shared, office) == []
