"""An answer of every kind, as the office and programs see it."""

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from msgspec import Struct

from mail.campaigns.questions import FurtherQuestion, Question, ReasonChoice
from mail.responses.answers import submit
from mail.responses.recording import Recorded
from mail.responses.rollup import roll
from mail.responses.submission import Given, Submission
from tests.support.api_process import served
from tests.support.databases import TestDatabase
from tests.support.form_browser import words_of
from tests.support.signed_in import let_in
from tests.support.stories import EMAIL, Story, aside, on, tell

PARTS: Final = [ReasonChoice("clean", {"fr": "Propreté"}), ReasonChoice("fast", {"fr": "Rapidité"})]
FURTHER: Final = [
    FurtherQuestion(key="tech", kind="stars", text={"fr": "Et le technicien ?"}),
    FurtherQuestion(key="easy", kind="effort", text={"fr": "Était-ce facile ?"}),
    FurtherQuestion(key="again", kind="thumbs", text={"fr": "Reviendrez-vous ?"}),
    FurtherQuestion(
        key="parts",
        kind="choice",
        text={"fr": "Qu\u2019avez-vous aimé ?"},
        choices=PARTS,
        several=True,
    ),
    FurtherQuestion(key="words", kind="text", text={"fr": "Autre chose ?"}),
    FurtherQuestion(key="likely", kind="nps", text={"fr": "Nous recommanderiez-vous ?"}),
]
GIVEN: Final = {
    "tech": Given(value=4),
    "easy": Given(value=7),
    "again": Given(value=0),
    "parts": Given(choices=["fast", "clean"]),
    "words": Given(text="Rien <b>de plus</b>"),
    "likely": Given(value=0),
}


class Lead(Struct, frozen=True):
    """A leading value, and how the office reads it: on its own, and as a mean."""

    kind: Any
    value: int
    shown: str
    mean: str
    in_list: str
    sentiment: str


LEADS: Final = [
    Lead("stars", 2, "2 / 5", "2,0 / 5", "2,0", "negative"),
    Lead("thumbs", 0, "Pouce baissé", "0 %", "0 %", "negative"),
    Lead("thumbs", 1, "Pouce levé", "100 %", "100 %", "positive"),
    Lead("effort", 4, "4 / 7", "4,0 / 7", "4,0 / 7", "neutral"),
    Lead("nps", 0, "0 / 10", "0,0 / 10", "0,0 / 10", "negative"),
    Lead("nps", 10, "10 / 10", "10,0 / 10", "10,0 / 10", "positive"),
]


@pytest.fixture(params=LEADS, ids=lambda lead: f"{lead.kind} {lead.value}")
def lead(request: pytest.FixtureRequest) -> Lead:
    found: Lead = request.param
    return found


@pytest.fixture
def story(lead: Lead, database: TestDatabase) -> Story:
    """A task whose customer answered every question of a campaign that `lead`s."""
    question = Question(text={"fr": "Comment était-ce ?"}, kind=lead.kind)
    asks = {"question": question, "further": FURTHER, "reasons": []}
    told = tell(database, asks=asks)
    said = Submission(rating=lead.value, comment="Voilà", further=GIVEN)
    assert aside(database, lambda: submit(told.survey, said)) == Recorded(1, changed=True)
    on(database, told.account, lambda opened: roll(opened, [told.invitation]))
    return told


@pytest.fixture
def client(database: TestDatabase, story: Story) -> Iterator[httpx.Client]:
    with served(database) as site:
        site.client.headers["Accept"] = "text/html"
        let_in(site.client, database, EMAIL)
        yield site.client


def test_the_office_and_programs_see_every_value(
    client: httpx.Client, story: Story, lead: Lead
) -> None:
    task = client.get(f"/api/v1/tasks/{story.task}").json()
    result = task["result"]
    nps = lead.value if lead.kind == "nps" else 0
    assert (result["lead_kind"], result["rating_last"], result["rating_mean"]) == (
        lead.kind,
        lead.value,
        float(lead.value),
    )
    assert (result["sentiment"], result["nps"]) == (lead.sentiment, nps)
    assert result["negative"] is (lead.sentiment == "negative")
    [answer] = [entry for entry in task["timeline"] if entry["kind"] == "answer"]
    assert (answer["lead_kind"], answer["rating"]) == (lead.kind, lead.value)
    further = answer["further"]
    values = {key: found["value"] for key, found in further.items()}
    nothing = {"parts": None, "words": None}
    assert values == {"tech": 4, "easy": 7, "again": 0, "likely": 0, **nothing}
    assert (further["parts"]["choices"], further["words"]["text"]) == (
        ["clean", "fast"],
        "Rien <b>de plus</b>",
    )
    page = words_of(client.get(f"/tasks/{story.task}").text)
    assert lead.mean in page
    said = (
        "Et le technicien ? 4 / 5 Était-ce facile ? 7 / 7 Reviendrez-vous ? Pouce baissé"
        " Qu\u2019avez-vous aimé ? Propreté, Rapidité Autre chose ? Rien <b>de plus</b>"
        " Nous recommanderiez-vous ? 0 / 10"
    )
    assert page.count(said) == 2  # with the result, and in the timeline
    assert f"{lead.shown} Voilà {said}" in page
    assert f"{lead.in_list} n = 1" in words_of(client.get("/tasks").text)
    work = words_of(client.get("/follow-ups?show=negative").text)
    assert (f"{lead.shown} Voilà {said}" in work) is (lead.sentiment == "negative")
