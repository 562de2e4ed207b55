"""The data of the survey page: the survey in the customer's language, and the form's values."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mail.i18n import text_in
from mail.responses.answers import CurrentAnswer, Survey
from mail.responses.submission import LONGEST_COMMENT, LONGEST_PHONE, Submission
from rules.questions.scales import Sentiment
from sync.validation import in_one_line

YES: Final = "yes"
_SIGNS: Final = re.compile(r"\W+\Z")
#: The id of the element to correct, by the field with an error.
_ANCHORS: Final = {
    "rating": "rating-1",
    "reasons": "reason",
    "comment": "comment",
    "phone": "phone",
}


class ScaleStep(Struct, frozen=True):
    """One star of the scale; `word`: the label of both ends, else empty."""

    value: int
    negative: bool
    word: str


class ReasonShown(Struct, frozen=True):
    """An entry of the list of reasons."""

    code: str
    label: str


class VisitShown(Struct, frozen=True):
    """The visit that the survey asks about."""

    type: str
    place: str
    at: datetime


class SurveyShown(Struct, frozen=True, kw_only=True):
    """A survey in the customer's language.

    `visit`: None where it is not about a task. `deadline`: None while unknown. `answered`: when
    it was last answered, or None. `disputed`: that answer says that the visit was somebody else's.
    """

    path: str
    sender: str
    question: str
    low: str
    high: str
    steps: list[ScaleStep]
    reasons: list[ReasonShown]
    information: str
    privacy_url: str | None
    visit: VisitShown | None
    deadline: datetime | None
    answered: datetime | None
    disputed: bool


class Filled(Struct, frozen=True, kw_only=True):
    """The values of the form: from the link in the mail, the recorded answer or a refused POST.

    `problem`: the first field with an error. `ask_reason`: the rating is negative, and a reason is
    missing. `is_called`: the call that was asked for was handled. `is_unsent`: the rating of the
    link is not what was answered. `longest`, `longest_phone`: the most letters of a comment and of
    a phone number.
    """

    rating: int | None = None
    sentiment: Sentiment | None = None
    reason: str = ""
    reason_label: str = ""
    comment: str = ""
    call_back: bool = False
    phone: str = ""
    not_me: bool = False
    ask_reason: bool = False
    is_called: bool = False
    is_unsent: bool = False
    problem: str = ""
    longest: int = LONGEST_COMMENT
    longest_phone: int = LONGEST_PHONE

    @property
    def negative(self) -> bool:
        """Whether the rating asks for a reason."""
        return self.sentiment == "negative"

    @property
    def anchor(self) -> str:
        """The id of the element to correct, or empty."""
        return _ANCHORS.get(self.problem, "")


def shown(survey: Survey, path: str, locale: str) -> SurveyShown:
    """The survey as the page at `path` shows it."""
    content, visit = survey.content, survey.visit
    languages = (locale, survey.account_language)
    scale = content.lead.scale
    words = {scale.first: content.lead.low, scale.last: content.lead.high}
    return SurveyShown(
        path=path,
        sender=content.message.sender_name,
        question=text_in(content.lead.text, *languages),
        low=text_in(content.lead.low, *languages),
        high=text_in(content.lead.high, *languages),
        steps=[
            ScaleStep(
                value,
                content.lead.sentiment(value) == "negative",
                text_in(words.get(value, {}), *languages),
            )
            for value in scale.values
        ],
        reasons=[
            ReasonShown(reason.code, text_in(reason.label, *languages))
            for reason in content.lead.reasons
        ],
        information=text_in(content.information, *languages),
        privacy_url=content.privacy_url,
        visit=None
        if visit is None
        else VisitShown(
            type=text_in(visit.type_names, locale, otherwise=visit.type_name),
            place=in_one_line(visit.address or visit.place),
            at=visit.moment,
        ),
        deadline=survey.deadline,
        answered=survey.answer.answered_at if survey.answer else survey.answered_elsewhere,
        disputed=survey.answer is not None and survey.answer.not_me,
    )


def read_rating(text: str | None) -> int | None:
    """The rating in a URL or form, or None if invalid; punctuation that a mail adds is ignored."""
    known = {str(value): value for value in range(11)}
    return known.get(_SIGNS.sub("", text or ""))


def read_form(fields: Mapping[str, str], locale: str) -> Submission:
    """The submission in the form's fields; an invalid rating counts as missing."""
    reason = fields.get("reason", "")
    return Submission(
        rating=read_rating(fields.get("rating")),
        reasons=[reason] if reason else [],
        comment=fields.get("comment", ""),
        not_me=fields.get("not_me") == YES,
        call_back=fields.get("call_back") == YES,
        phone=fields.get("phone", ""),
        language=locale,
    )


def filled(
    survey: Survey, answer: CurrentAnswer | Submission, locale: str, problem: str = ""
) -> Filled:
    """The form with the values of `answer`, and the field with an error, if any."""
    content = survey.content
    sentiment = content.lead.sentiment(answer.rating)
    reason = answer.reasons[0] if answer.reasons else ""
    labels = {item.code: text_in(item.label, locale) for item in content.lead.reasons}
    return Filled(
        rating=answer.rating,
        sentiment=sentiment,
        reason=reason,
        reason_label=labels.get(reason, reason),
        comment=answer.comment,
        call_back=answer.call_back,
        phone=answer.phone,
        not_me=answer.not_me,
        ask_reason=sentiment == "negative" and not reason and bool(content.lead.reasons),
        is_called=isinstance(answer, CurrentAnswer) and answer.is_called,
        problem=problem,
    )


def preselected(survey: Survey, rating: int | None, locale: str) -> Filled:
    """The form when it is opened: the recorded answer, with the rating of the link, if any.

    The number to call is what is known of the recipient, unless the answer has one.
    """
    answer = survey.answer
    if answer is None:
        form = filled(survey, Submission(rating=rating, phone=survey.phone), locale)
        return replace(form, is_unsent=rating is not None)
    chosen = answer.rating if rating is None else rating
    known = replace(answer, rating=chosen, phone=answer.phone or survey.phone)
    return replace(filled(survey, known, locale), is_unsent=chosen != answer.rating)
