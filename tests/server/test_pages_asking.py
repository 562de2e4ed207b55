"""T6, points 6, 11 and 19 on API and pages: a new round, and a survey that is sent by hand."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from sync.ids import new_id
from tests.mail.campaigns import active
from tests.mail.delivering import posting
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database

pytestmark = pytest.mark.slow

WHY = "La fuite est revenue"


def send(api: Served, office: Office, path: str, **body: Any) -> httpx.Response:
    """As a program."""
    return api.client.post(f"/api/v1/tasks/{path}", json=body, headers=office.program)


def visited(database: TestDatabase, office: Office, delay: str = "00:00:00") -> tuple[UUID, UUID]:
    """A campaign with this delay, and a task that was finished; what is due was sent."""

    async def work() -> tuple[UUID, UUID]:
        async with posting(database, office.world) as post:
            campaign = await active(post.world, delay=delay)
            task = await post.visit("marie@example.net")
            await post.deliver_all()
            return campaign, task

    return in_database(database.worker, work)


def delivered(database: TestDatabase, office: Office, task: UUID, state: str = "") -> list[str]:
    """What happened to the task's mails once it was moved to `state`, if any, and all is sent."""

    async def work() -> list[str]:
        async with posting(database, office.world) as post:
            if state:
                await post.moved(task, state)
            await post.deliver_all()
            return await post.events(task)

    return in_database(database.worker, work)


def page_of(diane: httpx.Client, path: str) -> str:
    """The page in words."""
    answer = diane.get(path)
    assert answer.status_code == 200, path
    return words_of(answer.text)


def test_11_a_program_opens_a_round_once(api: Served, shared: TestDatabase, office: Office) -> None:
    _, task = visited(shared, office, "00:12:00")
    before = datetime.now(UTC) - timedelta(minutes=1)
    answer = send(api, office, f"{task}/rounds", round=2, reason=f" {WHY} ")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["round"], made["opened_by"], made["reason"]) == (2, None, WHY)
    assert datetime.fromisoformat(made["opened_at"]) > before
    assert send(api, office, f"{task}/rounds", round=2, reason="encore").json() == made
    refused = send(api, office, f"{task}/rounds", round=4, reason=WHY)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:retour:problem:not_next_round",
    )
    found = api.client.get(f"/api/v1/tasks/{task}", headers=office.program).json()
    assert found["rounds"] == [made]
    kinds = [entry["kind"] for entry in found["timeline"]]
    assert kinds == ["transition", "round", "decision"]
    assert found["timeline"][-1]["outcome"] == "new_round"
    trail = api.client.get(
        "/api/v1/audit", params={"object": f"task/{task}"}, headers=office.program
    ).json()["items"]
    assert [entry["action"] for entry in trail][:1] == ["round.open"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"round": 2, "reason": "a\nb"}, "/reason"),
        ({"round": 2, "reason": " "}, "/reason"),
        ({"round": 1, "reason": WHY}, "/round"),
        ({"round": 2}, ""),
    ],
)
def test_a_round_that_cannot_be_read_says_where(
    api: Served, office: Office, body: dict[str, Any], pointer: str
) -> None:
    answer = send(api, office, f"{office.task}/rounds", **body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert send(api, office, f"{new_id()}/rounds", round=2, reason=WHY).status_code == 404


def test_19_a_program_sends_a_survey_by_hand_once_a_round(
    api: Served, shared: TestDatabase, office: Office
) -> None:
    campaign, task = visited(shared, office)
    body = {"campaign": str(campaign), "reason": WHY}
    refused = send(api, office, f"{task}/surveys", **body)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:retour:problem:asked")
    assert refused.json()["errors"][0]["pointer"] == "/campaign"
    assert "ouvrez une nouvelle visite" in refused.json()["errors"][0]["detail"]
    send(api, office, f"{task}/rounds", round=2, reason=WHY)
    nothing = send(api, office, f"{task}/surveys", **body)
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:retour:problem:no_step")
    assert delivered(shared, office, task, "300") == ["sent"]
    made = send(api, office, f"{task}/surveys", **body)
    assert made.status_code == 201, made.text
    assert (made.json()["round"], made.json()["status"]) == (2, "scheduled")
    assert send(api, office, f"{task}/surveys", **body).json()["id"] == made.json()["id"]
    assert delivered(shared, office, task) == ["sent", "sent"]
    other = send(api, office, f"{task}/surveys", **{**body, "campaign": str(new_id())})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (400, "/campaign")
    found = api.client.get(f"/api/v1/tasks/{task}", headers=office.program).json()
    [by_hand] = [entry for entry in found["timeline"] if entry.get("request_reason")]
    assert (by_hand["round"], by_hand["requested_by"], by_hand["request_reason"]) == (2, None, WHY)


def test_11_a_dispatcher_opens_a_round_on_the_task_s_page(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    _, task = visited(shared, office, "00:12:00")
    path = f"/tasks/{task}"
    assert f'href="{path}/round"' in diane.get(path).text
    said = page_of(diane, f"{path}/round")
    assert "Open visit round 2?" in said
    assert "A survey of round 1 that still waits is not sent any more." in said
    assert re.search(r"Surveys of round 1 Satisfaction: Scheduled", said)
    form = {"round": "2", "why": WHY}
    for _ in range(2):
        answer = diane.post(f"{path}/round/open", data=form)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"{path}?done=round#result",
        )
    said = page_of(diane, f"{path}?done=round")
    assert "A new visit round is open: campaigns may ask about its first step again." in said
    assert said.count("Visit round 2 opened by Dispatcher") == 1
    assert "Not sent: A new visit round was opened before this survey was sent" in said or (
        "a new visit round was opened before this survey was sent" in said
    )
    assert re.search(r"Visit round 1 Work finished on .+? No survey new visit round", said)
    assert re.search(rf"Visit round 2 Opened on .+? {WHY} Work not finished in this round", said)
    late = diane.post(f"{path}/round/open", data={"round": "9", "why": WHY})
    assert late.status_code == 409
    assert "Another round was opened meanwhile" in words_of(late.text)


def test_the_form_of_a_round_keeps_what_was_typed(diane: httpx.Client, office: Office) -> None:
    path = f"/tasks/{office.task}/round/open"
    answer = diane.post(path, data={"round": "2", "why": "x" * 201})
    assert answer.status_code == 422
    assert "x" * 201 in answer.text
    assert "Error: Open visit round 2?" in words_of(answer.text)
    assert diane.get(f"/tasks/{new_id()}/round").status_code == 404
    assert diane.get(f"/tasks/{new_id()}/survey").status_code == 404


def test_the_task_s_page_shows_what_became_of_each_round(
    shared: TestDatabase, office: Office, diane: httpx.Client, api: Served
) -> None:
    _, task = visited(shared, office)
    send(api, office, f"{task}/rounds", round=2, reason=WHY)
    assert delivered(shared, office, task, "600") == ["sent", "sent"]
    said = page_of(diane, f"/tasks/{task}")
    for number in (1, 2):
        assert re.search(rf"Visit round {number} .*Work finished on .*Satisfaction: Sent", said)
    assert "It was not the first" not in said


def test_t6_a_dispatcher_sends_a_survey_by_hand(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    async def under_way() -> tuple[UUID, UUID]:
        async with posting(shared, office.world) as post:
            campaign = await active(post.world, delay="00:12:00", mute="07:00:00")
            customer = await post.world.customer(email="marie@example.net")
            task = await post.world.task(customer=customer)
            await post.moved(task, "300")
            return campaign, task

    campaign, task = in_database(shared.worker, under_way)
    path = f"/tasks/{task}"
    assert f'href="{path}/survey"' in diane.get(path).text
    assert "It is the only survey of its campaign in this round." in page_of(
        diane, f"{path}/survey"
    )
    form = {"campaign": str(campaign), "why": WHY, "waive": "yes"}
    for wrong in ({"campaign": ""}, {"campaign": str(new_id())}, {"why": ""}):
        answer = diane.post(f"{path}/survey/send", data=form | wrong)
        assert answer.status_code == 422
        assert "No survey was sent" in words_of(answer.text)
    for _ in range(2):
        answer = diane.post(f"{path}/survey/send", data=form)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"{path}?done=asked#result",
        )
    said = page_of(diane, f"{path}?done=asked")
    assert "A survey was sent by hand: what becomes of it stands under" in said
    assert "The survey is leaving now." in said
    assert re.search(f"Sent by hand, by Dispatcher[^:]*: {WHY}", said)
    assert delivered(shared, office, task) == ["sent"]
    refused = diane.post(f"{path}/survey/send", data=form | {"why": "autre chose"})
    assert refused.status_code == 409
    said = words_of(refused.text)
    assert "This round has a survey of this campaign already" in said
    assert re.search("Satisfaction: Sent .* For a return visit, open a new round", said)


def test_where_no_campaign_is_active_the_page_says_so(diane: httpx.Client, office: Office) -> None:
    assert "No campaign is active" in page_of(diane, f"/tasks/{office.task}/survey")
    said = page_of(diane, f"/tasks/{office.task}")
    assert "Send a survey by hand" not in said


def test_who_only_reads_sees_no_button(api: Served, shared: TestDatabase, office: Office) -> None:
    _, task = visited(shared, office)
    with browsing(api, office, "manager") as manager:
        assert f"/tasks/{task}/round" not in manager.get(f"/tasks/{task}").text
        assert manager.get(f"/tasks/{task}/survey").status_code == 403


def test_the_page_of_a_new_round_says_what_becomes_of_the_one_before(
    shared: TestDatabase, office: Office, diane: httpx.Client
) -> None:
    _, task = visited(shared, office, "00:12:00")
    delivered(shared, office, task, "300")
    said = page_of(diane, f"/tasks/{task}/round")
    assert "Satisfaction: Will not leave" in said
    assert "if the task stays at 300" in said
