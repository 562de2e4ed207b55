"""A5, T10: who sends, over HTTP: said once, demanded before anything goes, shown to customers."""

from typing import Any, Final

import httpx
import pytest

from sync.database import Tx
from tests.server.test_api_campaigns import act, create
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office
from tests.support.stories import on

PATH: Final = "/api/v1/sender"
FULL: Final = {
    "legal_name": "Plomberie du Nord inc.",
    "postal_address": "12, rue Principale\nVal-d'Or QC",
    "phone": "",
    "email": "",
    "url": "https://nord.example",
    "domains": ["nord.example"],
}


def put(api: Served, office: Office, **fields: Any) -> httpx.Response:
    """Say who sends."""
    return api.client.put(PATH, json=fields, headers=office.program)


def forget(shared: TestDatabase, office: Office) -> None:
    """As an account that never said it."""

    async def write(tx: Tx) -> None:
        await tx.execute(
            "UPDATE sender_identity SET legal_name = '', postal_address = '', phone = ''"
            " WHERE account = $1",
            tx.account,
        )

    on(shared, office.world.account, write)


def test_what_is_said_is_read_back_and_audited(api: Served, office: Office) -> None:
    answer = put(api, office, **FULL | {"domains": [" @Nord.example", "été.example"]})
    said = FULL | {"domains": ["nord.example", "xn--t-9fab.example"]}
    assert (answer.status_code, answer.json()) == (200, said)
    assert api.client.get(PATH, headers=office.program).json() == said
    entries = api.client.get("/api/v1/audit", headers=office.program).json()["items"]
    assert entries[0]["action"] == "sender.write"
    assert entries[0]["after"]["legal_name"] == "Plomberie du Nord inc."


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"legal_name": "a\nb"}, "/legal_name"),
        ({"postal_address": "a\x07b"}, "/postal_address"),
        ({"phone": "call us"}, "/phone"),
        ({"email": "a@b@c"}, "/email"),
        ({"url": "javascript:alert(1)"}, "/url"),
        ({"url": "nord.example"}, "/url"),
        ({"domains": ["nord.example", "a b"]}, "/domains/1"),
    ],
)
def test_what_no_mail_can_say_is_refused_with_its_place(
    api: Served, office: Office, fields: dict[str, Any], pointer: str
) -> None:
    answer = put(api, office, **FULL | fields)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_no_campaign_is_activated_before_it_is_said_who_sends(
    api: Served, shared: TestDatabase, office: Office
) -> None:
    running = create(api, office).json()["id"]
    assert act(api, office, running, "activate").status_code == 200
    forget(shared, office)
    campaign = create(api, office).json()["id"]
    refused = act(api, office, campaign, "activate")
    assert refused.status_code == 409
    told = {fault["pointer"]: fault["detail"] for fault in refused.json()["errors"]}
    assert set(told) == {"/sender/legal_name", "/sender/postal_address", "/sender/reach"}
    assert all("/api/v1/sender" in detail for detail in told.values())
    # What ran before goes on, and may be paused and resumed.
    assert act(api, office, running, "pause").status_code == 200
    assert act(api, office, running, "resume").status_code == 200
    assert put(api, office, **FULL).status_code == 200
    assert act(api, office, campaign, "activate").status_code == 200


def test_the_page_says_what_is_missing_and_keeps_what_was_typed(
    api: Served, shared: TestDatabase, office: Office
) -> None:
    forget(shared, office)
    with browsing(api, office, "administrator") as anna:
        page = words_of(anna.get("/addresses/sender").text)
        assert "No campaign can be activated yet" in page
        assert "The postal address is missing" in page
        fields = FULL | {"domains": "nord.example\nbureau.example", "email": "nobody"}
        wrong = anna.post("/addresses/sender", data=fields)
        assert wrong.status_code == 422
        assert "Plomberie du Nord inc." in wrong.text
        assert 'href="#email"' in wrong.text
        saved = anna.post("/addresses/sender", data=fields | {"email": ""})
        assert saved.status_code == 303
        page = words_of(anna.get(saved.headers["location"]).text)
        assert "Saved. The next mails say so." in page
        assert "No campaign can be activated yet" not in page
    with browsing(api, office) as diane:
        page = diane.get("/addresses/sender").text
        assert "bureau.example" in page
        assert "An administrator can change this." in page
        assert "<input" not in page
        assert diane.post("/addresses/sender", data=fields).status_code == 403
