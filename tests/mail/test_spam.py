"""What a spam filter says of the mail: SpamAssassin, with its local rules alone."""

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from mail.campaigns.definition import Content
from mail.campaigns.questions import Lead
from mail.campaigns.sender import SenderIdentity
from mail.campaigns.texts import Message
from mail.message.template import Origin, Recipient, compile_letter
from rules.questions.scales import SCALES

pytestmark = pytest.mark.slow

#: It says of a mail which rules matched, with their scores.
TOLD: Final = "add_header all Told _TESTSSCORES(,)_"
#: Says only that there is an HTML part (0.001).
HARMLESS: Final = "HTML_MESSAGE"
CONTENT: Final[dict[str, Any]] = {
    "message": Message(
        "Plomberie Exemple",
        {"fr": "Comment s\u2019est passée notre visite?", "en": "How did our visit go?"},
        {"fr": "Votre avis sur notre visite", "en": "Your view of our visit"},
        {
            "fr": "Merci de votre accueil. Vous pourrez ajouter un mot sur la page qui suit.",
            "en": "Thank you for having us. You can add a word on the page after the rating.",
        },
        reply_to="bureau@plomberie.example",
    ),
    "privacy_url": "https://plomberie.example/vie-privee",
}
SENDER: Final = SenderIdentity(
    legal_name="Plomberie Exemple inc.",
    postal_address="1, rue du Quai\nRimouski (Québec) G5L 1A1",
    phone="418 555-0100",
    email="bureau@plomberie.example",
)


def scores(mail: bytes) -> dict[str, float]:
    """The rules that match `mail`."""
    program = shutil.which("spamassassin")
    if program is None:
        if os.environ.get("RETOUR_TEST_ALL"):
            pytest.fail("spamassassin is missing")
        pytest.skip("spamassassin is missing")
    done = subprocess.run(
        [program, "--local", f"--cf={TOLD}"], input=mail, capture_output=True, check=True
    )
    found = re.search(rb"(?m)^X-Spam-Told: ((?:.*\n[ \t])*.*)$", done.stdout)
    assert found is not None, done.stderr
    rules = re.sub(r"\s", "", found[1].decode()).split(",")
    return {name: float(score) for name, _, score in (rule.partition("=") for rule in rules)}


def letter(kind: Any, locale: str, *, reminds: bool) -> bytes:
    """A mail as it arrives."""
    text = {"fr": "Comment s\u2019est passée la visite?", "en": "How did the visit go?"}
    content = Content(lead=Lead(text=text, kind=kind), **CONTENT)  # type: ignore[arg-type]
    origin = Origin("https://avis.plomberie.example", "avis@plomberie.example")
    template = compile_letter(
        content, origin, locale, "fr_CA", visited=True, reminds=reminds, identity=SENDER
    )
    first = "<0193f9c1a2b34c5d8e9f@plomberie.example>"
    to = Recipient(
        address="marie@example.net",
        message_id="<0193f9c1a2b34c5d8e9f0a1b2c3d4e5f@plomberie.example>",
        date=datetime.now(UTC),
        survey="SRPX3BDVG3WGvzjbW8OenrTS34j5Zl7PMNJh6Qwe",
        unsubscribe="LRPX3BDVG3WGvzjbW8OenrTS34j5Zl7PMNJh6Qwe",
        greeting="Bonjour Marie,",
        visit="Appel de service, le lundi 2 novembre 2026",
        place="12, rue des Pins",
        reminder="Ceci est un rappel" if reminds else "",
        replies_to=first if reminds else "",
    )
    return template.fill(to).replace(b"\r\n..", b"\r\n.")


@pytest.mark.parametrize("reminds", [False, True])
@pytest.mark.parametrize("locale", ["fr_CA", "en_CA"])
@pytest.mark.parametrize("kind", SCALES)
def test_no_rule_counts_against_a_mail(kind: Any, locale: str, reminds: bool) -> None:
    found = scores(letter(kind, locale, reminds=reminds))
    against = {name for name, score in found.items() if score > 0}
    assert against <= {HARMLESS}, found
    assert HARMLESS in found


def test_what_looks_like_spam_is_found() -> None:
    mail = letter("stars", "en_CA", reminds=False)
    shouted = mail.replace(b"Subject: How did our visit go?", b"Subject: FREE!!! $$$ ACT NOW")
    assert shouted != mail
    assert sum(score for score in scores(shouted).values() if score > 0) > 0.01
