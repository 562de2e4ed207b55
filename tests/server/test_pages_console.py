"""The console through HTTP: who gets in, what the lists and the timeline say."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import msgspec
import pytest

from mail.campaigns.questions import LEAD
from mail.responses.recording import Author, Body, Value, record
from mail.responses.rollup import roll
from mail.states import Status
from server.console.outcome import read_stored_survey
from server.console.task_list import SCREENFUL
from server.runtime.mailbox import Mailbox
from server.web.static_files import address_of
from server.web.words import NO_ANSWER, SURVEY
from sync.database import Tx
from sync.ids import new_id
from tests.mail import relational
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.signed_in import let_in
from tests.support.state_guard import staged
from tests.support.stories import EMAIL, PASSWORD, Story, found, invite, on, tell

pytestmark = pytest.mark.slow

CALL: Final = {"call_back": "yes", "phone": "418 555-0123"}
HOSTILE: Final = '<script>alert("1")</script> {{ 7 * 7 }} "><img src=x>'
NO_SUCH: Final = UUID("01900000-0000-7000-8000-000000000000")


@pytest.fixture
def story(database: TestDatabase) -> Story:
    """An account with a survey sent, one scheduled, and a refused transition."""
    return tell(database, name=HOSTILE)


@pytest.fixture
def site(database: TestDatabase, story: Story) -> Iterator[Served]:
    """The pages, listening, to a browser that nobody has signed in."""
    with served(database) as one:
        one.client.headers["Accept"] = "text/html"
        yield one


@pytest.fixture
def console(site: Served) -> Served:
    """The same, with the dispatcher signed in."""
    let_in(site.client, site.database, EMAIL)
    return site


def sign_in(client: httpx.Client, password: str = PASSWORD, **more: str) -> httpx.Response:
    """Send the form of the login page."""
    return client.post("/login", data={"email": EMAIL, "password": password} | more)


def words_of(page: str) -> str:
    """The page's text as a person reads it."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))))


def change(database: TestDatabase, story: Story, sql: str, *args: object) -> None:
    """Run one statement in the account, whatever state it sets."""

    async def work(tx: Tx) -> None:
        await staged(tx)
        await tx.execute(sql, *args)

    on(database, story.account, work)


def test_the_login_page_speaks_the_browsers_language(site: Served) -> None:
    pages = [
        site.client.get("/login", headers={"Accept-Language": spoken}).text
        for spoken in ("en-CA,fr;q=0.5", "de,fr;q=0.5", "de")
    ]
    assert [re.findall(r'<html lang="(.+?)"', page) for page in pages] == [
        ["en-CA"],
        ["fr-CA"],
        ["fr-CA"],
    ]


def test_whoever_is_not_signed_in_is_sent_to_the_login_page(site: Served, story: Story) -> None:
    for path in ("/tasks", f"/tasks/{story.task}", "/campaigns", f"/campaigns/{story.campaign}"):
        for away in (site.client.get(path), site.client.head(path)):
            assert away.status_code == 303
            assert away.headers["location"].startswith("/login?")
    assert site.client.get("/").headers["location"] == "/tasks"


def test_signing_in_leads_to_where_one_was_going(site: Served) -> None:
    wanted = "/tasks?q=%C3%A9vier+%26+%22caf%C3%A9%22&state=600&lang=fr"
    form = site.client.get(site.client.get(wanted).headers["location"]).text
    found = re.search(r'name="next" value="([^"]+)"', form)
    assert found is not None
    refused = sign_in(site.client, "wrong", next=html.unescape(found[1])).text
    assert f'name="next" value="{found[1]}"' in refused
    entered = sign_in(site.client, next=html.unescape(found[1]))
    assert (entered.status_code, entered.headers["location"]) == (303, wanted)
    assert site.client.get(entered.headers["location"]).status_code == 200


def test_head_answers_as_get_without_a_body(console: Served, story: Story) -> None:
    paths = ("/tasks", f"/tasks/{story.task}", "/campaigns", f"/campaigns/{story.campaign}")
    for path in (*paths, "/", "/login", "/mailbox", address_of("console.css"), "/api/docs"):
        read, head = console.client.get(path), console.client.head(path)
        assert (head.status_code, head.content) == (read.status_code, b""), path
        for name in ("content-type", "content-length", "location"):
            assert head.headers.get(name) == read.headers.get(name), path


def test_what_is_not_there_is_said_inside_the_console(console: Served, tmp_path: Path) -> None:
    console.services.mailbox = Mailbox(tmp_path / "mails")
    for path in ("/nowhere", f"/tasks/{NO_SUCH}", f"/campaigns/{NO_SUCH}", f"/mailbox/{NO_SUCH}"):
        missing = console.client.get(path)
        assert missing.status_code == 404
        assert 'class="places"' in missing.text, path
        assert "Diane Répartition" in words_of(missing.text)
    wrong = console.client.post("/tasks")
    assert (wrong.status_code, "Diane Répartition" in words_of(wrong.text)) == (405, True)


def test_a_page_that_is_not_there_names_nobody_to_a_stranger(site: Served) -> None:
    site.client.cookies.set("retour", "x" * 51)
    missing = site.client.get("/nowhere")
    assert (missing.status_code, 'class="places"' in missing.text) == (404, False)


def test_signing_in_leads_to_the_tasks_and_out_again(site: Served) -> None:
    form = site.client.get("/login").text
    assert "Adresse courriel" in form
    entered = sign_in(site.client)
    assert (entered.status_code, entered.headers["location"]) == (303, "/tasks")
    assert site.client.get("/login").headers["location"] == "/tasks"
    tasks = words_of(site.client.get("/tasks").text)
    assert "Diane Répartition" in tasks
    left = site.client.post("/logout")
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert site.client.get("/tasks").status_code == 303


def test_a_wrong_password_says_so_and_keeps_the_address(site: Served) -> None:
    refused = sign_in(site.client, "wrong")
    assert refused.status_code == 401
    assert "Adresse ou mot de passe incorrect" in refused.text
    assert f'value="{EMAIL}"' in refused.text
    assert "wrong" not in refused.text


def test_guessing_passwords_is_slowed_down(site: Served) -> None:
    last = [sign_in(site.client, "wrong") for _ in range(11)][-1]
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) > 0
    assert "Trop de tentatives" in last.text


def test_a_technician_is_told_to_use_the_device(
    database: TestDatabase, site: Served, story: Story
) -> None:
    change(database, story, "UPDATE app_user SET role = 'technician' WHERE email = $1", EMAIL)
    refused = sign_in(site.client)
    assert refused.status_code == 403
    assert "La console est réservée au bureau" in words_of(refused.text)


#: Where the login form is asked to lead, and where it leads.
NEXT: Final = [
    ("/campaigns", "/campaigns"),
    ("//evil.example", "/tasks"),
    ("https://evil.example", "/tasks"),
    ("/\\evil.example", "/tasks"),
    ("///evil.example", "/tasks"),
    ("\\\\evil.example", "/tasks"),
    ("/\t/evil.example", "/tasks"),
    ("/\n/evil.example", "/tasks"),
    (" //evil.example", "/tasks"),
    ("evil.example", "/tasks"),
    ("javascript:alert(1)", "/tasks"),
    ("//[", "/tasks"),
    ("", "/tasks"),
]


def test_signing_in_leads_nowhere_else(site: Served) -> None:
    for wanted, reached in NEXT:
        assert sign_in(site.client, next=wanted).headers["location"] == reached, wanted
        onwards = site.client.get("/login", params={"next": wanted})
        assert (onwards.status_code, onwards.headers["location"]) == (303, reached), wanted


def test_names_are_read_in_the_nearest_of_the_readers_language(
    database: TestDatabase, console: Served, story: Story
) -> None:
    names = ('{"fr_CA": "Dépannage", "en-CA": "Repair"}', '{"fr-CA": "Fini", "en_CA": "Over"}')
    change(database, story, "UPDATE task_type SET names = $1::jsonb", names[0])
    change(database, story, "UPDATE state SET names = $1::jsonb WHERE code = '600'", names[1])
    paths = ("/tasks", f"/tasks/{story.task}", f"/campaigns/{story.campaign}")
    for language, told in (("fr", ("Dépannage", "600 Fini")), ("en", ("Repair", "600 Over"))):
        for path in paths:
            text = words_of(console.client.get(path, params={"lang": language}).text)
            assert [one for one in told if one not in text] == [], path


def test_the_list_says_what_became_of_each_survey(console: Served) -> None:
    page = console.client.get("/tasks").text
    text = words_of(page)
    assert "600 Terminé" in text
    assert "610 Terminé (à recontacter)" in text
    assert "Appel de service · T-1042" in text
    assert "Envoyé à l\u2019instant" in text
    assert "Prévu dans 11 heures" in text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; {{ 7 * 7 }}" in page


#: A moment, and how the day and the hour are written in Québec and in English.
HOURS: Final = [
    ("2026-03-04 13:00+00", "4\u00a0mars 2026, 8\u00a0h", "March 4, 2026, 8:00"),
    ("2026-03-04 13:30+00", "4\u00a0mars 2026, 8\u00a0h\u00a030", "March 4, 2026, 8:30"),
    ("2026-03-01 13:00+00", "1er\u00a0mars 2026, 8\u00a0h", "March 1, 2026, 8:00"),
    ("2026-03-05 05:05+00", "5\u00a0mars 2026, 0\u00a0h\u00a005", "March 5, 2026, 12:05"),
]


def test_hours_are_written_as_people_write_them(
    database: TestDatabase, console: Served, story: Story
) -> None:
    for moment, french, english in HOURS:
        sql = f"UPDATE task SET state_moment = '{moment}' WHERE id = $1"
        change(database, story, sql, story.task)
        for language, said in (("fr", french), ("en", english)):
            page = html.unescape(console.client.get(f"/tasks?lang={language}").text)
            assert re.search(f'title="{said}("|\u00a0[ap])', page.replace("\u202f", "\u00a0"))


#: What the URL asks for, and the tasks that are left.
FILTERS: Final[list[tuple[dict[str, str], list[str]]]] = [
    ({"q": "évier"}, ["Fuite sous l\u2019évier"]),
    ({"q": "T-1042"}, ["Fuite sous l\u2019évier"]),
    ({"q": "rue des pins"}, ["Fuite sous l\u2019évier"]),
    ({"q": "script"}, ["Chauffe-eau", "Fuite sous l\u2019évier"]),
    ({"state": "600"}, ["Chauffe-eau"]),
    ({"state": "610", "q": "chauffe"}, []),
    ({"q": "%"}, []),
    ({"q": "_"}, []),
    ({"q": "\\"}, []),
    ({"q": "\x07"}, ["Chauffe-eau", "Fuite sous l\u2019évier"]),
    ({"state": "999"}, []),
    ({"after": "nonsense"}, ["Chauffe-eau", "Fuite sous l\u2019évier"]),
    ({"after": "2026-11-22_abc"}, ["Chauffe-eau", "Fuite sous l\u2019évier"]),
    ({"after": f"2026-11-22T00:00:00_{NO_SUCH}"}, ["Chauffe-eau", "Fuite sous l\u2019évier"]),
    ({"after": f"2020-01-01T00:00:00+00:00_{NO_SUCH}"}, []),
]


def test_filters_live_in_the_url(console: Served) -> None:
    for query, left in FILTERS:
        page = console.client.get("/tasks", params=query)
        assert page.status_code == 200
        shown = sorted(re.findall(r'<a href="/tasks/[0-9a-f-]+[^"]*">([^<]+)</a>', page.text))
        assert shown == left, query


def test_a_place_in_the_list_that_no_clock_reaches_is_no_crash(console: Served) -> None:
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        page = console.client.get("/tasks", params={"after": f"{moment}_{NO_SUCH}"})
        assert page.status_code in {200, 400}


def test_a_list_without_a_match_says_so(console: Served) -> None:
    nothing = words_of(console.client.get("/tasks?q=introuvable").text)
    assert "Aucune tâche ne correspond" in nothing


def test_a_new_account_is_told_how_to_begin(database: TestDatabase) -> None:
    found(database)
    with served(database) as site:
        sign_in(site.client)
        assert "POST /api/v1/tasks" in site.client.get("/tasks").text
        assert "POST /api/v1/campaigns" in site.client.get("/campaigns").text


def test_more_tasks_come_page_by_page_and_none_twice(
    database: TestDatabase, console: Served, story: Story
) -> None:
    count = 2 * SCREENFUL
    change(
        database,
        story,
        "INSERT INTO task SELECT (jsonb_populate_record(t, jsonb_build_object("
        " 'id', gen_random_uuid(), 'external_id', null,"
        " 'state_moment', t.state_moment - (n / 2) * interval '1 hour'))).*"
        " FROM task t, generate_series(1, $2) n WHERE t.id = $1",
        story.task,
        count,
    )
    down, last = walk(console.client, "/tasks", "next")
    assert len(down) == 3
    seen = [task for page in down for task in page]
    assert len(set(seen)) == len(seen) == count + 2
    up, first = walk(console.client, last, "prev")
    assert up == down[::-1]
    assert 'rel="prev"' not in console.client.get(first).text


def walk(client: httpx.Client, path: str, way: str) -> tuple[list[list[str]], str]:
    """The tasks of each page from `path` on, and the path of the last page."""
    pages = []
    while True:
        page = client.get(path).text
        pages.append(re.findall(r'<a href="/tasks/([0-9a-f-]+)[^"]*">', page))
        onward = re.search(rf'href="([^"]+)" rel="{way}"', page)
        if onward is None:
            return pages, path
        path = html.unescape(onward[1])


def test_the_timeline_tells_all_in_order_and_in_words(console: Served, story: Story) -> None:
    page = console.client.get(f"/tasks/{story.task}")
    text = words_of(page.text)
    told = [
        "300 Sur place par Alice",
        "600 Terminé par Alice",
        "610 Terminé (à recontacter) par Alice",
        "700 Fermé refusé",
        "La tâche n\u2019était pas confiée à cette personne à ce moment no_authority · Carol",
        "Sondage prévu scheduled",
        "Non envoyé : ce n\u2019était pas le premier passage à ces états,"
        " et seul le premier déclenche le sondage not_first",
        "Sondage accepté par le serveur de courriel sent",
    ]
    places = [text.find(words) for words in told]
    assert -1 not in places
    assert places == sorted(places)
    assert "Pas encore de réponse. Le sondage a été envoyé à l\u2019instant" in text
    assert "client@example.net" in text
    assert "Alice" in text
    assert "Rimouski" in text


def test_the_result_carries_its_number_and_the_customers_words(
    database: TestDatabase, console: Served, story: Story
) -> None:
    console.client.post(
        f"/s/{story.survey}",
        data={"rating": "2", "reason": "late", "comment": HOSTILE, **CALL},
    )
    not_rolled_up = words_of(console.client.get(f"/tasks/{story.task}").text)
    assert "2 / 5" in not_rolled_up
    assert "En retard" in not_rolled_up
    on(database, story.account, lambda opened: roll(opened, [story.invitation]))
    page = console.client.get(f"/tasks/{story.task}").text
    text = words_of(page)
    assert "2,0 / 5" in text
    assert "n = 1" in text
    assert "Demande un rappel" in text
    assert "visite faite par Alice" in text
    assert "Réponse reçue" in text
    assert "<script>" not in page
    row = words_of(console.client.get("/tasks").text)
    assert "Répondu" in row
    assert "2,0 n = 1" in row


def test_an_answer_of_somebody_else_is_shown_apart(console: Served, story: Story) -> None:
    console.client.post(f"/s/{story.survey}", data={"not_me": "yes"})
    console.client.post(f"/s/{story.survey}", data={"rating": "5"})
    console.client.post(f"/s/{story.survey}", data={"not_me": "yes", "rating": "5"})
    text = words_of(console.client.get(f"/tasks/{story.task}?lang=en").text)
    assert "Says the visit was not theirs: not counted" in text
    assert "The customer changed the answer" in text


def test_a_wish_for_a_call_and_a_disowned_visit_are_told_with_when(
    console: Served, story: Story
) -> None:
    console.client.post(f"/s/{story.survey}", data={"rating": "5"})
    console.client.post(f"/s/{story.survey}", data={"not_me": "yes", **CALL})
    page = console.client.get(f"/tasks/{story.task}").text
    result, _, line = page.partition('<h2 id="timeline">')
    first, _, second = line.partition("Réponse modifiée")
    assert "Demande un rappel" not in words_of(first)
    assert re.search(r"Demande un rappel à l\u2019instant 418 555-0123", words_of(result))
    not_theirs = "Dit que la visite n\u2019était pas la sienne : non comptée"
    assert re.search(f"{not_theirs} · à l\u2019instant", words_of(result))
    for said in ("Demande un rappel", not_theirs):
        assert said not in words_of(second)


def test_what_accepting_a_step_leads_to_is_known_of_an_answered_task(
    database: TestDatabase, console: Served, story: Story
) -> None:
    console.client.post(f"/s/{story.survey}", data={"rating": "5"})

    seen = on(database, story.account, lambda tx: read_stored_survey(tx, story.task))
    assert seen is not None
    assert seen.code == "answered"


#: An invitation's status and reason, and what the task's page says.
UNANSWERED: Final = [
    ("claimed", None, "Le sondage est en train de partir."),
    ("uncertain", None, "On ne sait pas si le sondage est arrivé."),
    ("held", None, "Le sondage est retenu"),
    ("failed", None, "le serveur de courriel a refusé l\u2019adresse."),
    ("expired", None, "le serveur de courriel ne l\u2019a pas accepté à temps."),
    ("failed", "550 5.1.1 no such mailbox", "l\u2019adresse. 550 5.1.1 no such mailbox Envoyer"),
    (
        "dropped",
        "muted",
        "le client a déjà été sondé pendant la période de silence de la campagne muted",
    ),
    ("dropped", "some_new_reason", "Aucun sondage n\u2019a été envoyé pour cette tâche."),
]


def test_every_status_has_its_words() -> None:
    waiting = {"blocked", "delayed", "retrying"}
    for words in (SURVEY, NO_ANSWER):
        assert {*Status, "answered", "disputed", "none", *waiting} == words.keys()


def test_a_task_without_answer_says_why(
    database: TestDatabase, console: Served, story: Story
) -> None:
    for status, reason, said in UNANSWERED:
        change(
            database,
            story,
            "UPDATE invitation SET status = $2, reason = $3 WHERE task = $1",
            story.waiting,
            status,
            reason,
        )
        assert said in words_of(console.client.get(f"/tasks/{story.waiting}").text)
        assert console.client.get("/tasks").status_code == 200


def test_a_task_that_was_not_asked_about_says_why(
    database: TestDatabase, console: Served, story: Story
) -> None:
    change(database, story, "DELETE FROM invitation WHERE task = $1", story.waiting)
    change(database, story, "UPDATE decision SET outcome = 'stale' WHERE task = $1", story.waiting)
    assert "reçu trop tard" in words_of(console.client.get("/tasks").text)
    assert "reçu trop longtemps" in words_of(console.client.get(f"/tasks/{story.waiting}").text)


def test_events_and_codes_of_tomorrow_are_shown_as_they_are(
    database: TestDatabase, console: Served, story: Story
) -> None:
    change(
        database,
        story,
        "INSERT INTO mail_event VALUES ($1, $2, $3, 'tomorrow', now(), 1, '451 4.7.1 Greylisted')",
        story.account,
        new_id(),
        story.invitation,
    )
    text = words_of(console.client.get(f"/tasks/{story.task}").text)
    assert "tomorrow" in text
    assert "451 4.7.1 Greylisted" in text


def test_another_accounts_task_and_a_missing_one_are_the_same_page(
    database: TestDatabase, console: Served
) -> None:
    other = tell(database, login=False)
    paths = [
        f"/tasks/{other.task}",
        f"/tasks/{NO_SUCH}",
        f"/campaigns/{other.campaign}",
        f"/campaigns/{NO_SUCH}",
    ]
    missing = [console.client.get(path) for path in paths]
    assert {page.status_code for page in missing} == {404}
    assert missing[0].text == missing[1].text
    assert missing[2].text == missing[3].text
    assert "Page introuvable" in missing[0].text
    assert console.client.get("/tasks/nonsense").status_code == 404


def test_a_campaign_is_read_in_words(console: Served, story: Story) -> None:
    cards = words_of(console.client.get("/campaigns").text)
    assert "Satisfaction Active Sondages envoyés 1 Réponses 0 Délai 12 heures" in cards
    page = words_of(console.client.get(f"/campaigns/{story.campaign}").text)
    for said in (
        "Appel de service, Installation à l\u2019entrée dans 600 Terminé 610 Terminé",
        "Délai 12 heures Période de silence 7 jours pour une adresse Priorité 5 sur 9",
        "Première adresse Courriel de la fiche client",
        "Deuxième adresse Courriel de la fiche emplacement",
        "Réponses acceptées pendant 28 jours Rappels Aucun",
        "Raisons offertes de 1 à 2 En retard Pas réparé",
        "Question How did the visit go? 1 Very badly \u2013 5 Very well",
    ):
        assert said in page


@pytest.mark.parametrize("outcome", ["muted", "capped"])
def test_w9_the_timeline_names_the_survey_that_was_in_the_way(
    database: TestDatabase, console: Served, story: Story, outcome: str
) -> None:
    """On a link to its task, with when it was sent; the API tells the same."""
    change(
        database,
        story,
        "UPDATE decision SET outcome = $3, release = NULL, kept_back_by ="
        " (SELECT id FROM invitation WHERE task = $2) WHERE task = $1",
        story.waiting,
        story.task,
        outcome,
    )
    page = console.client.get(f"/tasks/{story.waiting}").text
    assert "À cause de ce sondage" in words_of(page)
    assert f'<a class="touch" href="/tasks/{story.task}">' in page.partition("À cause de ce")[2]
    change(database, story, "UPDATE decision SET kept_back_by = $2 WHERE task = $1",
        story.waiting, NO_SUCH)  # fmt: skip
    assert "À cause de ce" not in console.client.get(f"/tasks/{story.waiting}").text


def test_a_campaign_that_names_what_is_gone_shows_its_ids(
    database: TestDatabase, console: Served, story: Story
) -> None:
    change(
        database,
        story,
        "INSERT INTO campaign_version"
        " (account, campaign, version, rules, content, format, created_at)"
        " SELECT account, campaign, 2, rules || $2, content, format, created_at"
        " FROM campaign_version WHERE campaign = $1",
        story.campaign,
        msgspec.json.encode(
            {
                "rules": [{"task_types": [NO_SUCH], "states": ["999"]}],
                "secondary": None,
                "mute": None,
                "stale_days": None,
                "delay": "01:06:30",
                "reminders": 2,
                "reminder_days": 3,
            }
        ).decode(),
    )
    change(database, story, "UPDATE campaign SET version = 2, status = 'paused'")
    page = words_of(console.client.get(f"/campaigns/{story.campaign}?lang=en").text)
    assert f"{NO_SUCH} on entering 999" in page
    assert "Delay 1 day, 6 hours and 30 minutes Mute window None: each task asks" in page
    assert "Stale after Never" in page
    assert "At most 2, each 3 days after the mail before, until somebody answers" in page
    assert "Paused" in page


def test_there_is_no_mailbox_unless_the_process_keeps_one(console: Served) -> None:
    assert console.client.get("/mailbox").status_code == 404
    assert console.client.get("/mailbox/messages.json").status_code == 404
    assert 'href="/mailbox"' not in console.client.get("/tasks").text


RAW: Final = b"""Subject: =?utf-8?q?Votre_avis=C2=A0=3F?=\r
To: client@example.net\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary=b\r
\r
--b\r
Content-Type: text/plain; charset=utf-8\r
\r
Bonjour <b>Marie</b>\r
--b\r
Content-Type: text/html; charset=utf-8\r
\r
<html><head><title>x</title></head><body><script>alert(1)</script>Bonjour</body></html>\r
--b--\r
"""


def test_the_mailbox_lists_shows_and_fences_what_was_sent(site: Served, tmp_path: Path) -> None:
    box = Mailbox(tmp_path / "mails")
    site.services.mailbox = box
    assert "Aucun message pour l\u2019instant" in site.client.get("/mailbox").text
    name = box.keep("retour@localhost", ["client@example.net"], RAW)
    assert f'href="/mailbox/{name}"' in site.client.get("/mailbox").text
    page = site.client.get(f"/mailbox/{name}")
    assert "Bonjour &lt;b&gt;Marie&lt;/b&gt;" in page.text
    assert "MIME-Version: 1.0" in page.text
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    letter = site.client.get(f"/mailbox/{name}/html")
    assert '<head><base target="_blank">' in letter.text
    assert "sandbox allow-popups" in letter.headers["content-security-policy"]
    assert "script-src" not in letter.headers["content-security-policy"]
    (listed,) = site.client.get("/mailbox/messages.json").json()
    assert set(listed) == {"id", "to", "subject", "text", "html", "raw"}
    assert (listed["id"], listed["to"]) == (str(name), "client@example.net")
    assert listed["subject"] == "Votre avis\u00a0?"
    assert site.client.get(f"/mailbox/{NO_SUCH}").status_code == 404


def test_the_mailbox_shows_times_of_the_account_to_its_people(
    console: Served, tmp_path: Path
) -> None:
    box = Mailbox(tmp_path / "mails")
    console.services.mailbox = box
    name = box.keep("retour@localhost", ["client@example.net"], RAW)
    page = console.client.get(f"/mailbox/{name}").text
    assert re.search(r'datetime="[^"]+-0[45]:00"', page)
    assert 'href="/mailbox" aria-current="page"' in page


def test_the_mailbox_shows_strangers_the_times_of_the_demo(site: Served, tmp_path: Path) -> None:
    site.services.mailbox = box = Mailbox(tmp_path / "mails", "America/Toronto")
    name = box.keep("retour@localhost", ["client@example.net"], RAW)
    page = site.client.get(f"/mailbox/{name}").text
    assert re.search(r'datetime="[^"]+-0[45]:00"', page)


def test_several_invitations_of_a_task_show_the_latest(
    database: TestDatabase, console: Served, story: Story
) -> None:
    async def again(tx: Tx) -> None:
        await tx.execute("UPDATE invitation SET round = 2 WHERE id = $1", story.invitation)
        later = tx.now + timedelta(days=1)
        await invite(tx, story.campaign, story.task, story.transition, "scheduled", later)

    on(database, story.account, again)
    assert "Le sondage part dans 1 jour" in words_of(
        console.client.get(f"/tasks/{story.task}").text
    )


def test_who_was_asked_about_no_visit_is_counted_with_the_campaign_and_on_no_task(
    database: TestDatabase, console: Served, story: Story
) -> None:
    told = f"/api/v1/tasks/{story.task}/timeline"
    before = console.client.get(told).json()

    async def ask_and_answer(tx: Tx) -> None:
        customer = await tx.fetchval("SELECT id FROM customer WHERE account = $1", tx.account)
        asked, _ = await relational.asked(tx, story.campaign, customer, "other@example.net")
        said = Value(kind="stars", value=1, choices=["late"], text="Trop tard")
        body = Body(values={LEAD: said}, not_me=False, call_back=True, language="fr_CA")
        await record(tx, Author(asked, None), body, "negative", "America/Montreal")
        await roll(tx, [asked])

    on(database, story.account, ask_and_answer)
    assert console.client.get(told).json() == before
    for path in ("/tasks", f"/tasks/{story.task}"):
        page = console.client.get(path)
        assert page.status_code == 200
        assert "Trop tard" not in page.text
    cards = words_of(console.client.get("/campaigns").text)
    assert "Sondages envoyés 2 Réponses 1" in cards
    assert console.client.get(f"/campaigns/{story.campaign}").status_code == 200
