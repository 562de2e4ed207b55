"""A2: completed tasks whose customer could not be asked are listed, and mended from there."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from mail.config import MailConfig
from mail.sending.run import deliver_due
from mail.smtp.address import parse_server
from sync.ids import new_id
from tests.mail.campaigns import active, plan_all
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database

LIST: Final = "/api/v1/without-address"
#: No mail gets as far as a server.
NOWHERE: Final = "smtp://127.0.0.1:9"


def finish(database: TestDatabase, office: Office, *emails: str | None, **task: Any) -> list[UUID]:
    """Tasks that alice finished now, each of a customer with an address or without; decided."""
    world = office.world

    async def push() -> list[UUID]:
        device = await world.device(world.alice)
        tasks = []
        for email in emails:
            customer = await world.customer(email=email)
            tasks.append(await world.task(customer=customer, technician=world.alice, **task))
        moment = datetime.now(UTC)
        await world.push(device, *(world.item(task, "600", moment) for task in tasks))
        return tasks

    async def work() -> None:
        await plan_all()
        config = MailConfig(
            worker_dsn=database.worker,
            origin="http://retour.test",
            smtp=parse_server(NOWHERE),
            mail_from="avis@example.test",
        )
        await deliver_due(config)

    found = in_database(database.api, push)
    in_database(database.worker, work)
    return found


@pytest.fixture
def asking(shared: TestDatabase, office: Office) -> Office:
    """An office with a campaign, which has asked nobody."""
    in_database(shared.api, lambda: active(office.world))
    return office


def ask(api: Served, office: Office, **query: Any) -> Any:
    """A page of the list."""
    answer = api.client.get(LIST, params=query, headers=office.program)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_program_lists_them_by_day_and_type(
    api: Served, shared: TestDatabase, asking: Office
) -> None:
    kind = asking.world.installation
    first = finish(shared, asking, None, "", type=kind)
    second = finish(shared, asking, None)
    items = ask(api, asking)["items"]
    assert {item["task"] for item in items} == set(map(str, first + second))
    assert items[0]["task"] == str(second[0])
    assert items[0]["fields"] == ["customer"]
    assert not items[0]["mended"]
    pages = [ask(api, asking, limit=2)]
    pages.append(ask(api, asking, limit=2, after=pages[0]["next"]))
    assert [item for page in pages for item in page["items"]] == items
    of_kind = ask(api, asking, type=str(kind))["items"]
    assert {item["task"] for item in of_kind} == set(map(str, first))
    day = items[0]["day"]
    assert ask(api, asking, day=day)["items"] == items
    other = (datetime.fromisoformat(day) - timedelta(days=3)).date().isoformat()
    assert ask(api, asking, day=other)["items"] == []
    for wrong in ({"after": "x"}, {"day": "x"}, {"type": "x"}):
        answer = api.client.get(LIST, params=wrong, headers=asking.program)
        assert answer.status_code == 400


def test_another_account_sees_none_of_them(
    api: Served, shared: TestDatabase, asking: Office, south: Office
) -> None:
    [task] = finish(shared, asking, None)
    assert str(task) not in api.client.get(LIST, headers=south.program).text


def test_an_address_is_entered_where_it_is_missing(
    api: Served, shared: TestDatabase, asking: Office
) -> None:
    [task] = finish(shared, asking, None, title="Chauffe-eau")
    with browsing(api, asking, "administrator") as anna:
        page = anna.get("/addresses/missing").text
        assert "Chauffe-eau" in page
        [path] = re.findall(r'action="(/addresses/[0-9a-f-]{36}/address)"', page)
        kept = f"?type={asking.world.service_call}"
        page = anna.get(f"/addresses/missing{kept}").text
        assert f'action="{path}{kept}"' in page
        sent = {"address": "marie", "task": str(task)}
        wrong = anna.post(f"{path}{kept}", data=sent)
        assert wrong.status_code == 422
        assert f'<option value="{asking.world.service_call}" selected>' in wrong.text
        assert f'action="{path}{kept}"' in wrong.text
        assert 'value="marie"' in wrong.text
        sent["address"] = "marie@example.org"
        saved = anna.post(f"{path}{kept}", data=sent)
        assert (saved.status_code, saved.headers["location"]) == (303, f"/addresses/missing{kept}")
        mended = anna.get("/addresses/missing").text
        assert "An address was entered since" in words_of(mended)
        assert f'href="/tasks/{task}/survey"' in mended
        gone = anna.post(f"/addresses/{new_id()}/address", data=sent)
        assert gone.status_code == 404
    assert ask(api, asking)["items"][0]["mended"]
    bounced = {"address": "marie@example.org", "reason": "bounced"}
    path = "/api/v1/suppressions"
    assert api.client.post(path, json=bounced, headers=asking.program).status_code == 201
    assert not ask(api, asking)["items"][0]["mended"]
    with browsing(api, asking) as diane:
        assert "<form method" not in diane.get("/addresses/missing").text.partition("<table")[2]


def test_where_everybody_has_an_address_the_page_says_so(api: Served, asking: Office) -> None:
    with browsing(api, asking) as diane:
        page = words_of(diane.get("/addresses/missing?day=x&type=y&after=z").text)
        assert "Nobody is without an address" in page
