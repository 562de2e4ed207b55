"""The mail itself, as the bytes that arrive."""

import html
import quopri
import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

import msgspec
import pytest

from mail.campaigns.sender import SenderIdentity, write_sender
from mail.campaigns.texts import Message
from mail.message.template import quoted
from mail.message.wording import greeting, visit
from mail.responses.answers import open_survey
from mail.responses.subscriptions import open_subscription
from sync.database import tx
from tests.mail.campaigns import active, change, definition, rows
from tests.mail.delivering import DAY, HOUR, Post
from tests.support.smtp_server import Mail

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NAMES = '{"fr": "Appel"}'
NBSP = "\u00a0"
HOSTILE = "{{7*7}} {% raw %} <script>alert(1)</script> =?utf-8?q?x?= & \"'"


class Links(HTMLParser):
    """What the links of a page lead to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        assert tag != "script"
        if tag == "a":
            self.found.append(dict(attrs)["href"] or "")


async def mailed(post: Post, email: str = "marie@example.net", **customer: object) -> Mail:
    """The only mail there is, to a customer at `email`."""
    who = await post.world.customer(email=email, **customer)
    place = await post.world.location(zone="America/Toronto")
    moment = datetime(2026, 11, 2, 3, 30, tzinfo=UTC)
    await post.finished(customer=who, location=place, moment=moment)
    await post.deliver_all()
    return post.server.mails[-1]


def header_lines(mail: Mail) -> list[bytes]:
    return mail.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")


async def test_its_headers_are_those_of_a_machine_that_may_be_told_to_stop(post: Post) -> None:
    await active(post.world, stale_days=None)
    mail = await mailed(post)
    lines = header_lines(mail)
    [unsubscribe] = [line for line in lines if line.startswith(b"List-Unsubscribe:")]
    url = re.fullmatch(rb"List-Unsubscribe: <(https://retour\.test/u/[\w-]{51})>", unsubscribe)
    assert url is not None
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    assert b"Auto-Submitted: auto-generated" in lines
    [quiet] = [line for line in lines if line.startswith(b"X-Auto-Response-Suppress: ")]
    assert set(quiet.partition(b": ")[2].split(b", ")) == {
        b"DR",
        b"RN",
        b"NRN",
        b"OOF",
        b"AutoReply",
    }
    assert mail.parsed["MIME-Version"] == "1.0"
    assert await open_subscription(url[1].decode().rpartition("/")[2]) is not None
    date = parsedate_to_datetime(str(mail.parsed["Date"]))
    [invitation] = await rows(post.world, "SELECT id, sent_at FROM invitation")
    assert abs((date - invitation["sent_at"]).total_seconds()) < 60
    assert mail.parsed["Message-ID"] == f"<{invitation['id']}@example.test>"


async def test_its_message_id_is_of_the_domain_it_is_from(post: Post) -> None:
    await active(post.world, stale_days=None, message=_message(sender_address="avis@Éxample.org"))
    mail = await mailed(post)
    [invitation] = await rows(post.world, "SELECT id, message_id FROM invitation")
    assert invitation["message_id"] == f"<{invitation['id']}@xn--xample-9ua.org>"
    assert mail.parsed["Message-ID"] == invitation["message_id"]


async def test_a_sender_of_an_international_domain_stands_everywhere_in_punycode(
    post: Post,
) -> None:
    post.configure(mail_from="Sondage@boréal.example")
    await active(post.world, stale_days=None)
    mail = await mailed(post)
    [invitation] = await rows(post.world, "SELECT id FROM invitation")
    sender = "Sondage@xn--boral-dsa.example"
    assert mail.sender == sender
    assert mail.parsed["From"].addresses[0].addr_spec == sender
    assert mail.parsed["Message-ID"] == f"<{invitation['id']}@xn--boral-dsa.example>"
    assert mail.raw.partition(b"\r\n\r\n")[0].isascii()


async def test_a_message_id_that_could_not_be_written_heals_with_the_next_attempt(
    post: Post,
) -> None:
    await active(post.world)
    task = await post.visit("marie@example.net")
    post.server.next("RCPT", "450 4.2.0 later")
    await post.deliver()
    await change(post.world, "UPDATE invitation SET message_id = '<' || id || '@boréal.example>'")
    await post.later(HOUR)
    await post.deliver_all()
    assert await post.status(task) == ("sent", None)
    [invitation] = await rows(post.world, "SELECT id, message_id FROM invitation")
    assert invitation["message_id"] == f"<{invitation['id']}@example.test>"
    assert post.server.mails[0].parsed["Message-ID"] == invitation["message_id"]


@pytest.mark.parametrize(
    ("language", "hint"),
    [
        ("fr", "Choisissez une note, puis confirmez-la sur la page qui s\u2019ouvre."),
        ("en", "Choose a rating, then confirm it on the page that opens."),
    ],
)
async def test_it_says_first_who_writes_and_promises_no_more_than_is_true(
    post: Post, language: str, hint: str
) -> None:
    await active(post.world, stale_days=None)
    mail = await mailed(post, language=f"{language}_CA")
    assert mail.text().splitlines()[0] == "Plomberie Exemple"
    page = mail.text("html")
    title = {"fr": "Votre visite", "en": "Your visit"}[language]
    assert 0 < page.index("Plomberie Exemple") < page.index(f"<h1>{title}")
    for text in (mail.text(), page):
        assert hint in text
        assert "minute" not in text


async def test_it_says_by_law_who_sends_it_and_how_to_reach_them(post: Post) -> None:
    """A5; what changes stands in the next mail, though the campaign's version is compiled."""
    await active(post.world, stale_days=None)
    mail = await mailed(post)
    by_law = "Plomberie Exemple inc., 1, rue du Quai, Rimouski QC G5L 1A1"
    for kind in ("plain", "html"):
        told = html.unescape(mail.text(kind))
        assert by_law in told
        assert "418 555-0100" in told
    async with tx(post.world.account) as opened:
        new = SenderIdentity("Neuve ltée", "2, rue B & C\nQuébec", url="https://neuve.example")
        await write_sender(opened, new)
    mail = await mailed(post, "other@example.net")
    for kind in ("plain", "html"):
        told = html.unescape(mail.text(kind))
        assert "Neuve ltée, 2, rue B & C, Québec" in told
        assert "https://neuve.example" in told
        assert by_law not in told


async def test_no_text_of_it_is_hidden_by_its_colour(post: Post) -> None:
    await active(post.world, stale_days=None)
    page = (await mailed(post)).text("html")
    [preview] = re.findall(r'<div style="display: none;([^"]*)">([^<]+)</div>', page)
    assert "How did it go?" in preview[1] or "Votre visite vous a-t-elle plu" in preview[1]
    light = re.sub(r"@media \(prefers-color-scheme: dark\).*?</style>", "", page, flags=re.DOTALL)
    letters = set(re.findall(r"(?<![-\w])color: ?(#[0-9a-f]{6})", light))
    assert {rgb for rgb in letters if _contrast(rgb, "#ffffff") < 4.5} == set()
    assert len(letters) > 2


async def test_its_lines_are_short_and_its_parts_decode(post: Post) -> None:
    await active(
        post.world,
        stale_days=None,
        information={"fr": "é" * 800, "en": "x " * 399},
        message=_message(body={"fr": "une longue phrase, " * 200 + "\n. \n..x\nfin ", "en": "x"}),
    )
    mail = await mailed(post)
    lines = mail.raw.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert max(map(len, header_lines(mail))) <= 998
    assert b"=\r\n\r\n--" not in mail.raw  # no part ends in a soft break
    body = mail.raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(map(len, body)) <= 76
    assert [part.get_content_type() for part in mail.parsed.walk()] == [
        "multipart/alternative", "text/plain", "text/html",
    ]  # fmt: skip
    assert not any(part.defects for part in mail.parsed.walk())
    assert mail.text().count("une longue phrase, ") >= 199
    assert "é" * 800 in mail.text()
    assert "é" * 800 in mail.text("html")
    assert mail.text("html").rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ["Bonjour Marie Tremblay,", f"Votre visite vous a-t-elle plu{NBSP}?",
                "dimanche 1er\u00a0novembre\u00a02026", "Ne plus recevoir"]),
        ("en", ["Hello Marie Tremblay,", "How did it go?", "Sunday, November\u00a01,\u00a02026",
                "Receive no more surveys"]),
    ],
)  # fmt: skip
async def test_it_speaks_the_customers_language(
    post: Post, language: str, words: list[str]
) -> None:
    question = definition(post.world).question
    asked = msgspec.structs.replace(
        question, text={"fr": f"Votre visite vous a-t-elle plu{NBSP}?", "en": "How did it go?"}
    )
    await active(post.world, stale_days=None, question=asked)
    mail = await mailed(post, language=f"{language}_CA")
    assert mail.parsed["Content-Language"] == f"{language}-CA"
    for kind in ("plain", "html"):
        for word in words:
            assert word in mail.text(kind)
    assert mail.parsed["Subject"] == {"fr": "Votre avis", "en": "Your opinion"}[language]


async def test_it_and_the_page_name_the_day_on_which_the_step_counts(post: Post) -> None:
    await active(post.world, delay="00:01:00", stale_days=None)
    who = await post.world.customer(email="marie@example.net", language="en_CA")
    place = await post.world.location(zone="America/Toronto")
    task = await post.world.task(customer=who, location=place)
    arrived = datetime(2026, 11, 20, 15, tzinfo=UTC)
    await post.moved(task, "300", arrived, sequence=1)
    # The device's clock went wrong: it did this later, as its own sequence says.
    await post.moved(task, "600", arrived - 3 * DAY, sequence=2)
    await post.deliver_all()
    [mail] = post.server.mails
    for kind in ("plain", "html"):
        assert "November\u00a020,\u00a02026" in mail.text(kind)
        assert "November\u00a017" not in mail.text(kind)
    found = re.search(r"/s/([\w-]+)", mail.text("plain"))
    assert found is not None
    shown = await open_survey(found[1])
    assert shown is not None
    assert shown.visit is not None
    assert shown.visit.moment == arrived


async def test_each_rating_leads_to_the_page_with_it_chosen(post: Post) -> None:
    await active(post.world, stale_days=None, privacy_url="https://example.org/privacy?a=1&b=2")
    mail = await mailed(post)
    links = Links(mail.text("html")).found
    survey = {link.partition("?")[0] for link in links if "/s/" in link}
    assert len(survey) == 1
    [address] = survey
    assert address.startswith("https://retour.test/s/")
    assert await open_survey(address.rpartition("/")[2]) is not None
    for rating in range(1, 6):
        assert f"{address}?rating={rating}" in links
        assert f"{address}?rating={rating}" in mail.text()
    [stop] = [link for link in links if "/u/" in link]
    assert stop in mail.text()
    assert f"<{stop}>" == mail.parsed["List-Unsubscribe"]
    assert "https://example.org/privacy?a=1&b=2" in links
    assert "https://example.org/privacy?a=1&b=2" in mail.text()


async def test_opening_it_fetches_nothing(post: Post) -> None:
    await active(post.world, stale_days=None)
    page = (await mailed(post)).text("html")
    assert not re.search(r"<(link|img|script|iframe)|@import|@font-face|url\(|\bsrc=", page)


async def test_all_of_it_stands_in_the_plain_text_too(post: Post) -> None:
    await active(post.world, stale_days=None, information={"fr": "À bon escient."})
    text = (await mailed(post)).text()
    for word in ("Votre visite", "Merci.", "Appel de service", "12, rue des Pins", "À bon escient"):
        assert word in text
    assert "<" not in text


async def test_names_stay_text(post: Post) -> None:
    post_type = await post.world.task_type(HOSTILE)
    await active(
        post.world,
        stale_days=None,
        rules=[msgspec.structs.replace(definition(post.world).rules[0], task_types=[post_type])],
        message=_message(
            sender_name='Zoé "Z" <z@example.org>, Plomberie',
            subject={"fr": "Été\u202f? {{7*7}} <b>", "en": "x"},
            title={"fr": HOSTILE, "en": "x"},
            body={"fr": HOSTILE, "en": "x"},
            reply_to="réponse@example.org".replace("é", "e"),
        ),
    )
    who = await post.world.customer(email="a@example.net", name=HOSTILE)
    await post.finished(customer=who, type=post_type)
    await post.deliver_all()
    [mail] = post.server.mails
    assert mail.parsed["Subject"] == "Été\u202f? {{7*7}} <b>"
    [sender] = mail.parsed["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (
        'Zoé "Z" <z@example.org>, Plomberie', "retour@example.test",
    )  # fmt: skip
    assert mail.parsed["Reply-To"] == "reponse@example.org"
    for text in (mail.text(), mail.text("html")):
        assert "{{7*7}} {% raw %}" in text
        assert not re.search(r"kept\d+end|%\(", text)
    page = mail.text("html")
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    Links(page)


async def test_a_campaigns_own_sender_is_in_the_envelope_and_the_header(post: Post) -> None:
    await active(post.world, stale_days=None, message=_message(sender_address="Avis@Éxample.org"))
    mail = await mailed(post)
    assert mail.sender == "Avis@xn--xample-9ua.org"
    assert mail.parsed["From"].addresses[0].addr_spec == mail.sender


async def test_a_retry_carries_the_same_links_and_the_same_bytes(post: Post) -> None:
    await active(post.world, stale_days=None)
    post.server.next("DOT", "450 4.3.0 again")
    await post.visit()
    await post.deliver()
    await post.later(HOUR)
    post.server.next("DOT", "take and cut")
    await post.deliver_all()
    await post.later(HOUR)
    await post.deliver_all()
    assert len(post.server.mails) == 2
    assert len({mail.raw for mail in post.server.mails}) == 1


@pytest.mark.parametrize(
    "text", ["", "a", "é" * 200, ".a=b\n.\n..\n tail \n", "x" * 75, "x" * 76, "="]
)
def test_pieces_decode_to_what_they_were(text: str) -> None:
    travelling = quoted(text) + quoted(text)
    assert not re.search(rb"(?m)^\.(?!\.)", travelling)
    encoded = re.sub(rb"(?m)^\.", b"", travelling)
    assert quopri.decodestring(encoded).decode().replace("\r\n", "\n") == text * 2
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


def test_words_around_it() -> None:
    assert greeting(None, "en_CA") == greeting(" \u00a0", "en_CA") == "Hello,"
    assert greeting(" Marie ", "fr_CA") == "Bonjour Marie,"
    assert (
        visit("Call", NAMES, date(2026, 5, 1), "fr_CA")
        == f"Appel, le vendredi 1er{NBSP}mai{NBSP}2026"
    )
    assert (
        visit("Call", NAMES, date(2026, 5, 2), "fr_CA") == f"Appel, le samedi 2{NBSP}mai{NBSP}2026"
    )
    assert (
        visit("Call", NAMES, date(2026, 5, 1), "en_CA") == f"Call, on Friday, May{NBSP}1,{NBSP}2026"
    )


def _contrast(one: str, other: str) -> float:
    """As WCAG 2.2 counts it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(rgb: str) -> float:
    channels = [int(rgb[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _message(**changes: object) -> Message:
    usual = Message(
        sender_name="Plomberie Exemple",
        subject={"fr": "Votre avis", "en": "Your opinion"},
        title={"fr": "Votre visite", "en": "Your visit"},
        body={"fr": "Merci.", "en": "Thank you."},
    )
    return msgspec.structs.replace(usual, **changes)
