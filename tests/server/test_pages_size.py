"""What grows without end comes in pages: nobody makes a page of megabytes."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest

from mail.responses.answers import submit
from mail.responses.submission import Submission
from server.http.text_limit import PAGE_BYTES
from server.runtime.mailbox import Mailbox
from sync.database import Tx
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.office import add_token
from tests.support.signed_in import let_in
from tests.support.stories import EMAIL, Story, aside, on, tell

NOTES = 250
VERSIONS = 120
LARGEST = 200_000
#: 4,000 letters each: what notes are made of, an apostrophe costs five bytes in a page.
LETTERS = ("x", "é", "'", "\U0001f600", "<")

_NOTES = """
INSERT INTO transition (account, id, digest, arrived_at, verdict, task, state, moment, sequence,
  device_moment, received_at, device, technician, note, survey, unexpected, type, unit, tags,
  customer_tags)
SELECT account, gen_random_uuid(), digest, arrived_at, verdict, task, state,
  moment - n * interval '1 minute', n, device_moment, received_at, device, technician,
  repeat(($3::text[])[1 + n % 5], 4000), survey, unexpected, type, unit, tags, customer_tags
FROM transition, generate_series(1, $2) AS n WHERE id = $1
"""
_VERSIONS = """
INSERT INTO answer_version (account, invitation, version, body, answered_at)
SELECT account, invitation, n, jsonb_set(body, '{values,lead,text}', to_jsonb(repeat('y', 4000))),
  answered_at + n * interval '1 second'
FROM answer_version, generate_series(2, $2) AS n WHERE invitation = $1
"""
_TURNS = """
INSERT INTO assignment (account, id, task, technician, unit, start_at, end_at)
SELECT account, gen_random_uuid(), task, technician, unit, start_at + n * interval '1 hour',
  start_at + n * interval '1 hour'
FROM assignment, generate_series(1, 1000) AS n WHERE task = $1
"""


@pytest.fixture(scope="module")
def story(shared: TestDatabase) -> Story:
    """A task with so many long notes and versions of one answer, and 1,000 turns."""
    told = tell(shared)
    aside(shared, lambda: submit(told.survey, Submission(rating=5, comment="y" * 4000)))

    async def grow(tx: Tx) -> None:
        await tx.execute(_NOTES, told.transition, NOTES, list(LETTERS))
        await tx.execute(_VERSIONS, told.invitation, VERSIONS)
        await tx.execute(_TURNS, told.task)

    on(shared, told.account, grow)
    return told


@pytest.fixture(scope="module")
def site(shared: TestDatabase, story: Story) -> Iterator[Served]:
    """The console, with the dispatcher signed in."""
    with served(shared) as one:
        one.client.headers["Accept"] = "text/html"
        let_in(one.client, shared, EMAIL)
        yield one


@pytest.fixture(scope="module")
def program(shared: TestDatabase, story: Story, site: Served) -> Iterator[httpx.Client]:
    """A program with a token of the account."""
    token = aside(shared, lambda: add_token(story.account))
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    with httpx.Client(base_url=f"{site.base_url}/api/v1", headers=headers, timeout=20) as client:
        yield client


def entries(page: str) -> list[str]:
    """The times of the timeline's entries, in their order."""
    return re.findall(r'<li class="[^"]*">\s*<time datetime="([^"]+)"', page)


def link(page: str, way: str) -> str:
    """Where the timeline goes on, or empty."""
    found = re.search(rf'href="([^"#]+)#timeline" rel="{way}"', page)
    return found[1] if found else ""


def walk(site: Served, story: Story, start: str, way: str) -> list[list[str]]:
    """The entries of every page from `start` on; each page is small."""
    seen, query = [], start
    while True:
        answer = site.client.get(f"/tasks/{story.task}{query}")
        assert answer.status_code == 200
        assert len(answer.content) < LARGEST
        seen.append(entries(answer.text))
        query = link(answer.text, way)
        if not query:
            return [*seen, [str(answer.url.query, "ascii")]]


def test_the_task_page_shows_all_of_a_long_past_in_small_pages_both_ways(
    site: Served, story: Story
) -> None:
    first = site.client.get(f"/tasks/{story.task}")
    assert len(first.content) < LARGEST
    assert not link(first.text, "next")
    *earlier, (oldest,) = walk(site, story, "", "prev")
    told = [one for page in reversed(earlier) for one in page]
    assert len(told) > NOTES + VERSIONS
    assert told == sorted(told)
    assert all(earlier)
    *later, _ = walk(site, story, f"?{oldest}", "next")
    assert [one for page in later for one in page] == told


def test_programs_read_all_of_a_long_past_by_cursor(program: httpx.Client, story: Story) -> None:
    seen: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    while True:
        answer = program.get(f"/tasks/{story.task}/timeline", params={"limit": "500"} | query)
        assert len(answer.content) < PAGE_BYTES * 2
        page = answer.json()
        seen = page["items"] + seen
        if page["earlier"] is None:
            break
        query = {"before": page["earlier"]}
    kinds = [entry["kind"] for entry in seen]
    assert kinds.count("answer") == VERSIONS
    assert kinds.count("transition") == NOTES + 3
    assert len({entry["id"] for entry in seen if entry["kind"] == "transition"}) == NOTES + 3
    forward = program.get(f"/tasks/{story.task}/timeline", params={"after": page["later"]}).json()
    start = len(page["items"])
    assert forward["items"] == seen[start : start + len(forward["items"])]
    assert forward["earlier"] is not None


def test_a_task_is_read_with_the_last_of_its_past_alone(
    program: httpx.Client, story: Story
) -> None:
    answer = program.get(f"/tasks/{story.task}")
    assert len(answer.content) < LARGEST
    task = answer.json()
    assert len(task["assignments"]) == 50
    starts = [one["start_at"] for one in task["assignments"]]
    assert starts == sorted(starts)
    path = f"/tasks/{story.task}/timeline"
    before = program.get(path, params={"before": task["earlier"]}).json()
    again = program.get(path, params={"after": before["later"]}).json()
    both = min(len(again["items"]), len(task["timeline"]))
    assert again["items"][:both] == task["timeline"][:both]
    assert before["items"][-1]["at"] <= task["timeline"][0]["at"]


def test_turns_are_listed_page_by_page(program: httpx.Client, story: Story) -> None:
    seen: list[str] = []
    query: dict[str, str] = {"limit": "400"}
    while True:
        page = program.get(f"/tasks/{story.task}/assignments", params=query).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert seen == sorted(set(seen))
    assert len(seen) == 1001
    given = program.post(f"/tasks/{story.task}/assignments", json={}).json()
    assert len(given["items"]) == 50


@pytest.mark.parametrize("cursor", ["x", "", "AAAA", "%00", "é", "A" * 300, "lpMC"])
def test_a_forged_place_is_refused_to_programs_and_left_out_for_people(
    program: httpx.Client, site: Served, story: Story, cursor: str
) -> None:
    refused = program.get(f"/tasks/{story.task}/timeline", params={"before": cursor})
    assert refused.status_code == (400 if cursor else 200)
    page = site.client.get(f"/tasks/{story.task}?{urlencode({'before': cursor})}")
    assert entries(page.text) == entries(site.client.get(f"/tasks/{story.task}").text)


def test_a_timeline_of_another_account_is_not_found(program: httpx.Client) -> None:
    path = f"/tasks/{UUID(int=7)}"
    assert program.get(f"{path}/timeline").status_code == 404
    assert program.get(f"{path}/assignments").status_code == 404


def test_versions_that_are_not_kept_are_counted(
    shared: TestDatabase, site: Served, program: httpx.Client, story: Story
) -> None:
    async def forget(tx: Tx) -> None:
        await tx.execute("DELETE FROM answer_version WHERE version BETWEEN 2 AND 101")

    on(shared, story.account, forget)
    page = site.client.get(f"/tasks/{story.task}?lang=en").text
    assert "100 versions before this one are not kept" in page
    items = program.get(f"/tasks/{story.task}").json()["timeline"]
    answers = [entry for entry in items if entry["kind"] == "answer"]
    assert (answers[0]["version"], answers[0]["dropped"]) == (1, 0)
    assert (answers[1]["version"], answers[1]["dropped"]) == (102, 100)
    assert len(answers) == 20


def pages(site: Served, start: str) -> list[str]:
    """A list in the console, screenful by screenful; each is small."""
    seen, path = [], start
    while path:
        answer = site.client.get(path)
        assert answer.status_code == 200
        assert len(answer.content) < LARGEST
        seen.append(answer.text)
        found = re.search(r'href="([^"]+)" rel="next"', answer.text)
        more = html.unescape(found[1]) if found else ""
        path = f"{start}{more}" if more.startswith("?") else more
    return seen


def grow(database: TestDatabase, story: Story, sql: str) -> None:
    """Run one statement in the account."""

    async def work(tx: Tx) -> None:
        await tx.execute(sql)

    on(database, story.account, work)


def test_campaigns_are_shown_a_screenful_at_a_time(
    shared: TestDatabase, site: Served, story: Story
) -> None:
    grow(
        shared,
        story,
        "WITH made AS (INSERT INTO campaign (account, id, name, status, version, created_at)"
        " SELECT account, gen_random_uuid(), 'Avis ' || n % 7, 'draft', 1, created_at"
        " FROM campaign, generate_series(1, 170) AS n RETURNING account, id)"
        " INSERT INTO campaign_version"
        " (account, campaign, version, rules, content, format, created_at)"
        " SELECT m.account, m.id, 1, v.rules, v.content, v.format, v.created_at"
        " FROM made m, campaign_version v WHERE v.version = 1",
    )
    names = [name for page in pages(site, "/campaigns") for name in CARD.findall(page)]
    assert len(names) == len(set(names)) == 171


CARD = re.compile(r'href="/campaigns/([0-9a-f-]+)"')


def test_of_a_person_with_a_thousand_devices_the_last_are_shown(
    shared: TestDatabase, site: Served, story: Story
) -> None:
    for revoked in ("enrolled_at", "NULL"):
        grow(
            shared,
            story,
            "INSERT INTO device (account, id, technician, name, credential_hash, enrolled_at,"
            " revoked_at) SELECT account, gen_random_uuid(), technician, 'Phone ' || n,"
            f" sha256(gen_random_uuid()::text::bytea), enrolled_at, {revoked}"
            " FROM (SELECT * FROM device ORDER BY id LIMIT 1) d, generate_series(1, 1000) AS n",
        )
    (page,) = pages(site, "/devices?lang=en")
    assert "1,000 revoked devices" in page or "1000 revoked devices" in page
    assert "The last 20 of 1,001 are listed." in page
    assert page.count('class="device"') < 60


def test_refusals_with_long_notes_come_in_smaller_screenfuls(
    shared: TestDatabase, site: Served, story: Story
) -> None:
    grow(
        shared,
        story,
        "INSERT INTO transition (account, id, device, technician, pushed_task, verdict, refusal,"
        " digest, body, arrived_at) SELECT account, gen_random_uuid(), device, technician,"
        " pushed_task, verdict, refusal, digest,"
        " body || jsonb_build_object('note', repeat('''', 4000)),"
        " arrived_at - n * interval '1 s'"
        " FROM (SELECT * FROM transition WHERE verdict = 'refused' LIMIT 1) v,"
        " generate_series(1, 40) AS n",
    )
    shown = [one for page in pages(site, "/refused") for one in DECIDE.findall(page)]
    assert len(shown) == len(set(shown)) == 41


DECIDE = re.compile(r'href="/refused/([0-9a-f-]+)"')


def test_the_mailbox_is_shown_a_screenful_at_a_time(site: Served, tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    site.services.mailbox = box
    kept = [str(box.keep("a@b.example", ["c@d.example"], LETTER)) for _ in range(120)]
    shown = [one for page in pages(site, "/mailbox") for one in MESSAGE.findall(page)]
    assert shown == kept[::-1]
    listed: list[str] = []
    path = "/mailbox/messages.json"
    while path:
        answer = site.client.get(path)
        listed += [one["id"] for one in answer.json()]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert listed == kept[::-1]
    assert site.client.get("/mailbox?after=x").status_code == 200
    site.services.mailbox = None


MESSAGE = re.compile(r'href="/mailbox/([0-9a-f-]{36})"')
LETTER = b"Subject: x\r\nContent-Type: text/plain\r\n\r\nBonjour\r\n"


def test_an_answer_of_the_api_ends_early_where_much_was_written(
    shared: TestDatabase, program: httpx.Client, story: Story
) -> None:
    grow(
        shared,
        story,
        "INSERT INTO location (account, id, name, address) SELECT account, gen_random_uuid(), 'x',"
        " repeat('y', 30000) FROM account, generate_series(1, 100) AS n WHERE account = "
        f"{story.account}",
    )
    seen: list[str] = []
    query: dict[str, str] = {"limit": "500"}
    while True:
        answer = program.get("/locations", params=query)
        assert len(answer.content) < 1_200_000
        seen += [one["id"] for one in answer.json()["items"]]
        if answer.json()["next"] is None:
            break
        query["after"] = answer.json()["next"]
    assert len(seen) == len(set(seen)) > 100
