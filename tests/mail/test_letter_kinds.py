"""The mail of a campaign that leads with a question of any kind."""

import email
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser

from mail.campaigns.definition import Content
from mail.campaigns.look import Gradient, contrast
from mail.campaigns.questions import Lead
from mail.campaigns.texts import Lines, Message
from mail.message.template import Origin, Recipient, compile_letter
from rules.questions.scales import SCALES
from tests.support.browser import chromium, visiting
from tests.support.legible import ILLEGIBLE

MESSAGE: Final = Message(
    "Plomberie Exemple",
    {"fr": "Votre avis", "en": "Your view"},
    {"fr": "Votre avis", "en": "Your view"},
    {"fr": "Merci de votre accueil.", "en": "Thank you for having us."},
)
TEXT: Final[Lines] = {"fr": "Comment était-ce?", "en": "How was it?"}
#: One word that is longer than any line.
LONG: Final[Lines] = {"fr": ("Rückfluss\u00adverhinderungs\u00adventil" + "wort" * 50)[:200]}
#: What both ends are called where the campaign does not say it.
ENDS: Final = {
    ("stars", "fr_CA"): ("1 sur 5", "5 sur 5"),
    ("thumbs", "fr_CA"): ("Pas bien", "Bien"),
    ("effort", "fr_CA"): ("1 sur 7\u00a0: Très difficile", "7 sur 7\u00a0: Très facile"),
    ("nps", "fr_CA"): ("0 sur 10\u00a0: Pas du tout probable", "10 sur 10\u00a0: Très probable"),
    ("stars", "en_CA"): ("1 out of 5", "5 out of 5"),
    ("thumbs", "en_CA"): ("Not good", "Good"),
    ("effort", "en_CA"): ("1 out of 7: Very difficult", "7 out of 7: Very easy"),
    ("nps", "en_CA"): ("0 out of 10: Not at all likely", "10 out of 10: Extremely likely"),
}


def parts(lead: Lead, locale: str, *, reminds: bool = False) -> tuple[str, str]:
    """The mail's plain text and its page."""
    content = Content(lead=lead, message=MESSAGE)
    origin = Origin("https://retour.test", "avis@plomberie.example")
    letter = compile_letter(content, origin, locale, "fr_CA", visited=True, reminds=reminds)
    to = Recipient(
        "marie@example.net",
        "<1@plomberie.example>",
        datetime(2026, 12, 1, tzinfo=UTC),
        "SURVEY",
        "LEAVE",
        "Bonjour Marie,",
        "Appel de service, le lundi 2 novembre 2026",
        "12, rue des Pins",
        "Ceci est un rappel",
    )
    mail = email.message_from_bytes(letter.fill(to), policy=default)
    plain, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert page is not None
    return plain.get_content().replace("\r\n", "\n"), page.get_content()


class Ratings(HTMLParser):
    """What each rating leads to, and what it is called aloud."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        said = {name: value or "" for name, value in attrs}
        if tag == "a" and "?rating=" in said["href"]:
            assert said["title"] == said["aria-label"]
            self.found[said["href"]] = said["aria-label"]


@pytest.mark.parametrize("reminds", [False, True])
@pytest.mark.parametrize("locale", ["fr_CA", "en_CA"])
@pytest.mark.parametrize("kind", SCALES)
def test_each_value_leads_to_the_page_with_it_chosen(kind: Any, locale: str, reminds: bool) -> None:
    plain, page = parts(Lead(text=TEXT, kind=kind), locale, reminds=reminds)
    links = [f"https://retour.test/s/SURVEY?rating={value}" for value in SCALES[kind].values]
    ratings = Ratings(page).found
    assert list(ratings) == links
    words = [*ratings.values()]
    assert (words[0], words[-1]) == ENDS[kind, locale]
    assert len(set(words)) == len(words)
    assert re.findall(r"^https://\S+\?rating=\d+$", plain, re.MULTILINE) == links
    for link, word in ratings.items():
        assert re.search(rf"{re.escape(word)}\)?\n{re.escape(link)}$", plain, re.MULTILINE)


@pytest.mark.parametrize("kind", SCALES)
def test_the_campaigns_words_for_both_ends_come_first(kind: Any) -> None:
    lead = Lead(text=TEXT, low={"fr": "Nul"}, high={"en": "Great"}, kind=kind)
    for locale, low, high in (("fr_CA", "Nul", "Great"), ("en_CA", "Nul", "Great")):
        words = [*Ratings(parts(lead, locale)[1]).found.values()]
        assert words[0].endswith(low)
        assert words[-1].endswith(high)


def test_own_colours_stand_behind_ink_that_is_read_on_them() -> None:
    look = Gradient(colours=["#b3261e", "#ffd54f", "#1b6b3d"])
    page = parts(Lead(text=TEXT, kind="nps", look=look), "fr_CA")[1]
    cell = re.compile(r'class="own" bgcolor="(#\w{6})".*?color: (#\w{6}) !important', re.DOTALL)
    found = cell.findall(page)
    assert [ground for ground, _ in found][::5] == ["#b3261e", "#ffd54f", "#1b6b3d"]
    assert len(found) == 11
    assert all(contrast(ground, ink) >= 4.5 for ground, ink in found)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


#: Links to ratings that are smaller than a finger needs (WCAG 2.2, 2.5.8: 24 pixels; ours: 32).
SMALL: Final = """() => [...document.querySelectorAll('a[href*="rating="]')]
  .map((one) => one.getBoundingClientRect()).filter((box) => box.width < 32 || box.height < 32)"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 700])
def test_no_mail_scrolls_sideways_or_is_hard_to_read_or_to_touch(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    for kind in SCALES:
        for text in (TEXT, LONG):
            lead = Lead(text=text, low={"fr": "Pas du tout" * 3}, kind=kind)
            file = tmp_path / f"{kind}.html"
            file.write_text(parts(lead, "fr_CA")[1])
            for scheme in ("light", "dark"):
                with visiting(browser, (width, 800), scheme=scheme, scripts=True) as page:
                    page.goto(file.as_uri())
                    assert page.evaluate("document.documentElement.scrollWidth") <= width, kind
                    assert page.evaluate(SMALL) == [], kind
                    found = page.evaluate(ILLEGIBLE)
                    broken = [fault for fault in found if text is LONG and "broken word" in fault]
                    assert found == broken, (kind, scheme)
