"""Which questions a survey asks after the leading one."""

from typing import Final
from uuid import UUID

from mail.campaigns.definition import Content
from mail.campaigns.questions import NPS, FurtherQuestion
from mail.campaigns.texts import Lines
from rules.questions.draw import draw

#: The question of the Net Promoter Score, as it is asked everywhere.
_RECOMMEND: Final[Lines] = {
    "fr_CA": "Nous recommanderiez-vous à un proche ou à un collègue?",
    "fr": "Nous recommanderiez-vous à un proche ou à un collègue\u202f?",
    "en": "How likely are you to recommend us to a friend or colleague?",
    "es": "¿Nos recomendaría a un familiar o a un colega?",
}
NPS_QUESTION: Final = FurtherQuestion(key=NPS, kind="nps", text=_RECOMMEND)


def questions_by_key(content: Content) -> dict[str, FurtherQuestion]:
    """Return every question after the leading one that surveys of this version may ask."""
    bank = [] if content.from_bank is None else content.from_bank.questions
    nps = [NPS_QUESTION] if content.measure_nps else []
    return {question.key: question for question in [*content.further, *bank, *nps]}


def asked(content: Content, invitation: UUID) -> list[FurtherQuestion]:
    """Return the questions that follow the leading one in this survey, in their order.

    Those of the campaign, those drawn from the bank, and the one of the Net Promoter Score where
    that is measured. Each has a key of its own (`mail.campaigns.validation`). With `after` they are
    asked only of whoever gave such a rating.
    """
    questions = list(content.further)
    if (bank := content.from_bank) is not None:
        by_key = {question.key: question for question in bank.questions}
        questions += [by_key[key] for key in draw(invitation, list(by_key), bank.number)]
    return [*questions, NPS_QUESTION] if content.measure_nps else questions
