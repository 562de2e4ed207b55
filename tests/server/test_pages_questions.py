"""Questions of every kind on the survey page: answered, corrected, refused with words, thanked."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from mail.campaigns.texts import Page
from mail.responses.recording import Body, decode_body
from sync.database import Tx
from tests.server.all_kinds import FURTHER, led_by
from tests.server.test_pages_browser import is_sound
from tests.support.api_process import Served, served
from tests.support.browser import DESK, PHONE, TABLET, visiting
from tests.support.databases import TestDatabase
from tests.support.form_browser import words_of
from tests.support.processes import free_port
from tests.support.signed_in import let_in
from tests.support.stories import EMAIL, Story, on, tell

pytestmark = pytest.mark.slow

#: An answer to everything that everybody is asked, but for the rating.
ALL: Final = {
    "further.on_time": "0",
    "further.technician": "4",
    "further.easy": "7",
    "further.first": "fast",
    "further.day": "day_8",
    "further.likely": "0",
    "comment": "Voilà",
}
SAD: Final = {"further.put_right": "Le bruit"}
GLAD: Final = {"further.liked.clean": "yes", "further.liked.manners": "yes"}


class Asked:
    """A survey that was sent, and its page."""

    def __init__(self, site: Served, story: Story) -> None:
        self.site, self.story = site, story
        self.path = f"/s/{story.survey}"

    def post(self, **fields: str) -> Any:
        return self.site.client.post(self.path, data=fields)

    def get(self, more: str = "") -> str:
        answer = self.site.client.get(self.path + more)
        assert answer.status_code == 200
        return answer.text

    @property
    def versions(self) -> list[Body]:
        """What was answered, version by version."""

        async def read(tx: Tx) -> list[Body]:
            rows = await tx.fetch(
                "SELECT body FROM answer_version WHERE invitation = $1 ORDER BY version",
                self.story.invitation,
            )
            return [decode_body(row["body"]) for row in rows]

        return on(self.site.database, self.story.account, read)


#: Sends a survey with these fields of its campaign.
Ask = Callable[..., Asked]


@pytest.fixture
def ask(database: TestDatabase) -> Iterator[Ask]:
    with served(database) as site:
        site.client.headers["Accept"] = "text/html"

        def tell_one(**asks: Any) -> Asked:
            return Asked(site, tell(database, asks=asks))

        yield tell_one


def chosen(page: str) -> dict[str, str]:
    """What a browser would send of the page's form, hidden fields included."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        said = {
            name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)
        }
        kind = said.get("type", "")
        if kind in ("hidden", "tel") or (kind in ("radio", "checkbox") and " checked" in tag):
            found[said["name"]] = said["value"]
    for name, text in re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n([^<]*)<', page):
        found[name] = html.unescape(text)
    for name, menu in re.findall(
        r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', page, re.DOTALL
    ):
        found[name] = "".join(re.findall(r'value="([^"]*)" selected', menu))
    return found


@pytest.mark.parametrize("kind", ["thumbs", "stars", "effort", "nps"])
def test_every_kind_is_answered_and_opens_as_it_was_answered(ask: Ask, kind: str) -> None:
    asked = ask(**led_by(kind))
    sent = asked.post(rating="1", **ALL, **SAD, **GLAD)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{asked.path}/thanks")
    [body] = asked.versions
    after = {"liked"} if kind == "thumbs" else {"put_right"}
    usual = {"on_time", "technician", "easy", "first", "day", "likely"}
    assert set(body.further) == usual | after
    assert (body.lead.kind, body.lead.value, body.nps) == (kind, 1, 1 if kind == "nps" else 0)
    again = chosen(asked.get())
    assert asked.site.client.post(asked.path, data=again).status_code == 303
    assert asked.versions == [body]
    assert asked.post(**(again | {"further.easy": "1"})).status_code == 303
    assert asked.versions[1].further["easy"].value == 1


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "rating-0", "Choisissez une des valeurs"),
        ({"rating": "11"}, "rating-0", "Choisissez une des valeurs"),
        ({"rating": "9"}, "further.on_time-0", "Répondez à cette question"),
        ({"rating": "9", **ALL, "further.on_time": "2"}, "further.on_time-0", "Répondez"),
        ({"rating": "9", **ALL, "further.first": "x"}, "further.first-1", "Répondez"),
        ({"rating": "1", **ALL, "comment": " "}, "comment", "Écrivez un commentaire"),
        ({"rating": "6", **ALL, **SAD, "comment": "a" * 4001}, "comment", "Raccourcissez votre c"),
        (
            {"rating": "6", **ALL, "further.put_right": "a" * 4001},
            "further.put_right-1",
            "Raccourcissez votre réponse",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_question_and_what_was_given_stays(
    ask: Ask, fields: dict[str, str], field: str, words: str
) -> None:
    asked = ask(**led_by("nps"))
    answer = asked.post(**fields)
    assert answer.status_code == 422
    assert f'href="#{field}">{words}' in answer.text
    assert f'id="{field}"' in answer.text
    assert words_of(answer.text).count(words) == 2
    kept = {name: text for name, text in fields.items() if text not in ("11", "2", "x")}
    assert kept.items() <= {**chosen(answer.text), "comment": kept.get("comment", "")}.items()
    assert asked.versions == []


def test_what_is_asked_after_a_rating_is_asked_again_on_the_page_of_thanks(ask: Ask) -> None:
    asked = ask(**led_by("stars", reasons=[]))
    assert asked.post(rating="2", **ALL).status_code == 303
    thanks = asked.get("/thanks")
    assert "Que devons-nous arranger?" in thanks
    assert "Nous ferons mieux." in thanks
    assert "Qu\u2019avez-vous apprécié?" not in thanks
    refused = asked.post(**chosen(thanks))
    assert refused.status_code == 422
    assert 'href="#further.put_right-1">Répondez à cette question' in refused.text
    assert asked.post(**(chosen(thanks) | SAD)).status_code == 303
    first, second = asked.versions
    assert set(second.further) - set(first.further) == {"put_right"}
    assert second.lead == first.lead
    assert "Que devons-nous arranger?" not in asked.get("/thanks")
    assert asked.post(rating="5", **ALL).status_code == 303
    assert "À bientôt!" in asked.get("/thanks")
    assert asked.versions[2].further.keys() == first.further.keys()


def test_a_text_that_is_emptied_is_taken_back(ask: Ask) -> None:
    asked = ask(**led_by("stars"))
    asked.post(rating="3", **ALL, **SAD)
    asked.post(rating="3", **ALL, **{"further.put_right": " "})
    asked.post(rating="3", **ALL, **SAD)
    had = [set(body.further) & {"put_right"} for body in asked.versions]
    assert had == [{"put_right"}, set(), {"put_right"}]


def test_who_says_that_it_was_somebody_else_loses_nothing_on_the_way_back(ask: Ask) -> None:
    asked = ask(**led_by("nps"))
    given = {"rating": "0", **ALL, **SAD, "reason": "late"}
    page = asked.post(**given, not_me="ask")
    assert page.status_code == 200
    carried = chosen(page.text)
    assert given.items() <= carried.items()
    back = asked.post(**carried, not_me="back")
    assert given.items() <= chosen(back.text).items()
    assert asked.versions == []
    assert asked.post(**carried, not_me="yes").status_code == 303
    assert [body.not_me for body in asked.versions] == [True]


LATER: Final = "https://www.example.org/merci?de=retour"


@pytest.mark.parametrize("kind", ["thumbs", "stars", "effort", "nps"])
def test_everybody_is_led_to_the_same_page_whatever_the_rating(ask: Ask, kind: str) -> None:
    asked = ask(**led_by(kind, further=[], page=Page(redirect_url=LATER)))
    answers = []
    for rating in range(11):
        answer = asked.post(rating=str(rating), comment="Voilà")
        if answer.status_code == 303:
            headers = [item for item in answer.headers.raw if item[0] != b"date"]
            answers.append((headers, answer.content))
    assert (
        len(answers) == len(asked.versions) == {"thumbs": 2, "stars": 5, "effort": 7}.get(kind, 11)
    )
    assert all(answer == answers[0] for answer in answers)
    assert dict(answers[0][0])[b"location"] == LATER.encode()


@contextmanager
def opened(asked: Asked, browser: Browser, size: tuple[int, int], **how: Any) -> Iterator[Any]:
    with visiting(browser, size, **how) as page:
        page.goto(f"{asked.site.base_url}{asked.path}?lang=fr")
        yield page


@pytest.mark.browser
@pytest.mark.parametrize("size", [PHONE, TABLET, DESK])
@pytest.mark.parametrize("kind", ["thumbs", "effort", "nps"])
def test_the_page_is_sound_in_every_window(
    ask: Ask, browser: Browser, kind: str, size: tuple[int, int]
) -> None:
    asked = ask(**led_by(kind))
    for scheme, language in (("light", "fr"), ("dark", "en")):
        with visiting(browser, size, scheme=scheme, scripts=True) as page:  # type: ignore[arg-type]
            for rating in ("", "?rating=1"):
                is_sound(page, f"{asked.site.base_url}{asked.path}{rating}", language)


@pytest.mark.browser
def test_what_is_asked_after_a_rating_unfolds_without_scripts(ask: Ask, browser: Browser) -> None:
    asked = ask(**led_by("stars"))
    with opened(asked, browser, PHONE) as page:
        sad, glad = page.get_by_label("Que devons-nous arranger"), page.get_by_text("apprécié")
        need = page.get_by_text("un mot est nécessaire")
        for rating, shown in ((None, ""), ("1", "sad"), ("3", "sad"), ("5", "glad")):
            if rating is not None:
                page.get_by_role("group", name="Comment était-ce").get_by_label(
                    f"{rating} sur"
                ).check()
            expect(sad).to_be_visible(visible=shown == "sad")
            expect(glad).to_be_visible(visible=shown == "glad")
            expect(need).to_be_visible(visible=rating == "1")
        page.get_by_role("group", name="arrivés à").get_by_label("Oui").check()
        glad_of = page.get_by_role("group", name="apprécié")
        glad_of.get_by_label("La courtoisie").check()
        page.get_by_role("button", name="Envoyer").click()
        expect(page.get_by_role("heading", name="Merci")).to_be_visible()
        expect(page.get_by_text("À bientôt!")).to_be_visible()
    [body] = asked.versions
    assert (body.lead.value, body.further["liked"].choices) == (5, ["manners"])


@pytest.mark.browser
def test_every_kind_is_answered_by_keyboard_alone_and_read_aloud(
    ask: Ask, browser: Browser
) -> None:
    asked = ask(**led_by("nps"))
    with opened(asked, browser, DESK) as page:
        lead = page.get_by_role("group", name="Comment était-ce")
        first = lead.get_by_role("radio")
        expect(first.first).to_have_accessible_name("0 sur 10 Pas du tout probable")
        expect(first.last).to_have_accessible_name("10 sur 10 Très probable")
        first.first.focus()
        for key in ("Space", "ArrowLeft", "ArrowLeft"):
            page.keyboard.press(key)
        expect(
            page.get_by_role("group", name="Comment était-ce").get_by_label("9 sur")
        ).to_be_checked()
        for keys in (
            "Tab Space",
            "Tab Space ArrowRight",
            "Tab Space",
            "Tab Space",
            "Tab ArrowRight",
        ):
            for key in keys.split():
                page.keyboard.press(key)
        for _ in range(40):
            if page.evaluate("document.activeElement.textContent") == "Envoyer ma réponse":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Merci")).to_be_visible()
    [body] = asked.versions
    assert (body.lead.value, body.further["on_time"].value) == (9, 0)
    assert body.further["technician"].value == 2


@pytest.mark.browser
def test_a_browser_goes_where_everybody_is_led(ask: Ask, browser: Browser) -> None:
    later = f"https://127.0.0.1:{free_port()}/merci"
    asked = ask(**led_by("stars", further=[], page=Page(redirect_url=later)))
    with opened(asked, browser, PHONE) as page:
        page.get_by_role("group", name="Comment était-ce").get_by_label("5 sur").check()
        with page.expect_event("requestfailed") as failed:
            page.get_by_role("button", name="Envoyer").click()
        assert (failed.value.url, failed.value.failure) == (later, "net::ERR_CONNECTION_REFUSED")


def test_a_page_of_ten_questions_and_its_styles_weigh_less_than_twenty_kilobytes(ask: Ask) -> None:
    asked = ask(**led_by("nps", further=[*FURTHER, replace(FURTHER[0], key="again")]))
    client = asked.site.client
    page = client.get(f"{asked.path}?rating=0")
    assert page.text.count('class="question') == 10
    sheets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(sheets) == 4
    weights = []
    for path in (f"{asked.path}?rating=0", *sheets):
        with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
            weights.append(sum(map(len, answer.iter_raw())))
    assert sum(weights) < 20_000


CLOSE: Final = """
INSERT INTO state (account, code, name, names, kind) VALUES ($1, 'ended', 'Ended', '{}', $2)
"""
#: As another step than the one that asked leads there, or as that one does.
MOVE: Final = """
UPDATE task t SET state = 'ended', state_transition = CASE WHEN $3 THEN i.transition ELSE t.id END
FROM invitation i WHERE (t.account, t.id) = ($1, $2) AND (i.account, i.task) = ($1, $2)
"""


@pytest.mark.parametrize(
    ("closes", "kind", "by_asking", "status"),
    [
        (True, "closed", False, 404),
        (True, "cancelled", False, 404),
        (True, "done", False, 200),
        (True, "closed", True, 200),
        (False, "closed", False, 200),
    ],
)
def test_closing_the_task_closes_its_survey_where_the_campaign_says_so(
    ask: Ask, closes: bool, kind: str, by_asking: bool, status: int
) -> None:
    asked = ask(page=Page(closes_with_task=closes))
    neutral = asked.site.client.get("/s/unknown").text

    async def close(tx: Tx) -> None:
        await tx.execute(CLOSE, tx.account, kind)
        await tx.execute(MOVE, tx.account, asked.story.task, by_asking)

    assert asked.site.client.get(asked.path).status_code == 200
    on(asked.site.database, asked.story.account, close)
    page = asked.site.client.get(asked.path)
    assert page.status_code == status
    assert (page.text == neutral) is (status == 404)
    sent = asked.post(rating="5")
    assert sent.status_code == (303 if status == 200 else 404)
    assert len(asked.versions) == (1 if status == 200 else 0)


def test_the_office_reads_every_question_of_a_campaign(ask: Ask) -> None:
    asked = ask(**led_by("nps", page=Page(redirect_url=LATER, closes_with_task=True)))
    client = asked.site.client
    let_in(client, asked.site.database, EMAIL)
    page = words_of(client.get(f"/campaigns/{asked.story.campaign}").text)
    for said in (
        "Comment était-ce? 0 Pas du tout probable \u2013 10 Très probable",
        "Raisons offertes de 0 à 6",
        "Sommes-nous arrivés à l\u2019heure? Pouce levé ou baissé · obligatoire",
        "Une liste, plusieurs choix · Seulement après une note élevée",
        "Une liste, un seul choix",
        "Texte libre · Seulement après une note basse · Seulement après une note moyenne",
        "Obligatoire jusqu\u2019à une note de 1",
        f"Page après la réponse {LATER} pour tout le monde, quelle que soit la note",
        "Fermeture de la tâche ferme son sondage",
        "How was it? 0 Not at all likely \u2013 10 Extremely likely",
    ):
        assert said in page, said
