"""A customer who was not visited says so once: nothing that they do later makes a rating of it."""

import html
import re

import httpx
import pytest

from mail.responses.recording import decode_body
from sync.database import Tx
from tests.mail.sent import Sent, sent
from tests.support.api_process import Served
from tests.support.form_browser import HTML, words_of
from tests.support.office import Office, in_database
from tests.support.stories import on

TICKED = 'name="not_me" value="yes" checked'
BOX = 'type="checkbox" name="not_me"'
ASK = 'name="not_me" value="ask"'


@pytest.fixture
def mail(api: Served, office: Office) -> Sent:
    """A survey that was sent about a task."""

    async def ask() -> Sent:
        return await sent(office.world, await office.world.task(title="Chauffe-eau"))

    return in_database(api.database.worker, ask)


def fields_of(page: str) -> dict[str, str]:
    """What a browser sends with the form of `page`, but for the button that is pressed."""
    found = {}
    for tag in re.findall(r"<input [^>]+>", page):
        of = dict(re.findall(r'\b(\w+)="([^"]*)"', tag))
        if of["type"] not in {"radio", "checkbox"} or " checked" in tag:
            found[of["name"]] = html.unescape(of["value"])
    comment = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page, re.DOTALL)
    chosen = re.search(r'<option value="([^"]+)" selected', page)
    return (
        found
        | ({"comment": html.unescape(comment[1])} if comment else {})
        | ({"reason": chosen[1]} if chosen else {})
    )


def answered(api: Served, office: Office, mail: Sent) -> list[tuple[int | None, bool, str]]:
    """Each version of the answer: its rating, whether it is disputed, and the number to call."""

    async def read(tx: Tx) -> list[tuple[int | None, bool, str]]:
        rows = await tx.fetch("SELECT body FROM answer_version ORDER BY version")
        bodies = [decode_body(row["body"]) for row in rows]
        return [(body.lead.value, body.not_me, body.phone) for body in bodies]

    return on(api.database, office.world.account, read)


def send(api: Served, mail: Sent, page: str = "", **fields: str) -> httpx.Response:
    """Press a button of `page` after `fields` were filled in; an empty field is unticked."""
    data = {name: value for name, value in (fields_of(page) | fields).items() if value}
    return httpx.post(f"{api.base_url}/s/{mail.survey}", data=data, headers=HTML)


def shown(api: Served, mail: Sent, path: str = "") -> str:
    """The page of the survey, in English."""
    language = {"Cookie": "language=en"}
    return httpx.get(f"{api.base_url}/s/{mail.survey}{path}", headers=HTML | language).text


def test_a_number_that_is_wrong_is_said_before_it_is_asked_who_was_visited(
    api: Served, office: Office, mail: Sent
) -> None:
    typed = {"rating": "1", "call_back": "yes", "phone": "555-0123", "comment": "Qui ?"}
    wrong = send(api, mail, not_me="ask", **typed)
    assert (wrong.status_code, wrong.text.count('href="#phone"')) == (422, 1)
    assert TICKED in wrong.text
    assert ASK not in wrong.text
    assert fields_of(wrong.text) == {**typed, "not_me": "yes"}
    again = send(api, mail, wrong.text, phone="")
    assert (again.status_code, TICKED in again.text) == (422, True)
    assert answered(api, office, mail) == []
    done = send(api, mail, again.text, phone="418 555-0123")
    assert done.status_code == 303
    assert answered(api, office, mail) == [(1, True, "418 555-0123")]
    assert "Your answer will not count." in words_of(shown(api, mail, "/thanks"))


def test_a_disputed_answer_stays_so_whatever_is_added_until_the_customer_unticks_it(
    api: Served, office: Office, mail: Sent
) -> None:
    asked = send(api, mail, rating="1", not_me="ask")
    assert send(api, mail, asked.text, not_me="yes").status_code == 303
    page = shown(api, mail, "?rating=2")
    assert TICKED in page
    assert ASK not in page
    assert "While this is ticked, your answer does not count." in words_of(page)
    send(api, mail, page, call_back="yes", phone="418 555-0188", comment="Rappelez-moi")
    assert answered(api, office, mail) == [(1, True, ""), (2, True, "418 555-0188")]
    wrong = send(api, mail, shown(api, mail), phone="non", not_me="").text
    assert BOX in wrong
    assert TICKED not in wrong  # what was unticked stays so, as all that was typed
    send(api, mail, wrong, phone="418 555-0188")
    assert answered(api, office, mail)[2:] == [(2, False, "418 555-0188")]
    page = shown(api, mail)
    assert BOX not in page
    assert ASK in page


def test_going_back_leaves_what_was_disputed_elsewhere(
    api: Served, office: Office, mail: Sent
) -> None:
    older = send(api, mail, rating="1", not_me="ask").text
    assert TICKED not in send(api, mail, older, not_me="back").text
    send(api, mail, older, not_me="yes")
    assert TICKED in send(api, mail, older, not_me="back").text
    assert answered(api, office, mail) == [(1, True, "")]
