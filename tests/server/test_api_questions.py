"""The question bank over HTTP, and the campaigns and surveys that take from it."""

from collections import Counter
from typing import Any, Final
from uuid import UUID, uuid5

import httpx
import pytest

from mail.campaigns.asked import asked
from mail.campaigns.bank import key_of
from mail.campaigns.formats import decode_content
from sync.database import tx
from tests.server.test_api_campaigns import create, definition
from tests.support.api_process import Served
from tests.support.office import Office, in_database

PATH: Final = "/api/v1/questions"
#: Of the invitations that are drawn for; each run draws the same.
SEED: Final = UUID("6f1c3a52-0000-4000-8000-000000000015")


def order(category: str = "visit", kind: str = "stars", **fields: Any) -> dict[str, Any]:
    """A question to keep."""
    return {"category": category, "kind": kind, "text": {"fr": "Propre?", "en": "Clean?"}} | fields


class Bank:
    """The bank of an office, and campaigns that take from it."""

    def __init__(self, api: Served, office: Office) -> None:
        self.api, self.office = api, office

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.api.client.request(method, path, json=body, headers=self.office.program)

    def add(self, *args: Any, **fields: Any) -> str:
        answer = self.send("POST", PATH, order(*args, **fields))
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["id"]
        return found

    def listed(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.send("GET", f"{PATH}{query}")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def campaign(self, **taken: Any) -> httpx.Response:
        said = definition(self.office, from_bank=taken)
        return create(self.api, self.office, definition=said)

    def save(self, campaign: str, **taken: Any) -> httpx.Response:
        body = {"name": "x", "definition": definition(self.office, from_bank=taken)}
        return self.send("PUT", f"/api/v1/campaigns/{campaign}", body)

    def keys(self, campaign: str, invitation: UUID, version: int = 1) -> list[str]:
        """What a survey of the campaign's version asks after the leading question."""

        async def read() -> Any:
            async with tx(self.office.world.account) as opened:
                return await opened.fetchrow(
                    "SELECT content, format FROM campaign_version"
                    " WHERE campaign = $1 AND version = $2",
                    UUID(campaign),
                    version,
                )

        row = in_database(self.api.database.api, read)
        content = decode_content(row["content"], row["format"])
        return [question.key for question in asked(content, invitation)]


@pytest.fixture
def bank(api: Served, office: Office) -> Bank:
    return Bank(api, office)


def test_a_question_is_kept_changed_and_archived(bank: Bank) -> None:
    first = bank.add(low={"fr": "Non"})
    second = bank.add("price", "choice", choices=[{"code": c, "label": {"fr": c}} for c in "ab"])
    assert [found["id"] for found in bank.listed()] == [first, second]
    assert [found["id"] for found in bank.listed("?category=price")] == [second]
    [kept] = bank.listed("?category=visit")
    assert (kept["kind"], kept["low"], kept["archived_at"]) == ("stars", {"fr": "Non"}, None)
    assert kept["key"] == key_of(UUID(first))
    assert bank.send("PUT", f"{PATH}/{first}", order("price")).status_code == 204
    assert bank.listed("?category=visit") == []
    for _ in range(2):
        assert bank.send("DELETE", f"{PATH}/{second}").status_code == 204
    assert [found["id"] for found in bank.listed()] == [first]
    archived = {found["id"]: found["archived_at"] for found in bank.listed("?archived=true")}
    assert (archived[first], archived[second] is None) == (None, False)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"text": {}}, "text"),
        ({"text": {"fr": "a\nb"}}, "text/fr"),
        ({"kind": "choice"}, "choices"),
        ({"kind": "text", "low": {"fr": "x"}}, "low"),
        ({"negative_at": 7}, "negative_at"),
    ],
)
def test_a_question_that_cannot_be_asked_says_where_and_why(
    bank: Bank, fields: dict[str, Any], field: str
) -> None:
    kept = bank.add()
    for method, path in (("POST", PATH), ("PUT", f"{PATH}/{kept}")):
        answer = bank.send(method, path, order(**fields))
        assert answer.status_code == 400
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"/{field}"]
    assert len(bank.listed()) == 1


def test_a_campaign_takes_categories_and_drops_single_questions(bank: Bank) -> None:
    visit = [bank.add() for _ in range(3)]
    price = [bank.add("price") for _ in range(2)]
    bank.send("DELETE", f"{PATH}/{price[0]}")
    made = bank.campaign(categories=["price", "visit"], dropped=[visit[1]])
    assert made.status_code == 201, made.text
    wanted = [key_of(UUID(one)) for one in (price[1], visit[0], visit[2])]
    assert bank.keys(made.json()["id"], SEED) == wanted
    assert made.json()["definition"]["from_bank"] == {
        "categories": ["price", "visit"],
        "dropped": [visit[1]],
        "number": 0,
    }


def test_what_the_bank_does_not_have_is_not_taken(bank: Bank) -> None:
    only, other = bank.add(), bank.add("price")
    for taken, field in (
        ({"categories": ["visit", "nothing"]}, "categories/1"),
        ({"categories": ["visit"], "dropped": [other]}, "dropped/0"),
        ({"categories": ["visit"], "dropped": [only]}, ""),
        ({"categories": []}, ""),
        ({"categories": ["visit", "visit"]}, "categories/1"),
    ):
        answer = bank.campaign(**taken)
        assert answer.status_code == 400, taken
        [fault] = answer.json()["errors"]
        assert fault["pointer"] == f"/definition/from_bank/{field}".rstrip("/")


def test_of_seven_questions_each_survey_asks_three_and_each_question_is_as_likely(
    bank: Bank,
) -> None:
    ids = [bank.add("visit" if number % 2 else "price") for number in range(7)]
    campaign = bank.campaign(categories=["visit", "price"], number=3).json()["id"]

    async def read() -> Any:
        async with tx(bank.office.world.account) as opened:
            return await opened.fetchrow(
                "SELECT content, format FROM campaign_version WHERE campaign = $1", UUID(campaign)
            )

    row = in_database(bank.api.database.api, read)
    content = decode_content(row["content"], row["format"])
    drawn = Counter[str]()
    for number in range(1000):
        invitation = uuid5(SEED, str(number))
        keys = [question.key for question in asked(content, invitation)]
        assert len(set(keys)) == 3
        assert [question.key for question in asked(content, invitation)] == keys
        drawn.update(keys)
    assert drawn.keys() == {key_of(UUID(one)) for one in ids}
    assert all(abs(count / 1000 - 3 / 7) <= 0.05 for count in drawn.values()), drawn


def test_changing_the_bank_changes_no_survey_until_the_campaign_is_saved_again(bank: Bank) -> None:
    kept, dropped = bank.add(), bank.add()
    taken: dict[str, Any] = {"categories": ["visit"]}
    campaign = bank.campaign(**taken).json()["id"]
    before = bank.keys(campaign, SEED)
    assert bank.save(campaign, **taken).json()["version"] == 1
    bank.send("DELETE", f"{PATH}/{dropped}")
    bank.send("PUT", f"{PATH}/{kept}", order(kind="thumbs"))
    assert bank.keys(campaign, SEED) == before
    assert bank.save(campaign, **taken).json()["version"] == 2
    assert bank.keys(campaign, SEED) == before
    assert bank.keys(campaign, SEED, version=2) == [key_of(UUID(kept))]
    assert bank.save(campaign, **taken).json()["version"] == 2
