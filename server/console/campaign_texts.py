"""What a campaign says to customers, language by language, as its page shows it."""

from collections.abc import Sequence
from typing import Final, get_args

from msgspec import Struct

from mail.campaigns.asked import questions_by_key
from mail.campaigns.definition import Content
from mail.campaigns.questions import FurtherQuestion
from mail.campaigns.scale_ends import ends_of
from mail.campaigns.texts import Language
from mail.i18n import text_in
from rules.questions.scales import Sentiment

#: The languages of a campaign's texts, in the order in which they are shown.
LANGUAGE_NAMES: Final[dict[Language, str]] = {
    "fr": "Français",
    "fr_CA": "Français (Canada)",
    "en": "English",
    "en_CA": "English (Canada)",
    "es": "Español",
}


class QuestionText(Struct, frozen=True, kw_only=True):
    """A question in one language. `low`, `high`: what both ends of its scale mean, if any."""

    kind: str
    text: str
    low: str
    high: str
    choices: list[str]
    several: bool
    mandatory: bool
    after: Sequence[str]


class Texts(Struct, frozen=True, kw_only=True):
    """The texts for customers in one language. `thanks`: by the sentiment of the rating."""

    language: str
    name: str
    question: str
    low: str
    high: str
    reasons: list[str]
    further: list[QuestionText]
    intro: str
    thanks: dict[str, str]
    subject: str
    title: str
    body: str
    information: str


def read_texts(content: Content) -> list[Texts]:
    """The texts in each language in which the leading question is asked."""
    return [_texts(content, key) for key in LANGUAGE_NAMES if key in content.lead.text]


def _texts(content: Content, language: Language) -> Texts:
    lead, message, page = content.lead, content.message, content.page
    low, high = ends_of(lead, language)
    return Texts(
        language=language.replace("_", "-"),
        name=LANGUAGE_NAMES[language],
        question=text_in(lead.text, language),
        low=low,
        high=high,
        reasons=[text_in(reason.label, language) for reason in lead.reasons],
        further=[_question(one, language) for one in questions_by_key(content).values()],
        intro=text_in(page.intro, language),
        thanks={
            sentiment: text_in(page.thanks[sentiment], language)
            for sentiment in get_args(Sentiment)
            if page.thanks.get(sentiment)
        },
        subject=text_in(message.subject, language),
        title=text_in(message.title, language),
        body=text_in(message.body, language),
        information=text_in(content.information, language),
    )


def _question(question: FurtherQuestion, language: Language) -> QuestionText:
    low, high = ends_of(question, language)
    return QuestionText(
        kind=question.kind,
        text=text_in(question.text, language),
        low=low,
        high=high,
        choices=[text_in(choice.label, language) for choice in question.choices],
        several=question.several,
        mandatory=question.mandatory,
        after=question.after,
    )
