"""A step that was told before its task was known here, on the task's page."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.ids import new_id
from tests.support.api_process import Served
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office

SAID = {
    "fr": (
        "Faite avant que la tâche soit créée ici : l\u2019affectation compte comme déjà commencée"
    ),
    "en": "Done before the task was created here: the assignment counts as begun by then",
}


@pytest.mark.parametrize("language", SAID)
def test_the_task_s_page_says_that_a_step_is_older_than_the_task(
    api: Served, north: Office, language: str
) -> None:
    now, task = datetime.now(UTC), str(new_id())
    items = [
        {
            "id": str(new_id()),
            "task": task,
            "state": "300",
            "moment": (now - timedelta(hours=3)).isoformat(),
            "sequence": 1,
        }
    ]
    body = {"device_now": now.isoformat(), "transitions": items}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=north.device)
    assert [one["verdict"] for one in answer.json()["results"]] == ["parked"]
    made = api.client.post(
        "/api/v1/tasks",
        json={
            "id": task,
            "type": str(north.world.service_call),
            "state": "100",
            "title": "Fuite",
            "unit": str(north.world.site),
            "technician": str(north.world.alice),
        },
        headers=north.program,
    )
    assert made.is_success, made.text
    with browsing(api, north, language=language) as diane:
        told = words_of(diane.get(f"/tasks/{task}").text)
    assert SAID[language] in told
