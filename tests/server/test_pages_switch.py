"""Stopping: the switch of the account on API and pages, and a campaign's own buttons."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sync.messages import LONGEST_SURVEY_REASON
from tests.server.test_api_campaigns import act, create
from tests.support.api_process import Served
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office

SENDING = "/api/v1/account/sending"
#: Pages of the console that have no id in their address.
PAGES = ("/tasks", "/follow-ups", "/refused", "/devices", "/campaigns", "/campaigns/sending")
WHY = "Rappel de produit, on attend la direction"


@pytest.fixture
def manager(api: Served, office: Office) -> Iterator[httpx.Client]:
    """The office's manager, reading English."""
    with browsing(api, office, "manager") as browser:
        yield browser


@pytest.fixture
def administrator(api: Served, office: Office) -> Iterator[httpx.Client]:
    """The office's administrator, reading English."""
    with browsing(api, office, "administrator") as browser:
        yield browser


def call(api: Served, office: Office, verb: str, **body: Any) -> httpx.Response:
    """Switch by the API."""
    return api.client.post(f"{SENDING}/{verb}", json=body or None, headers=office.program)


def test_c6_a_program_stops_all_sending_with_a_reason(api: Served, office: Office) -> None:
    assert api.client.get(SENDING, headers=office.program).json() == {"stopped": None}
    stopped = call(api, office, "pause", reason=WHY).json()["stopped"]
    assert (stopped["reason"], stopped["by"], stopped["by_name"]) == (WHY, None, None)
    again = call(api, office, "pause", reason="autre chose").json()["stopped"]
    assert again == stopped
    assert api.client.get(SENDING, headers=office.program).json() == {"stopped": stopped}
    assert call(api, office, "resume").json() == {"stopped": None}
    assert api.rung[-1] == "deliver"
    trail = api.client.get("/api/v1/audit", headers=office.program).json()["items"]
    done = [entry["action"] for entry in trail if entry["action"].startswith("sending.")]
    assert done == ["sending.resume", "sending.pause"]


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "x" * (LONGEST_SURVEY_REASON + 1), None])
def test_a_reason_that_says_nothing_is_refused(
    api: Served, office: Office, reason: str | None
) -> None:
    answer = call(api, office, "pause", reason=reason)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/reason"
    assert api.client.get(SENDING, headers=office.program).json() == {"stopped": None}


def test_c6_every_page_says_in_red_that_sending_is_off(
    api: Served, office: Office, manager: httpx.Client
) -> None:
    assert "Stop all sending" in manager.get("/campaigns").text
    page = manager.get("/campaigns/sending")
    assert "No campaign sends anything, from now on" in words_of(page.text)
    answer = manager.post("/campaigns/sending/pause", data={"why": WHY})
    assert (answer.status_code, answer.headers["location"]) == (303, "/campaigns/sending")
    task = f"/tasks/{office.task}"
    for path in (*PAGES, task):
        shown = manager.get(path)
        assert shown.status_code == 200, path
        said = words_of(shown.text)
        assert "All sending is switched off. No survey leaves until" in said, path
        assert WHY in said, path
        assert '<div class="notice error" role="status">' in shown.text, path
    said = words_of(manager.get("/campaigns/sending").text).lower()
    assert "manager.office" in said.partition("switched off since")[2]
    with browsing(api, office, language="fr") as dispatcher:
        said = words_of(dispatcher.get("/campaigns/sending").text)
        assert "Tous les envois sont arrêtés." in said
        assert "Rétablir les envois" not in said
        assert dispatcher.post("/campaigns/sending/resume").status_code == 403
    assert manager.post("/campaigns/sending/resume").status_code == 303
    for path in (*PAGES, task):
        assert "All sending is switched off" not in words_of(manager.get(path).text), path


def test_the_form_keeps_what_was_typed_and_says_what_is_wrong(manager: httpx.Client) -> None:
    answer = manager.post("/campaigns/sending/pause", data={"why": "x" * 201})
    assert answer.status_code == 422
    assert "Error:" in answer.text
    assert "x" * 201 in answer.text
    assert "Sending goes on" in words_of(answer.text)
    assert "All sending is switched off" not in words_of(manager.get("/campaigns").text)


def test_c6_a_campaign_is_paused_resumed_and_archived_on_its_page(
    api: Served, office: Office, administrator: httpx.Client
) -> None:
    campaign = create(api, office).json()["id"]
    act(api, office, campaign, "activate")
    path = f"/campaigns/{campaign}"
    for change, status, words in (
        ("pause", "Paused", "It sends nothing until it is resumed"),
        ("resume", "Active", "more than seven days late"),
        ("archive", "Archived", "for good"),
    ):
        assert f'href="{path}/{change}"' in administrator.get(path).text
        assert words in words_of(administrator.get(f"{path}/{change}").text)
        answer = administrator.post(f"{path}/{change}")
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        assert administrator.post(f"{path}/{change}").status_code == 303
        assert status in words_of(administrator.get(path).text)
        assert "does not allow that" in words_of(administrator.get(f"{path}/{change}").text)
    page = administrator.get(path).text
    assert all(f'href="{path}/{change}"' not in page for change in ("pause", "resume", "archive"))
    assert administrator.post(f"{path}/pause").status_code == 409


def test_who_may_not_stop_a_campaign_sees_no_button(
    api: Served, office: Office, manager: httpx.Client
) -> None:
    campaign = create(api, office).json()["id"]
    act(api, office, campaign, "activate")
    assert f"/campaigns/{campaign}/pause" not in manager.get(f"/campaigns/{campaign}").text
    assert manager.post(f"/campaigns/{campaign}/pause").status_code == 403
