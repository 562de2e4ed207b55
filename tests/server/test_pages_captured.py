"""An address that a technician took down in the field, on the task's page."""

from datetime import UTC, datetime

import pytest

from sync.ids import new_id
from tests.support.api_process import Served
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office


@pytest.mark.parametrize(
    ("language", "good", "bad"),
    [
        (
            "fr",
            "Adresse notée : client@exemple.ca",
            "Adresse notée, mais aucun courriel ne peut s\u2019y rendre : client@exemple,ca",
        ),
        (
            "en",
            "Address captured: client@exemple.ca",
            "Address captured, but no mail can go there: client@exemple,ca",
        ),
    ],
)
def test_the_task_s_page_says_which_captured_address_no_mail_can_reach(
    api: Served, north: Office, language: str, good: str, bad: str
) -> None:
    now = datetime.now(UTC).isoformat()
    items = [
        {
            "id": str(new_id()),
            "task": str(north.task),
            "state": "300",
            "moment": now,
            "sequence": place,
            "email": email,
        }
        for place, email in enumerate(("client@exemple.ca", "client@exemple,ca", "  "))
    ]
    body = {"device_now": now, "transitions": items}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=north.device)
    assert [one["verdict"] for one in answer.json()["results"]] == ["accepted"] * 3
    with browsing(api, north, language=language) as diane:
        told = words_of(diane.get(f"/tasks/{north.task}").text)
    assert good in told
    assert f"{bad} bad_address" in told
