"""What customers asked for, in the console: listed, counted and shown until somebody handled it."""

import html
import re
from typing import Any

import httpx
import pytest

from server.console.follow_up_list import SCREENFUL
from sync import audit
from sync.database import Tx
from sync.ids import new_id
from tests.mail.sent import Sent, sent
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import HTML, browsing, words_of
from tests.support.office import Office, in_database
from tests.support.stories import on

PHONE = "418 555-0123, poste 4"
NOT_THEIRS = "Says that the visit was not theirs"
DIAL = "tel:+14185550123;ext=4"


def asked(api: Served, office: Office, title: str = "Chauffe-eau") -> Sent:
    """A survey that was sent about a task of its own."""

    async def ask() -> Sent:
        return await sent(office.world, await office.world.task(title=title))

    return in_database(api.database.worker, ask)


def answer(api: Served, mail: Sent, **fields: str) -> None:
    """The customer submits the form."""
    done = httpx.post(f"{api.base_url}/s/{mail.survey}", data=fields)
    assert done.status_code == 303, done.text


def call_back(api: Served, mail: Sent, phone: str = PHONE, **fields: str) -> None:
    """The customer asks to be called back."""
    answer(api, mail, **{"rating": "4", "call_back": "yes", "phone": phone} | fields)


def count_in(page: str) -> str | None:
    """What the navigation says is to be done."""
    found = re.search(r'href="/follow-ups"[^>]*>Follow-ups <span class="count">(.+?)<', page)
    return found[1] if found else None


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Where the first form of a follow-up is sent, and its hidden fields."""
    form = re.search(r'action="(/follow-ups/[^"]+)"(.*?)</form>', page, re.DOTALL)
    assert form is not None
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[2])
    return form[1], dict(hidden)


def send(browser: httpx.Client, page: str, **fields: str) -> httpx.Response:
    """Send the first form of a follow-up on `page`."""
    path, hidden = form_of(page)
    return browser.post(path, data=hidden | fields)


def audited(shared: TestDatabase, office: Office) -> list[tuple[str, str, Any]]:
    """Who did what to follow-ups, with the values after it."""

    async def read(tx: Tx) -> list[tuple[str, str, Any]]:
        entries = await audit.read(tx, 50)
        return [
            (entry.actor, entry.action, entry.after)
            for entry in reversed(entries)
            if entry.object.startswith("follow_up/")
        ]

    return on(shared, office.world.account, read)


def test_a_call_is_listed_with_its_number_until_somebody_handled_it(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    assert "When a customer asks to be called back" in words_of(diane.get("/follow-ups").text)
    mail = asked(api, office)
    call_back(api, mail, comment="Le soir")
    page = diane.get("/follow-ups").text
    assert count_in(page) == "1"
    for part in ("Chauffe-eau", PHONE, "4 / 5", "Le soir", "To call back 1"):
        assert part in words_of(page), part
    assert f'<a class="dial" href="{DIAL}">' in page
    row, task = diane.get("/tasks").text, diane.get(f"/tasks/{mail.task}").text
    for shown in (row, task):
        assert "Asks to be called back" in words_of(shown)
        assert f'<a class="dial" href="{DIAL}">' in shown
    done = send(diane, page, note="Rejointe, tout est réglé")
    assert done.status_code == 303
    shown_after = diane.get(done.headers["location"]).text
    name = f"Dispatcher.{office.name.title()}"
    assert f"Handled by {name}" in words_of(shown_after)
    assert count_in(shown_after) is None
    handled = words_of(diane.get("/follow-ups?show=handled").text)
    task = words_of(diane.get(f"/tasks/{mail.task}").text)
    for text in (handled, task):
        assert f"Handled by {name}" in text
        assert "Rejointe, tout est réglé" in text
    assert DIAL not in diane.get("/tasks").text
    thanks = httpx.get(f"{api.base_url}/s/{mail.survey}/thanks").text
    assert "Votre demande de rappel a été traitée." in thanks
    by = f"user/{office.people['dispatcher']}"
    closed = {"status": "closed", "resolution": "handled", "note": "Rejointe, tout est réglé"}
    assert audited(shared, office)[-1] == (by, "follow_up.close", closed)


def test_who_calls_an_unhappy_customer_back_has_read_the_answer(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    also = "The negative answer is then marked as read, too."
    mail, other = asked(api, office), asked(api, office, "Fournaise")
    call_back(api, mail, rating="2")
    answer(api, other, rating="1")
    call_back(api, asked(api, office, "Pompe"))
    page = diane.get("/follow-ups?show=call_back").text
    assert count_in(page) == "4"
    assert words_of(page).count(also) == 1  # the other call has no negative answer
    task = diane.get(f"/tasks/{mail.task}").text
    assert also in words_of(task)
    done = send(diane, page, note="Rejointe")
    assert count_in(diane.get(done.headers["location"]).text) == "2"
    after = words_of(diane.get(f"/tasks/{mail.task}").text)
    assert [after.count(text) for text in ("Handled by", "Read by", "Rejointe")] == [1, 1, 2]
    assert "Negative answer to read" in words_of(diane.get(f"/tasks/{other.task}").text)
    closed = [entry for entry in audited(shared, office) if entry[1] == "follow_up.close"]
    by = f"user/{office.people['dispatcher']}"
    after_both = {"status": "closed", "resolution": "handled", "note": "Rejointe"}
    assert closed == [(by, "follow_up.close", after_both)] * 2


def test_a_negative_answer_is_to_be_read_and_can_be_unread(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    mail = asked(api, office)
    answer(api, mail, rating="1", reason="late", comment="Trois heures de retard")
    page = diane.get(f"/tasks/{mail.task}").text
    assert "Negative answer to read" in words_of(page)
    assert "To read" in words_of(diane.get("/tasks").text)
    listed = words_of(diane.get("/follow-ups").text)
    assert "Late" in listed
    assert "Trois heures de retard" in listed
    assert count_in(diane.get(f"/tasks/{mail.task}").text) == "1"  # to open a page reads nothing
    done = send(diane, page)
    assert done.headers["location"] == f"/tasks/{mail.task}#follow-ups"
    read = diane.get(f"/tasks/{mail.task}").text
    assert "Read by Dispatcher" in words_of(read)
    assert "Negative answer to read" not in words_of(read)
    assert count_in(read) is None
    send(diane, read)
    assert count_in(diane.get("/tasks").text) == "1"


def test_a_disputed_visit_is_no_plain_answer(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    mail = asked(api, office)
    answer(api, mail, not_me="yes")
    for path in ("/tasks", f"/tasks/{mail.task}", "/follow-ups"):
        text = words_of(diane.get(path).text)
        assert {"/tasks": "To handle", "/follow-ups": "Disputed visits 1"}.get(
            path, NOT_THEIRS
        ) in text
        assert "Answered" not in text, path
    send(diane, diane.get("/follow-ups").text, note="Mauvais client dans la fiche")
    assert "To handle" not in words_of(diane.get("/tasks").text)
    assert "Disputed" in words_of(diane.get("/tasks").text)


def test_what_the_customer_changes_ends_right(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    mail = asked(api, office)
    call_back(api, mail)
    old = diane.get("/follow-ups").text
    call_back(api, mail, phone="418 555-0188")
    refused = send(diane, old, note="Sans réponse")
    assert refused.status_code == 422
    for part in ("The customer changed the answer meanwhile", "Sans réponse", "418 555-0188"):
        assert part in words_of(refused.text), part
    assert send(diane, refused.text, note="Rejointe").status_code == 303
    assert count_in(diane.get("/tasks").text) is None
    call_back(api, mail, phone="418 555-0199")  # to be called there, after all
    assert "418 555-0199" in words_of(diane.get("/follow-ups").text)
    stale = diane.get("/follow-ups").text
    answer(api, mail, rating="4")
    assert count_in(diane.get("/tasks").text) is None
    late = send(diane, stale, note="Rejointe encore")
    assert late.status_code == 422
    assert "Your note was not kept" in words_of(late.text)
    assert words_of(late.text).count("The customer took this back") == 1
    assert words_of(late.text).count("Rejointe encore") == 1
    assert "still here" not in words_of(late.text)
    assert send(diane, stale).status_code == 303  # without a note there is nothing to say


def test_a_negative_answer_that_changed_has_no_note_to_speak_of(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    mail = asked(api, office)
    answer(api, mail, rating="1")
    stale = diane.get("/follow-ups").text
    answer(api, mail, rating="2", comment="Encore en panne")
    shown = send(diane, stale)
    assert shown.status_code == 422
    assert "Look at it, then mark it again." in words_of(shown.text)
    assert "still here" not in words_of(shown.text)
    [aim] = re.findall(r'<a class="touch" href="#([^"]+)">The customer changed', shown.text)
    assert f'<button class="button second" id="{aim}"' in shown.text
    assert send(diane, shown.text).status_code == 303


def test_a_call_that_is_not_asked_for_any_more_is_not_opened_again(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    mail = asked(api, office)
    call_back(api, mail)
    send(diane, diane.get("/follow-ups").text, note="Rejointe")
    handled = diane.get("/follow-ups?show=handled").text
    answer(api, mail, rating="4")
    after = diane.get(send(diane, handled).headers["location"]).text
    assert count_in(after) is None
    assert "The customer took this back" in words_of(after)


def test_sent_twice_it_is_handled_once(
    shared: TestDatabase, api: Served, office: Office, diane: httpx.Client
) -> None:
    call_back(api, asked(api, office))
    page = diane.get("/follow-ups").text
    assert [send(diane, page).status_code for _ in range(2)] == [303, 303]
    actions = [action for _, action, _ in audited(shared, office)]
    assert actions == ["follow_up.open", "follow_up.close"]


def test_a_note_that_is_too_long_is_kept_in_the_form(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    call_back(api, asked(api, office))
    refused = send(diane, diane.get("/follow-ups").text, note="é" * 1001)
    assert refused.status_code == 422
    assert "<title>Error:" in refused.text
    assert "é" * 1001 in refused.text
    assert f'href="{form_of(refused.text)[0].removesuffix("/close")}?lang=fr"' in refused.text


@pytest.mark.parametrize("version", ["", "x", "٣", "9" * 5000])
def test_a_form_without_a_version_closes_nothing(
    api: Served, office: Office, diane: httpx.Client, version: str
) -> None:
    call_back(api, asked(api, office))
    refused = send(diane, diane.get("/follow-ups").text, version=version)
    assert (refused.status_code, count_in(refused.text)) == (422, "1")


def test_managers_handle_and_strangers_find_nothing(
    api: Served, office: Office, south: Office, diane: httpx.Client
) -> None:
    mail = asked(api, office, "Secret")
    call_back(api, mail)
    path, hidden = form_of(diane.get("/follow-ups").text)
    with browsing(api, south) as stranger:
        for lost in (path, path.replace("/close", "/reopen"), f"/follow-ups/{new_id()}/close"):
            assert stranger.post(lost, data=hidden).status_code == 404
        key = path.split("/")[2]
        assert stranger.get(f"/follow-ups/{key}").status_code == 404
        for query in ("", f"?handled={key}", "?show=handled"):
            assert "Secret" not in stranger.get(f"/follow-ups{query}").text
    assert api.client.get("/follow-ups", headers=HTML).status_code == 303
    with browsing(api, office, "manager") as manager:
        assert send(manager, manager.get("/follow-ups").text).status_code == 303


def test_many_come_a_screenful_at_a_time_the_oldest_first(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    mails = [asked(api, office, f"Tâche {place:02}") for place in range(SCREENFUL + 2)]
    for mail in mails:
        call_back(api, mail)
    seen: list[str] = []
    path = "/follow-ups?show=call_back"
    while path:
        page = diane.get(path).text
        seen += re.findall(r">(Tâche \d\d)<", page)
        more = re.search(r'href="(/follow-ups\?[^"]*after=[^"]*)"', page)
        path = html.unescape(more[1]) if more else ""
    assert seen == [f"Tâche {place:02}" for place in range(SCREENFUL + 2)]


def test_who_handles_one_comes_back_to_the_page_it_stood_on(
    api: Served, office: Office, diane: httpx.Client
) -> None:
    mails = [asked(api, office, f"Tâche {place:02}") for place in range(SCREENFUL + 2)]
    for mail in mails:
        call_back(api, mail)
    [more] = re.findall(r'href="(/follow-ups\?[^"]*after=[^"]*)"', diane.get("/follow-ups").text)
    page = diane.get(html.unescape(more)).text
    done = send(diane, page)
    left = diane.get(done.headers["location"]).text
    assert "Handled by" in words_of(left)
    assert re.findall(r"<tr .*?>(Tâche \d\d)<", left, re.DOTALL) == ["Tâche 26"]
    done = send(diane, left)  # the last of that page: the first one stands in its place
    assert "Tâche 00" in diane.get(done.headers["location"]).text
    handled = diane.get("/follow-ups?show=handled").text
    done = send(diane, handled)
    assert done.headers["location"].startswith("/follow-ups?show=handled&")
    assert "It is open again · Tâche 26" in words_of(diane.get(done.headers["location"]).text)
    task = f"/tasks/{mails[0].task}"
    page = diane.get(f"{task}?list=q%3Dt%25C3%25A2che").text
    done = send(diane, page)
    assert done.headers["location"] == f"{task}?list=q%3Dt%25C3%25A2che#follow-ups"
    stray = send(diane, page, list="//evil.example", after="x_y", show="z")
    assert stray.headers["location"] == f"{task}#follow-ups"


@pytest.mark.parametrize("query", ["show=x", "after=x_y", "handled=zzz", "after=2026-01-01"])
def test_an_address_that_says_nothing_shows_the_list(diane: httpx.Client, query: str) -> None:
    assert diane.get(f"/follow-ups?{query}").status_code == 200
