"""Whatever a campaign says comes out of its mail as it went in, in each of its places."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Final
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.questions import Question
from mail.campaigns.texts import Language, Message
from mail.i18n import translations
from mail.message.template import LetterTemplate, Origin, Recipient, compile_letter
from mail.message.wording import CATALOGUES
from tests.support.smtp_server import Mail

ORIGIN: Final = Origin("https://retour.test", "retour@example.test")
LOCALES: Final[dict[Language, str]] = {"fr": "fr_CA", "en": "en_CA"}
#: Everything that can be typed or pasted: Unicode without surrogates and C0.
LETTERS: Final = st.characters(min_codepoint=0x20, exclude_categories=["Cs"])
LINES: Final = st.text(LETTERS, min_size=1, max_size=40)
PROSE: Final = st.lists(LETTERS | st.sampled_from(["\n", "\r\n", "\r"]), max_size=60).map("".join)
#: What mrml, HTML, templates, quoted-printable and encoded words could each take for their own.
ODD: Final = (
    "\u00a0?",
    "e\u0301",
    "a\\b\\",
    "\u200b\u200d\u202f\ufeff\u2028\u0085\uffff",
    "&amp;&#133;&nbsp",
    "\"'<b>{{7*7}}{% raw %}<!-- x --><![endif]-->",
    "=?utf-8?q?x?= =3D=",
    " . ",
    "From me",
    "%(visit)b %d mark0end 100%",
    "\U0001f600" * 9,
)


class Page(HTMLParser):
    """A mail's page: the texts of each element in order, and every attribute."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.attributes += attrs
        if tag not in ("br", "meta"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def attribute(self, name: str) -> list[str | None]:
        """What all attributes called `name` say."""
        return [value for found, value in self.attributes if found == name]


class Said:
    """One campaign, all of whose texts are `line` and `prose`, and its mail in one language."""

    def __init__(self, language: Language, line: str, prose: str) -> None:
        self.line, self.prose = line, prose
        self.definition = Definition(
            rules=[Trigger([UUID(int=7)], ["600"])],
            question=Question({language: line}, {language: line}, {language: line}),
            message=Message(
                sender_name=line,
                subject={language: line},
                title={language: line},
                body={language: prose},
            ),
            information={language: prose},
            privacy_url=f"https://privacy.example/{line}",
        )
        self.locale = LOCALES[language]

    @property
    def words(self) -> str:
        """The lowest rating in words."""
        text = translations(self.locale, CATALOGUES).gettext("%(rating)s out of %(last)s: %(word)s")
        return text % {"rating": 1, "last": 5, "word": self.line}

    @property
    def paragraphs(self) -> list[str]:
        """Those of the prose."""
        lines = self.prose.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return [line for line in lines if line.strip(" ")]

    def mail(self) -> Mail:
        """The mail as it travels."""
        return mail(
            compile_letter(self.definition.content, ORIGIN, self.locale, "fr_CA", visited=True)
        )


def mail(template: LetterTemplate, place: str = "12, rue des Pins") -> Mail:
    """One mail of `template`, as a server that takes it reads it."""
    to = Recipient(
        address="marie@example.net",
        message_id="<1@example.test>",
        date=datetime(2026, 11, 2, tzinfo=UTC),
        survey="S",
        unsubscribe="U",
        greeting="Bonjour Marie,",
        visit="Installation",
        place=place,
    )
    raw = template.fill(to)
    assert not re.search(rb"(?m)^\.(?!\.)", raw)
    return Mail("retour@example.test", to.address, raw.replace(b"\r\n..", b"\r\n."))


@pytest.mark.parametrize("language", LOCALES)
@settings(deadline=None)
@given(line=LINES, prose=PROSE)
@example(line="".join(ODD), prose="\r\n".join(ODD))
@example(line="\u00a0", prose="\u00a0a\u3000\r\r\n \n")
def test_what_a_campaign_says_comes_out_as_it_went_in(
    language: Language, line: str, prose: str
) -> None:
    said = Said(language, line, prose)
    made = said.mail()
    page = Page(made.text("html"))
    assert page.texts["title"] == page.texts["h1"] == page.texts["h2"] == [line]
    assert page.attribute("aria-label")[:2] == [line, said.words]
    assert page.attribute("title")[0] == said.words
    assert f"https://privacy.example/{line}" in page.attribute("href")
    assert page.texts["td"].count(line) == 2
    shown = [*said.paragraphs, "Bonjour Marie,"]
    assert page.texts["p"][0] == line
    for paragraph in shown:
        assert paragraph in page.texts["p"]
    assert any(line in text for text in page.texts["p"][-1:])
    _headers_say(made, line)
    _plain_text_says(made, said)


def test_a_place_stands_on_one_line_however_it_was_typed() -> None:
    definition = Said("en", "a", "b").definition
    template = compile_letter(definition.content, ORIGIN, "en_CA", "fr_CA", visited=True)
    made = mail(template, " .12\r\n.rue\u2028<b>%(visit)b ")
    assert ".12 .rue <b>%(visit)b" in made.text().splitlines()
    assert ".12 .rue <b>%(visit)b" in "".join(Page(made.text("html")).texts["div"])


def _headers_say(made: Mail, line: str) -> None:
    head = message_from_bytes(made.raw, policy=policy.compat32)
    assert str(make_header(decode_header(head["Subject"]))) == line
    name, address = parseaddr(head["From"])
    assert (str(make_header(decode_header(name))), address) == (line, "retour@example.test")


def _plain_text_says(made: Mail, said: Said) -> None:
    raw = made.parsed.get_body(("plain",))
    assert raw is not None
    octets = raw.get_payload(decode=True)
    assert isinstance(octets, bytes)
    lines = octets.decode().replace("\r\n", "\n").split("\n")
    assert lines[0] == lines[2] == said.line
    assert lines.count(said.line) >= 3
    assert f"1 ★ ({said.words})" in lines
    assert f"https://privacy.example/{said.line}" in lines
    at = iter(lines)
    assert all(paragraph in at for paragraph in said.paragraphs)
