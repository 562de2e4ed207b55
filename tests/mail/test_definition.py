"""What a campaign may say, and how each refusal is named."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest

from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.formats import FORMAT, decode_content, split
from mail.campaigns.look import Gradient, Icons, Look, Pair
from mail.campaigns.problem import Problem
from mail.campaigns.questions import Question, ReasonChoice
from mail.campaigns.texts import Message, Page
from mail.campaigns.validation import check
from mail.i18n import text_in
from mail.wording import PROBLEMS
from rules.campaign import AddressField
from rules.questions.scales import RatingKind

KIND = UUID(int=7)
QUESTION = Question({"fr": "Alors ?"})
MESSAGE = Message(
    sender_name="Plomberie", subject={"fr": "Avis"}, title={"fr": "Avis"}, body={"fr": "Merci"}
)
SOUND = Definition(rules=[Trigger([KIND], ["600"])], question=QUESTION, message=MESSAGE)


def said(**changes: Any) -> Definition:
    return msgspec.structs.replace(SOUND, **changes)


def message(**changes: Any) -> Definition:
    return said(message=msgspec.structs.replace(MESSAGE, **changes))


def led_to(address: str) -> Definition:
    return said(page=Page(redirect_url=address))


def criteria(**named: Any) -> Definition:
    return said(criteria=CriteriaNamed(**named))


def look(drawn: Look, kind: RatingKind = "stars") -> Definition:
    question = msgspec.structs.replace(QUESTION, look=drawn, kind=kind)
    return said(question=question, negative_at=None, positive_at=None)


def test_a_sound_definition_has_no_problem() -> None:
    assert check(SOUND) == []


@pytest.mark.parametrize(
    ("definition", "code", "field"),
    [
        (said(rules=[]), "required", "rules"),
        (said(rules=[Trigger([], ["600"])]), "required", "rules.0.task_types"),
        (said(rules=[Trigger([KIND], [])]), "required", "rules.0.states"),
        (said(delay="12:00"), "not_a_delay", "delay"),
        (said(mute="7 days"), "not_a_delay", "mute"),
        (said(mute="00:00:00"), "not_positive", "mute"),
        (said(secondary=AddressField.CUSTOMER), "same_as_primary", "secondary"),
        (said(reminders=2, deadline_days=14), "past_deadline", "reminder_days"),
        (said(question=Question({"fr": " "})), "required", "question.text"),
        (said(question=Question({"fr": "a\nb"})), "forbidden_characters", "question.text.fr"),
        (said(information={"en": "a\x00b"}), "forbidden_characters", "information.en"),
        (said(privacy_url="javascript:alert(1)"), "not_a_link", "privacy_url"),
        (said(privacy_url="https://"), "not_a_link", "privacy_url"),
        (said(privacy_url="https://a.example:b/"), "not_a_link", "privacy_url"),
        (led_to("http://a.example/"), "not_a_secure_link", "page.redirect_url"),
        (led_to("https://a.example/été"), "not_a_secure_link", "page.redirect_url"),
        (led_to("https://a.example/\r\nX: y"), "not_a_secure_link", "page.redirect_url"),
        (led_to("javascript:alert(1)//https:"), "not_a_secure_link", "page.redirect_url"),
        (said(page=Page(intro={"fr": "a\x00"})), "forbidden_characters", "page.intro.fr"),
        (
            said(page=Page(thanks={"negative": {"en": "\x1b"}})),
            "forbidden_characters",
            "page.thanks.negative.en",
        ),
        (said(privacy_url="https://[::1"), "not_a_link", "privacy_url"),
        (said(privacy_url="https://a.example/b c"), "not_a_link", "privacy_url"),
        (said(reasons=[ReasonChoice("late", {})]), "required", "reasons.0.label"),
        (
            said(reasons=[ReasonChoice("a", {"fr": "A"}), ReasonChoice("a", {"fr": "B"})]),
            "repeated",
            "reasons.1.code",
        ),
        (
            said(reasons=[ReasonChoice("a", {"fr": "A\u2028"})]),
            "forbidden_characters",
            "reasons.0.label",
        ),
        (criteria(tags=["chien", " "]), "required", "criteria.tags.1"),
        (criteria(reasons=["Panne "]), "blanks_around", "criteria.reasons.0"),
        (criteria(customer_tags=["a\u2028b"]), "forbidden_characters", "criteria.customer_tags.0"),
        (criteria(channels=["\u200b"]), "required", "criteria.channels.0"),
        (criteria(priorities=["a\nb"]), "forbidden_characters", "criteria.priorities.0"),
        (
            said(first_day=date(2026, 3, 2), last_day=date(2026, 3, 1)),
            "ends_before_start",
            "last_day",
        ),
        (message(sender_name=" "), "required", "message.sender_name"),
        (message(sender_name="a\r\nBcc: b"), "forbidden_characters", "message.sender_name"),
        (message(subject={}), "required", "message.subject"),
        (message(subject={"fr": "a\u2028b"}), "forbidden_characters", "message.subject.fr"),
        (message(subject={"fr": "a\u202eb"}), "forbidden_characters", "message.subject.fr"),
        (message(subject={"fr": "\u200b\ufeff"}), "required", "message.subject"),
        (message(sender_name="\u200b"), "required", "message.sender_name"),
        (message(sender_name="a\u2067b"), "forbidden_characters", "message.sender_name"),
        (look(Icons([KIND] * 4)), "not_an_icon_each", "question.look.icons"),
        (look(Icons([KIND] * 5), "nps"), "not_an_icon_each", "question.look.icons"),
        (look(Gradient(["#cc0000"])), "too_few_colours", "question.look.colours"),
        (look(Gradient(["#cc0000", "red"])), "not_a_colour", "question.look.colours.1"),
        (look(Gradient(["#cc0", "#000000"])), "not_a_colour", "question.look.colours.0"),
        (message(reply_to="nobody"), "not_an_address", "message.reply_to"),
        (message(sender_address="a@b"), "not_an_address", "message.sender_address"),
    ],
)
def test_each_refusal_names_its_field(definition: Definition, code: str, field: str) -> None:
    assert check(definition) == [Problem(code, field)]
    assert code in PROBLEMS


@pytest.mark.parametrize(
    ("drawn", "kind"),
    [
        (Icons([KIND] * 2), "thumbs"),
        (Icons([KIND] * 5), "stars"),
        (Icons([KIND] * 7), "effort"),
        (Icons([KIND] * 11), "nps"),
        (Pair(KIND, KIND), "stars"),
        (Gradient(["#c00000", "#0a7d32"]), "effort"),
        (Gradient(["#c00000", "#FFD000", "#0a7d32"]), "nps"),
    ],
)
def test_every_scale_may_have_icons_or_colours(drawn: Look, kind: RatingKind) -> None:
    assert check(look(drawn, kind)) == []


def test_a_body_may_have_several_lines_and_links_and_addresses_are_taken() -> None:
    assert check(message(body={"fr": "Merci,\nl'équipe"}, reply_to="avis@example.org")) == []
    assert check(said(privacy_url="https://example.org/vie-privee")) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"rules": [], "surprise": 1}',
        b'{"rules": [], "question": {"text": {"es": "x"}}}',
        b'{"rules": [{"task_types": [], "states": [], "extra": 1}]}',
    ],
)
def test_unknown_fields_and_languages_are_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Definition)


def test_the_use_of_data_is_told_in_800_characters_at_most() -> None:
    with pytest.raises(msgspec.ValidationError, match="800"):
        decode_content(split(said(information={"fr": "a" * 801})).content, FORMAT)


@pytest.mark.parametrize(
    ("texts", "wanted", "found"),
    [
        ({"fr": "Oui", "en": "Yes"}, ("en_CA", "fr_CA"), "Yes"),
        ({"fr": "Oui"}, ("en_CA", "fr_CA"), "Oui"),
        ({"fr": "", "en": "Yes"}, ("fr_CA",), "Yes"),
        ({"en": "Yes"}, ("es",), "Yes"),
        ({}, ("fr_CA",), ""),
    ],
)
def test_a_text_falls_back_from_the_customers_language(
    texts: dict[Any, str], wanted: tuple[str, ...], found: str
) -> None:
    assert text_in(texts, *wanted) == found


@pytest.mark.parametrize(
    ("negative_at", "sentiments"),
    [
        (0, "neutral neutral neutral positive positive"),
        (2, "negative negative neutral positive positive"),
        (4, "negative negative negative negative positive"),
    ],
)
def test_negative_is_up_to_the_campaigns_threshold(negative_at: int, sentiments: str) -> None:
    lead = said(negative_at=negative_at).content.lead
    assert [lead.sentiment(rating) for rating in range(1, 6)] == sentiments.split()
