"""The main job: push, mail, four stars, result on the task; a second state sends nothing."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from msgspec import Struct
from playwright.sync_api import Browser, Page, expect

from sync.ids import new_id
from tests.journeys.stage import Letter, Stage, one_command, several_processes
from tests.support.brokers import BROKERS, shared_broker
from tests.support.browser import PHONE, chromium, visiting
from tests.support.databases import TestDatabase
from tests.support.processes import until

#: The type of work whose campaign of the demo has no delay.
PROMPT_TYPE: Final = "Entretien préventif"


class Words(Struct, frozen=True):
    """What a reader of one language sees."""

    locale: str
    dispatcher: str
    subject: str
    thanks: str
    not_first: str
    comment: str


FRENCH: Final = Words(
    "fr_CA",
    "repartition@boreal.example",
    "Votre entretien d\u2019aujourd\u2019hui",
    "Votre réponse est enregistrée.",
    "pas le premier passage à ces états",
    "Très bien, merci « beaucoup » !",
)
ENGLISH: Final = Words(
    "en_CA",
    "dispatch@boreal.example",
    "Your maintenance visit today",
    "Your answer is recorded.",
    "not the first visit to these states",
    "Very good, <b>thanks</b> & bye",
)


class Visit(Struct, frozen=True):
    """A planned task on a technician's device, and whom it will make us ask."""

    credential: str
    task: str
    address: str


def enrol(stage: Stage, technician: str) -> str:
    """A new phone of `technician`."""
    reply = httpx.post(
        f"{stage.origin}/api/v1/devices/enrol",
        json={"code": stage.code(technician), "name": "Téléphone"},
    )
    assert reply.status_code == 201, reply.text
    return str(reply.json()["credential"])


def pull(stage: Stage, credential: str) -> list[dict[str, Any]]:
    """Everything that a new device must know."""
    changes: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        reply = httpx.get(
            f"{stage.origin}/api/v1/sync/pull", params=cursor, headers=bearer(credential)
        )
        assert reply.status_code == 200, reply.text
        page = reply.json()
        changes += page["changes"]
        cursor = {"cursor": page["cursor"]}
        if not page["more"]:
            return changes


def bearer(credential: str) -> dict[str, str]:
    """The header that says whose device it is."""
    return {"Authorization": f"Bearer {credential}"}


def planned_visit(stage: Stage, locale: str) -> Visit:
    """A planned task of the campaign without delay whose customer reads `locale`."""
    for technician in stage.technicians:
        credential = enrol(stage, technician)
        things = {(one["kind"], one["id"]): one for one in pull(stage, credential)}
        for (kind, key), task in things.items():
            if kind != "task" or not is_prompt(task, things):
                continue
            customer = things["customer", task["customer"]]
            if customer["email"] and customer["language"] == locale:
                return Visit(credential, key, customer["email"])
    raise AssertionError(f"no planned task for a customer who reads {locale}")


def is_prompt(task: dict[str, Any], things: dict[tuple[str, str], dict[str, Any]]) -> bool:
    """Whether `task` is still planned, and of the type that is asked about without delay."""
    names = things["task_type", task["type"]]["names"]
    planned = things["state", task["state"]]["state_kind"] == "planned"
    return planned and task["customer"] is not None and names["fr"] == PROMPT_TYPE


def push(stage: Stage, visit: Visit, state: str, ago: timedelta) -> None:
    """Push that the task went into `state` some time ago."""
    now = datetime.now(UTC)
    item = {
        "id": str(new_id()),
        "task": visit.task,
        "state": state,
        "moment": (now - ago).isoformat(),
        "sequence": 1,
    }
    reply = httpx.post(
        f"{stage.origin}/api/v1/sync/push",
        json={"device_now": now.isoformat(), "transitions": [item]},
        headers=bearer(visit.credential),
    )
    assert reply.status_code == 200, reply.text
    assert reply.json()["results"] == [{"id": item["id"], "verdict": "accepted"}]


def letters(stage: Stage, visit: Visit, subject: str) -> set[Letter]:
    """What came for the visit's customer about such visits."""
    mails = [mail for mail in stage.mails() if mail.to.lower() == visit.address.lower()]
    return {mail for mail in mails if mail.subject == subject}


def star_link(letter: Letter, rating: int) -> str:
    """Where a click on so many stars leads."""
    links = [unescape(link) for link in re.findall(r'href="([^"]+)"', letter.html)]
    return next(link for link in links if link.endswith(f"rating={rating}"))


def answer(page: Page, link: str, words: Words) -> None:
    """Open the link of four stars, add a comment and submit."""
    page.goto(link)
    expect(page.locator("input[name='rating'][value='4']")).to_be_checked()
    page.fill("#comment", words.comment)
    page.click("main form button:not([name])")
    expect(page.get_by_role("status")).to_contain_text(words.thanks)


def sign_in(page: Page, stage: Stage, email: str) -> None:
    """Sign in to the console."""
    page.goto(f"{stage.origin}/login")
    page.fill("#email", email)
    page.fill("#password", stage.password(email))
    page.click("main form button")
    expect(page).to_have_url(re.compile("/tasks"))


def reads(page: Page, place: str, text: str) -> bool:
    """Whether the page, loaded anew, says `text` at `place`."""
    page.reload()
    return text in page.locator(place).inner_text()


def play(stage: Stage, browser: Browser, words: Words) -> None:
    """The whole job in one language."""
    visit = planned_visit(stage, words.locale)
    before = letters(stage, visit, words.subject)
    push(stage, visit, "600", timedelta(minutes=2))
    [letter] = until(lambda: letters(stage, visit, words.subject) - before, "the mail arrives")
    with visiting(browser, PHONE) as page:
        answer(page, star_link(letter, 4), words)
    with visiting(browser) as page:
        sign_in(page, stage, words.dispatcher)
        page.goto(f"{stage.origin}/tasks/{visit.task}")
        until(lambda: reads(page, "section.result", words.comment), "the result is on the page")
        expect(page.locator("section.result .given").first).to_contain_text("n = 1")
        timeline = page.locator("section[aria-labelledby=timeline]")
        expect(timeline).to_contain_text(words.comment)
        push(stage, visit, "610", timedelta(minutes=1))
        until(
            lambda: reads(page, "section[aria-labelledby=timeline]", words.not_first),
            "the second state is decided",
        )
    assert letters(stage, visit, words.subject) == before | {letter}


def test_one_command_does_the_main_job(tmp_path: Path) -> None:
    with one_command(tmp_path) as stage, chromium() as browser:
        for words in (FRENCH, ENGLISH):
            play(stage, browser, words)


@pytest.mark.parametrize("broker", BROKERS)
def test_separate_processes_do_the_main_job(
    broker: str, database: TestDatabase, tmp_path: Path
) -> None:
    with (
        shared_broker(broker) as settings,
        several_processes(tmp_path, database, settings) as stage,
        chromium() as browser,
    ):
        for words in (FRENCH, ENGLISH):
            play(stage, browser, words)
