"""The answer page through HTTP: what it records, what it never does, and what it says."""

import html
import re
import socket
import string
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

import httpx
import pytest
from msgspec import structs

from mail import contacts
from mail.responses.recording import Body, decode_body
from mail.responses.rollup import roll
from server.web.static_files import address_of
from sync.database import Tx
from sync.tokens import digest, mint, write
from tests.mail import relational
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.stories import CUSTOMER, Story, on, tell

pytestmark = pytest.mark.slow

PAGE: Final = {"Accept": "text/html"}
HOSTILE: Final = "<script>alert(1)</script> {{ 7 * 7 }} & « été »"


@pytest.fixture
def story(database: TestDatabase) -> Story:
    """A survey that was sent an instant ago."""
    return tell(database)


@pytest.fixture
def site(database: TestDatabase, story: Story) -> Iterator[Served]:
    """The pages, listening."""
    with served(database) as one:
        one.client.headers["Accept"] = "text/html"
        yield one


def answers(database: TestDatabase, story: Story) -> list[tuple[object, ...]]:
    """Every version of the survey's answer."""

    async def read(tx: Tx) -> list[tuple[object, ...]]:
        rows = await tx.fetch(
            "SELECT version, body FROM answer_version WHERE invitation = $1 ORDER BY version",
            story.invitation,
        )
        return [_said(row["version"], decode_body(row["body"])) for row in rows]

    return on(database, story.account, read)


def _said(version: int, body: Body) -> tuple[object, ...]:
    lead = body.lead
    said = (lead.value, lead.choices, lead.text, body.not_me, body.call_back, body.language)
    return (version, *said)


def end(database: TestDatabase, story: Story) -> None:
    """Let the survey's deadline pass."""

    async def close(tx: Tx) -> None:
        await tx.execute(
            "UPDATE invitation SET deadline = $2 WHERE id = $1", story.invitation, tx.now
        )

    on(database, story.account, close)


def test_the_page_says_which_visit_and_offers_both_languages(site: Served, story: Story) -> None:
    french = site.client.get(f"/s/{story.survey}").text
    assert "Appel de service" in french
    assert "12, rue des Pins, Rimouski" in french
    assert "Comment s\u2019est passée la visite ?" in french
    assert 'lang="fr-CA"' in french
    english = site.client.get(f"/s/{story.survey}?lang=en").text
    assert "How did the visit go?" in english
    assert "That wasn\u2019t me" in english
    assert 'lang="en-CA"' in english


def test_the_language_chosen_once_is_kept(site: Served, story: Story) -> None:
    chosen = site.client.get(f"/s/{story.survey}?rating=4&lang=en")
    assert "language=en" in chosen.headers["set-cookie"]
    assert "?rating=4&amp;lang=fr" in chosen.text
    assert 'lang="en-CA"' in site.client.get(f"/s/{story.survey}").text


def test_the_rating_of_the_mail_is_chosen_on_the_page(site: Served, story: Story) -> None:
    page = site.client.get(f"/s/{story.survey}?rating=4").text
    assert re.findall(r'value="(\d)" checked', page) == ["4"]
    for nonsense in ("0", "6", "-1", "four", "4.0", "٤"):
        page = site.client.get(f"/s/{story.survey}", params={"rating": nonsense}).text
        assert " checked" not in page


def test_a_negative_rating_opens_the_list_of_reasons(site: Served, story: Story) -> None:
    assert 'class="field reasons shown"' in site.client.get(f"/s/{story.survey}?rating=2").text
    assert 'class="field reasons"' in site.client.get(f"/s/{story.survey}?rating=3").text


def test_scanners_that_read_a_hundred_times_record_nothing(
    database: TestDatabase, site: Served, story: Story
) -> None:
    for path in (f"/s/{story.survey}?rating=1", f"/u/{story.unsubscribe}"):
        for _ in range(50):
            assert site.client.get(path).status_code == 200
            head = site.client.head(path)
            assert (head.status_code, head.content) == (200, b"")
    assert answers(database, story) == []
    assert site.rung == []
    assert "Se désabonner" in site.client.get(f"/u/{story.unsubscribe}").text


def test_an_answer_is_recorded_and_thanked_for(
    database: TestDatabase, site: Served, story: Story
) -> None:
    sent = site.client.post(
        f"/s/{story.survey}",
        data={"rating": "5", "comment": HOSTILE, "call_back": "yes", "phone": "418 555-0123"},
    )
    assert (sent.status_code, sent.headers["location"]) == (303, f"/s/{story.survey}/thanks")
    assert answers(database, story) == [(1, 5, [], HOSTILE, False, True, "fr_CA")]
    assert site.rung == ["rollup"]
    thanks = site.client.get(sent.headers["location"]).text
    assert "Votre réponse est enregistrée. Nous vous rappellerons au 418 555-0123." in thanks
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }} &amp; « été »" in thanks


def test_submitting_twice_is_one_answer(database: TestDatabase, site: Served, story: Story) -> None:
    for _ in range(2):
        sent = site.client.post(f"/s/{story.survey}", data={"rating": "4", "comment": "Bien"})
        assert sent.status_code == 303
    assert [version for version, *_ in answers(database, story)] == [1]
    assert site.rung == ["rollup"]


def test_an_answer_may_be_changed_and_both_versions_stay(
    database: TestDatabase, site: Served, story: Story
) -> None:
    site.client.post(f"/s/{story.survey}", data={"rating": "4", "comment": "Bien"})
    again = site.client.get(f"/s/{story.survey}?rating=5").text
    assert "Vous avez répondu le" in again
    assert re.findall(r'value="(\d)" checked', again) == ["5"]
    assert ">Bien</textarea>" in again.replace(">\n", ">")
    site.client.post(f"/s/{story.survey}", data={"rating": "5", "comment": "Très bien"})
    assert [said[:2] for said in answers(database, story)] == [(1, 4), (2, 5)]


def test_a_reason_may_be_added_after_the_answer(
    database: TestDatabase, site: Served, story: Story
) -> None:
    """A browser that does not show the list in time has it on the page of thanks."""
    site.client.post(f"/s/{story.survey}", data={"rating": "1"})
    thanks = site.client.get(f"/s/{story.survey}/thanks").text
    assert 'name="reason"' in thanks
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', thanks))
    site.client.post(f"/s/{story.survey}", data=fields | {"reason": "late", "comment": ""})
    assert answers(database, story)[-1][:3] == (2, 1, ["late"])
    settled = site.client.get(f"/s/{story.survey}/thanks").text
    assert 'name="reason"' not in settled
    assert "En retard" in settled


def test_that_it_was_somebody_else_is_asked_once_before_it_counts(
    database: TestDatabase, site: Served, story: Story
) -> None:
    typed = {"rating": "2", "reason": "late", "comment": "Ligne 1\nLigne « 2 »"}
    typed |= {"call_back": "yes", "phone": "418 555-0123"}
    asked = site.client.post(f"/s/{story.survey}", data={**typed, "not_me": "ask"})
    assert asked.status_code == 200
    assert "Ce n\u2019était pas vous?" in asked.text
    assert answers(database, story) == []
    kept = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text)
    fields = {name: html.unescape(value) for name, value in kept}
    assert fields == typed
    back = site.client.post(f"/s/{story.survey}", data={**fields, "not_me": "back"}).text
    assert re.findall(r'value="(\d)" checked', back) == ["2"]
    assert ">Ligne 1\nLigne « 2 »</textarea>" in back.replace(">\n", ">")
    assert "Il reste à envoyer votre réponse." in back
    assert answers(database, story) == []
    done = site.client.post(f"/s/{story.survey}", data={**fields, "not_me": "yes"})
    thanks = site.client.get(done.headers["location"]).text
    assert (
        "ce n\u2019était pas vous. Votre réponse ne comptera pas. Nous vous rappellerons" in thanks
    )
    again = site.client.get(f"/s/{story.survey}").text
    assert re.search(r"Vous avez indiqué le \d.+ que ce n\u2019était pas vous\.", again)
    assert "Vous avez répondu" not in again


def test_the_number_to_call_is_what_is_known_of_who_got_the_mail(
    database: TestDatabase, site: Served, story: Story
) -> None:
    async def know(tx: Tx) -> None:
        await tx.execute("UPDATE customer SET phone = '418 555-0101'")
        await tx.execute("UPDATE location SET phone = '418 555-0102'")

    on(database, story.account, know)
    for field, number in (("customer", "418 555-0101"), ("location", "418 555-0102")):
        write_to(database, story, field)
        assert f'value="{number}"' in site.client.get(f"/s/{story.survey}").text
    write_to(database, story, "billing")
    page = site.client.get(f"/s/{story.survey}").text
    assert 'name="phone" type="tel" autocomplete="tel" maxlength="60" value=""' in page
    call = {"rating": "4", "call_back": "yes", "phone": "418 555-0103"}
    site.client.post(f"/s/{story.survey}", data=call)
    assert 'value="418 555-0103"' in site.client.get(f"/s/{story.survey}").text
    site.client.post(f"/s/{story.survey}", data={"rating": "4", "phone": "418 555-0103"})
    assert "418 555-0103" not in site.client.get(f"/s/{story.survey}").text


def test_an_answer_from_another_address_is_told_of_and_not_shown(
    database: TestDatabase, site: Served, story: Story
) -> None:
    """As where the office has sent the survey again, to somebody else, after the answer."""
    other = mint()

    async def send_again(tx: Tx) -> None:
        known = await contacts.create(tx, ["autre@example.net"])
        await tx.execute(
            "INSERT INTO link (account, token_hash, invitation, contact) VALUES ($1, $2, $3, $4)",
            story.account,
            digest(digest(other)),
            story.invitation,
            known["autre@example.net"].id,
        )

    on(database, story.account, send_again)
    said = {"rating": "1", "comment": "Trop tard", "call_back": "yes", "phone": "418 555-0103"}
    site.client.post(f"/s/{story.survey}", data=said)
    path = f"/s/{write(story.account, other)}"
    for page in (path, f"{path}/thanks", f"{path}?rating=5"):
        seen = site.client.get(page, params={"lang": "fr"})
        assert seen.status_code == 200
        assert "Ce sondage a reçu une réponse" in seen.text
        assert not [word for word in ("Trop tard", "555-0103", "<textarea") if word in seen.text]
    refused = site.client.post(path, data={"rating": "5"})
    assert refused.status_code == 409
    assert "Votre réponse n\u2019a pas été enregistrée." in refused.text
    assert [version[0] for version in answers(database, story)] == [1]
    assert "Trop tard" in site.client.get(f"/s/{story.survey}").text


def write_to(database: TestDatabase, story: Story, field: str) -> None:
    """Have the mail sent to the address in another field."""

    async def change(tx: Tx) -> None:
        await tx.execute(
            "UPDATE invitation SET address_field = $2 WHERE id = $1", story.invitation, field
        )

    on(database, story.account, change)


def test_the_page_says_what_is_left_to_do_and_until_when(site: Served, story: Story) -> None:
    plain = site.client.get(f"/s/{story.survey}?lang=fr").text
    assert "Il reste à envoyer" not in plain
    assert "Vous pouvez répondre jusqu\u2019au" in plain
    assert (
        "Il reste à envoyer votre réponse." in site.client.get(f"/s/{story.survey}?rating=4").text
    )
    site.client.post(f"/s/{story.survey}", data={"rating": "4"})
    same = site.client.get(f"/s/{story.survey}?rating=4").text
    assert "Il reste à envoyer" not in same
    assert "Enregistrer la modification" in same
    assert (
        "Il reste à envoyer votre réponse." in site.client.get(f"/s/{story.survey}?rating=5").text
    )


def test_thanks_are_of_the_answer_s_kind(site: Served, story: Story) -> None:
    for rating, heading in (
        ("5", "Merci, cela nous fait plaisir"),
        ("3", "Merci"),
        ("1", "Merci de nous l\u2019avoir dit"),
    ):
        site.client.post(f"/s/{story.survey}", data={"rating": rating})
        thanks = site.client.get(f"/s/{story.survey}/thanks").text
        assert f"<h1>{heading}</h1>" in thanks
        assert ("Une personne de notre équipe la lira." in thanks) == (rating == "1")


def test_not_me_needs_no_rating(database: TestDatabase, site: Served, story: Story) -> None:
    site.client.post(f"/s/{story.survey}", data={"not_me": "yes"})
    assert answers(database, story) == [(1, None, [], "", True, False, "fr_CA")]
    assert "Votre réponse ne comptera pas" in site.client.get(f"/s/{story.survey}/thanks").text


#: The element to go to, and the form that leads there.
WRONG: Final[list[tuple[str, dict[str, str]]]] = [
    ("rating-1", {"comment": "Gardé"}),
    ("rating-1", {"rating": "9", "comment": "Gardé"}),
    ("reason", {"rating": "1", "reason": "made_up", "comment": "Gardé"}),
    ("comment", {"rating": "5", "comment": "Gardé" + "é" * 4000}),
    ("phone", {"rating": "5", "comment": "Gardé", "call_back": "yes", "phone": " "}),
    ("phone", {"rating": "5", "comment": "Gardé", "call_back": "yes", "phone": "555-0123"}),
    ("phone", {"rating": "5", "comment": "Gardé", "call_back": "yes", "phone": "non"}),
    ("phone", {"rating": "5", "comment": "Gardé", "call_back": "yes", "phone": "4" * 61}),
]


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    database: TestDatabase, site: Served, story: Story
) -> None:
    for anchor, fields in WRONG:
        refused = site.client.post(f"/s/{story.survey}", data=fields)
        assert refused.status_code == 422
        assert "Votre réponse n\u2019est pas encore enregistrée" in refused.text
        assert f'<a class="touch" href="#{anchor}">' in refused.text
        assert f'id="{anchor}"' in refused.text
        assert "Gardé" in refused.text
    assert answers(database, story) == []


def test_unknown_truncated_and_expired_links_get_the_same_neutral_page(
    database: TestDatabase, site: Served, story: Story
) -> None:
    end(database, story)
    tokens = (story.survey, story.survey[:-1] + "x", story.survey[:20], "abc", story.unsubscribe)
    pages = {
        site.client.request(method, f"/s/{token}{suffix}").text
        for token in tokens
        for method, suffix in (("GET", ""), ("POST", ""), ("GET", "/thanks"), ("GET", "?rating=4"))
    }
    assert len({re.sub(r'href="\?[^"]*"', "", page) for page in pages}) == 1
    for page in pages:
        assert "Ce lien n\u2019est plus ouvert" in page
        assert "Plomberie" not in page
        assert not any(token in page for token in tokens)
    assert site.client.get(f"/s/{story.survey}").status_code == 404
    assert site.client.head(f"/s/{story.survey}").status_code == 404
    assert answers(database, story) == []


def test_the_neutral_page_speaks_the_browsers_language(site: Served) -> None:
    english = site.client.get("/s/abc", headers={"Accept-Language": "en-CA,fr;q=0.5"})
    assert "This link is no longer open" in english.text


def test_guessing_links_is_slowed_down(site: Served) -> None:
    codes = [site.client.get("/s/guess").status_code for _ in range(62)]
    assert codes[0] == 404
    assert codes[-1] == 429


def test_thanks_before_an_answer_leads_to_the_question(site: Served, story: Story) -> None:
    early = site.client.get(f"/s/{story.survey}/thanks")
    assert (early.status_code, early.headers["location"]) == (303, f"/s/{story.survey}")


def test_the_page_and_its_styles_weigh_less_than_twenty_kilobytes(
    site: Served, story: Story
) -> None:
    site.client.post(f"/s/{story.survey}", data={"rating": "1", "comment": "Un mot"})
    styles = [site.client.get(address_of(name)) for name in ("tokens.css", "survey.css")]
    pictures = site.client.get(address_of("mark.svg"))
    for path in ("", "?rating=1", "/thanks"):
        page = site.client.get(f"/s/{story.survey}{path}")
        parts: list[httpx.Response] = [page, *styles, pictures]
        assert sum(len(part.content) for part in parts) < 20_000


def test_styles_are_kept_for_ever_and_pages_never(site: Served, story: Story) -> None:
    style = site.client.get(address_of("survey.css"))
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert site.client.get("/static/survey.000000000000.css").status_code == 404
    page = site.client.get(f"/s/{story.survey}")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-language"] == "fr-CA"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert not re.search(r"<script(?! type=\"module\" src=)|<style| style=| on\w+=", page.text)


def suppressed(database: TestDatabase, story: Story) -> list[str]:
    """Addresses that receive no more surveys."""

    async def read(tx: Tx) -> list[str]:
        rows = await tx.fetch("SELECT address FROM contact WHERE suppressed = 'unsubscribed'")
        return [row["address"] for row in rows]

    return on(database, story.account, read)


def test_one_button_unsubscribes_at_once_and_again_changes_nothing(
    database: TestDatabase, site: Served, story: Story
) -> None:
    asked = site.client.get(f"/u/{story.unsubscribe}").text
    assert "Ne plus recevoir de sondages?" in asked
    assert suppressed(database, story) == []
    for _ in range(2):
        done = site.client.post(f"/u/{story.unsubscribe}", data={})
        assert done.status_code == 200
        assert (
            "Plomberie Exemple n\u2019enverra plus de sondages à client@example.net." in done.text
        )
    assert suppressed(database, story) == ["client@example.net"]
    assert "Votre désabonnement est fait" in site.client.get(f"/u/{story.unsubscribe}").text


def test_who_unsubscribed_by_mistake_comes_back_on_the_same_page(
    database: TestDatabase, site: Served, story: Story
) -> None:
    done = site.client.post(f"/u/{story.unsubscribe}").text
    assert "Me réabonner" in done
    back = re.search(r'action="(/u/[^"]+/again)"', done)
    assert back is not None
    assert site.client.get(back[1]).status_code == 200
    assert suppressed(database, story) == ["client@example.net"]  # to read it changes nothing
    again = site.client.post(back[1])
    assert "Votre abonnement est rétabli" in again.text
    assert suppressed(database, story) == []
    assert "Ne plus recevoir de sondages" in site.client.get(f"/u/{story.unsubscribe}").text


CHOICES: Final = {
    "campaign": "n\u2019enverra plus de sondages comme celui-ci à client@example.net",
    "quarter": "enverra au plus un sondage tous les 90\u00a0jours à client@example.net",
}


@pytest.mark.parametrize("choice", CHOICES)
def test_who_wants_fewer_surveys_says_so_and_takes_it_back(
    database: TestDatabase, site: Served, story: Story, choice: str
) -> None:
    """A7, by the buttons of the page, without scripts."""
    path = f"/u/{story.unsubscribe}"
    for other in ("all", *CHOICES):
        assert f'name="choice" value="{other}"' in site.client.get(path).text
    done = site.client.post(path, data={"choice": choice})
    assert done.status_code == 200
    assert CHOICES[choice] in done.text
    assert suppressed(database, story) == []
    shown = site.client.get(path).text
    assert CHOICES[choice] in shown
    assert f'value="{choice}"' not in shown
    assert "Plomberie Exemple inc., 1, rue du Quai, Rimouski QC G5L 1A1" in shown
    assert "Votre abonnement est rétabli" in site.client.post(f"{path}/again").text
    assert CHOICES[choice] not in site.client.get(path).text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"choice=all"),
        ("application/x-www-form-urlencoded", b"choice=none"),
        ("application/x-www-form-urlencoded", b"choice=campaign&choice=quarter"),
        ("application/x-www-form-urlencoded", b"choice=campaign" + b"&a=b" * 20),
        ("text/plain", b"choice=campaign"),
        ("application/json", b'{"choice": "campaign"}'),
    ],
)
def test_what_is_no_choice_of_ours_leaves_all_surveys(
    database: TestDatabase, site: Served, story: Story, kind: str, body: bytes
) -> None:
    headers = {"Content-Type": kind, "Origin": "https://mail.example"}
    answer = site.client.post(f"/u/{story.unsubscribe}", headers=headers, content=body)
    assert answer.status_code == 200
    assert suppressed(database, story) == ["client@example.net"]


def test_coming_back_is_slowed_down_and_leaving_never(site: Served, story: Story) -> None:
    codes = []
    for _ in range(21):
        assert site.client.post(f"/u/{story.unsubscribe}").status_code == 200
        codes.append(site.client.post(f"/u/{story.unsubscribe}/again").status_code)
    assert codes == [200] * 20 + [429]


def test_a_link_to_leave_that_is_not_known_has_words_of_its_own(site: Served, story: Story) -> None:
    for token in ("abc", story.survey, story.unsubscribe[:-1]):
        for path in (f"/u/{token}", f"/u/{token}/again"):
            for method in ("GET", "POST"):
                lost = site.client.request(method, path)
                assert lost.status_code == 404
                assert "Ce lien de désabonnement n\u2019est pas reconnu" in lost.text
                assert "Plomberie" not in lost.text


MULTIPART: Final = (
    b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n'
    b"%b\r\nOne-Click\r\n--b--\r\n"
)
SLOW: Final = b"Content-Type: text/plain; charset=punycode\r\n"
#: What mail programs send with one click (RFC 8058), and what only an attacker would.
SHAPES: Final[dict[str, tuple[dict[str, str], bytes]]] = {
    "nothing": ({}, b""),
    "urlencoded": (
        {"Content-Type": "application/x-www-form-urlencoded"},
        b"List-Unsubscribe=One-Click",
    ),
    "multipart": ({"Content-Type": "multipart/form-data; boundary=b"}, MULTIPART % b""),
    "a slow codec": (
        {"Content-Type": "multipart/form-data; boundary=b"},
        (MULTIPART % SLOW).replace(b"One", b"x" * 200_000),
    ),
    "no text": ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=%FF&\xff\x00"),
    "no gzip": ({"Content-Type": "text/plain", "Content-Encoding": "gzip"}, b"x" * 2000),
    "another codec": ({"Content-Type": "text/plain; charset=idna", "Content-Encoding": "br"}, b"x"),
}
ORIGINS: Final[list[dict[str, str]]] = [
    {},
    {"Origin": "null"},
    {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_one_click_unsubscribes_whatever_is_sent_from_wherever(
    database: TestDatabase, site: Served, story: Story, shape: str
) -> None:
    headers, body = SHAPES[shape]
    for origin in ORIGINS:
        sent = site.client.post(
            f"/u/{story.unsubscribe}", headers={**headers, **origin}, content=body
        )
        assert sent.status_code == 200
        assert "Votre désabonnement est fait" in sent.text
        assert suppressed(database, story) == ["client@example.net"]
        subscribe_again(database, story)


def subscribe_again(database: TestDatabase, story: Story) -> None:
    """Forget that anybody opted out."""

    async def forget(tx: Tx) -> None:
        await tx.execute("UPDATE contact SET suppressed = NULL, suppressed_at = NULL")

    on(database, story.account, forget)


def test_one_click_does_not_wait_for_what_it_does_not_read(
    database: TestDatabase, site: Served, story: Story
) -> None:
    host = site.base_url.removeprefix("http://")
    head = f"POST /u/{story.unsubscribe} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 900000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), 20) as made:
        made.sendall(head.encode() + b"List-Unsub")
        answer = b"".join(iter(lambda: made.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert suppressed(database, story) == ["client@example.net"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_words_of_a_customer_are_kept_wherever_the_browser_says_they_come_from(
    database: TestDatabase, site: Served, story: Story, origin: dict[str, str]
) -> None:
    form = {"rating": "2", "comment": "En retard"}
    sent = site.client.post(f"/s/{story.survey}", data=form, headers=origin)
    assert sent.status_code == 303
    assert [row[3] for row in answers(database, story)] == ["En retard"]


def test_a_cookie_of_another_site_keeps_no_customer_from_answering(
    database: TestDatabase, site: Served, story: Story
) -> None:
    cookie = {"Cookie": 'theirs="a\\054b"; language=en'}
    assert site.client.get(f"/s/{story.survey}", headers=cookie).status_code == 200
    sent = site.client.post(f"/s/{story.survey}", data={"rating": "5"}, headers=cookie)
    assert sent.status_code == 303
    assert len(answers(database, story)) == 1


def test_a_survey_link_does_not_unsubscribe(
    database: TestDatabase, site: Served, story: Story
) -> None:
    assert site.client.post(f"/u/{story.survey}").status_code == 404
    assert suppressed(database, story) == []


def test_no_nonsense_breaks_a_page(site: Served, story: Story) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies = {
        b"rating=5&comment=%FF%00%ED%A0%80": 400,
        b"rating=5&comment=\xff\x00": 400,
        b"rating=5&rating=1&reason=%00": 400,
        b"&&==": 422,
        b"not_me=yes&comment=" + b"%0D%0A" * 100: 303,
    }
    for body, status in bodies.items():
        sent = site.client.post(f"/s/{story.survey}", content=body, headers=form)
        assert sent.status_code == status, body
    assert site.client.post(f"/s/{story.survey}", json={"rating": 5}).status_code < 500
    for path in ("/s/%00", "/s/" + "\u00e9" * 51, "/u/%FF%FE", f"/s/{story.survey}?rating=%00"):
        assert site.client.get(path).status_code in {200, 404}, path
    for query in ("lang=%00", "lang=fr&lang=de", "rating=%FF"):
        assert site.client.get(f"/s/{story.survey}?{query}").status_code == 200
    odd = {"email": "\x00@\ud83d", "password": "\x00", "next": "/\x00"}
    encoded = {name: text.encode("utf-16", "surrogatepass") for name, text in odd.items()}
    assert site.client.post("/login", content=urlencode(encoded), headers=form).status_code == 400


def test_a_link_is_found_whatever_a_mail_program_added_to_it(site: Served, story: Story) -> None:
    survey, ending = story.survey, story.unsubscribe
    for token in (survey, ending):
        kind = "s" if token is survey else "u"
        broken = f"{token[:20]}%0D%0A{token[20:]}"
        for written in ("{}.", "{}%3E", "{})", "{}%20", "{},", "{}%E2%80%8B", "%3C{}%3E", "{}/"):
            page = site.client.get(f"/{kind}/{written.format(token)}")
            assert page.status_code == 200, written
            assert f'action="/{kind}/{token}"' in page.text
        assert site.client.get(f"/{kind}/{broken}").status_code == 200
    rated = site.client.get(f"/s/{survey}", params={"rating": "4>."}).text
    assert re.findall(r'value="(\d)" checked', rated) == ["4"]
    sent = site.client.post(f"/s/{survey}.", data={"rating": "5"})
    assert sent.headers["location"] == f"/s/{survey}/thanks"
    assert "Merci" in site.client.get(f"/s/{survey}/thanks.").text
    assert site.client.post(f"/u/{ending}%3E").status_code == 200


@pytest.mark.parametrize("cut", [0, 1, 8, 50])
def test_a_link_that_lost_a_letter_opens_nothing(site: Served, story: Story, cut: int) -> None:
    token = story.survey[:cut] + story.survey[cut + 1 :]
    assert site.client.get(f"/s/{token}").status_code == 404


def wait(database: TestDatabase, story: Story) -> None:
    """Let a minute pass for what is counted against a link."""

    async def later(tx: Tx) -> None:
        await tx.execute("UPDATE throttle SET window_start = window_start - interval '1 minute'")

    on(database, story.account, later)


def test_an_answer_sent_too_often_is_slowed_down_and_its_words_are_kept(
    database: TestDatabase, site: Served, story: Story
) -> None:
    words = "Je l\u2019ai écrit \u00ab vingt fois \u00bb"
    for number in range(20):
        sent = site.client.post(f"/s/{story.survey}", data={"rating": "4", "comment": f"{number}"})
        assert sent.status_code == 303
    body = {"rating": "2", "reason": "late", "comment": words, "call_back": "yes"}
    body["phone"] = "418 555-0123"
    for language, said in (("fr", "Attendez une minute"), ("en", "Wait a minute")):
        late = site.client.post(f"/s/{story.survey}.?lang={language}", data=body)
        assert late.status_code == 429
        assert 1 <= int(late.headers["retry-after"]) <= 46
        assert said in late.text
        assert f">{words}</textarea>" in late.text.replace(">\n", ">")
        assert re.findall(r'value="(\d)" checked', late.text) == ["2"]
        assert 'value="late" selected' in late.text
        assert 'name="call_back" value="yes" checked' in late.text
    assert answers(database, story)[-1][:2] == (20, 4)
    assert site.client.get(f"/s/{story.survey}").status_code == 200
    wait(database, story)
    assert site.client.post(f"/s/{story.survey}", data=body).status_code == 303
    assert answers(database, story)[-1][3] == words


def test_a_link_in_other_letters_is_the_same_link_to_be_slowed_down(
    site: Served, story: Story
) -> None:
    place, rest = story.survey[:8], story.survey[8:]
    spellings = [place, place.lower(), place.replace("0", "o").replace("1", "l")]
    for number in range(20):
        link = f"/s/{spellings[number % 3]}{rest}"
        assert site.client.post(link, data={"rating": "4"}).status_code == 303
    for spelt in spellings:
        assert site.client.post(f"/s/{spelt}{rest}", data={"rating": "4"}).status_code == 429


def test_a_link_whose_last_letter_says_more_than_it_may_is_none(site: Served, story: Story) -> None:
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    last = letters.index(story.survey[-1])
    for more in (1, 2, 3):
        spelt = f"{story.survey[:-1]}{letters[last + more]}"
        assert site.client.get(f"/s/{spelt}").status_code == 404


@pytest.fixture
def general(database: TestDatabase, story: Story) -> Story:
    """As `story`, its survey about no visit."""

    async def ask(tx: Tx) -> Story:
        customer = await tx.fetchval("SELECT id FROM customer WHERE account = $1", tx.account)
        asked, token = await relational.asked(tx, story.campaign, customer, CUSTOMER)
        return structs.replace(story, invitation=asked, survey=token)

    return on(database, story.account, ask)


def test_a_customer_who_is_asked_about_no_visit_answers_without_one(
    database: TestDatabase, site: Served, general: Story
) -> None:
    page = site.client.get(f"/s/{general.survey}?rating=2&lang=en").text
    for text in ("Appel de service", "rue des Pins", "That wasn\u2019t me", "None"):
        assert text not in page
    given = {"rating": "2", "reason": "late", "comment": "Trop tard"}
    done = site.client.post(f"/s/{general.survey}", data=given, follow_redirects=True)
    assert (done.status_code, done.url.path) == (200, f"/s/{general.survey}/thanks")
    assert "Trop tard" in done.text
    assert "rue des Pins" not in done.text
    assert answers(database, general) == [(1, 2, ["late"], "Trop tard", False, False, "en_CA")]
    on(database, general.account, lambda tx: roll(tx, [general.invitation]))
    changed = site.client.get(f"/s/{general.survey}")
    assert changed.status_code == 200
