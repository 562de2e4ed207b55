"""The answer page as structs: the survey it shows, and the form as it was filled in."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.definition import BEST_RATING
from mail.i18n import text_in
from mail.responses.answers import LONGEST_COMMENT, CurrentAnswer, Submission, Survey
from sync.validation import in_one_line

YES: Final = "yes"
_SIGNS: Final = re.compile(r"\W+\Z")
#: Where on the page each field that may be wrong is put right.
_ANCHORS: Final = {"rating": "rating-1", "reasons": "reason", "comment": "comment"}


class Step(Struct, frozen=True):
    """One star of the scale; `word` is said at both ends."""

    value: int
    negative: bool
    word: str


class ReasonShown(Struct, frozen=True):
    """One entry of the list of reasons."""

    code: str
    label: str


class VisitShown(Struct, frozen=True):
    """The visit that is asked about."""

    type: str
    place: str
    at: datetime


class SurveyShown(Struct, frozen=True, kw_only=True):
    """A survey in the customer's language.

    `visit`: None where it is about none. `deadline`: None while it is not known. `answered`: when
    it was answered last, or None.
    """

    path: str
    sender: str
    question: str
    low: str
    high: str
    steps: list[Step]
    reasons: list[ReasonShown]
    information: str
    privacy_url: str | None
    visit: VisitShown | None
    deadline: datetime | None
    answered: datetime | None


class Filled(Struct, frozen=True, kw_only=True):
    """The form's values: chosen in the mail, given before, or sent and refused.

    `problem`: the first field to be put right. `ask_reason`: negative, and no reason given.
    `longest`: letters that a comment may have.
    """

    rating: int | None = None
    negative: bool = False
    reason: str = ""
    reason_label: str = ""
    comment: str = ""
    call_back: bool = False
    not_me: bool = False
    ask_reason: bool = False
    problem: str = ""
    longest: int = LONGEST_COMMENT

    @property
    def anchor(self) -> str:
        """The id of the element to go to."""
        return _ANCHORS.get(self.problem, "")


def shown(survey: Survey, path: str, locale: str) -> SurveyShown:
    """What the page at `path` says of `survey`."""
    content, visit = survey.content, survey.visit
    languages = (locale, survey.account_language)
    return SurveyShown(
        path=path,
        sender=content.message.sender_name,
        question=text_in(content.lead.text, *languages),
        low=text_in(content.lead.low, *languages),
        high=text_in(content.lead.high, *languages),
        steps=_steps(survey, *languages),
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
        answered=survey.answer.answered_at if survey.answer else None,
    )


def _steps(survey: Survey, *languages: str) -> list[Step]:
    question = survey.content.lead
    words = {1: question.low, BEST_RATING: question.high}
    return [
        Step(
            value,
            survey.content.lead.is_negative(value),
            text_in(words.get(value, {}), *languages),
        )
        for value in range(1, BEST_RATING + 1)
    ]


def read_rating(text: str | None) -> int | None:
    """A rating from a URL or a form, or None where it is none; a link may have signs behind it."""
    known = {str(value): value for value in range(1, BEST_RATING + 1)}
    return known.get(_SIGNS.sub("", text or ""))


def read_form(fields: Mapping[str, str], locale: str) -> Submission:
    """What was sent: a rating that is none counts as not given."""
    reason = fields.get("reason", "")
    return Submission(
        rating=read_rating(fields.get("rating")),
        reasons=[reason] if reason else [],
        comment=fields.get("comment", ""),
        not_me=fields.get("not_me") == YES,
        call_back=fields.get("call_back") == YES,
        language=locale,
    )


def filled(
    survey: Survey, said: CurrentAnswer | Submission, locale: str, problem: str = ""
) -> Filled:
    """The form as it was answered or sent; the list of reasons opens where it is due."""
    content = survey.content
    negative = said.rating is not None and content.lead.is_negative(said.rating)
    reason = said.reasons[0] if said.reasons else ""
    labels = {one.code: text_in(one.label, locale) for one in content.lead.reasons}
    return Filled(
        rating=said.rating,
        negative=negative,
        reason=reason,
        reason_label=labels.get(reason, reason),
        comment=said.comment,
        call_back=said.call_back,
        not_me=said.not_me,
        ask_reason=negative and not reason and bool(content.lead.reasons),
        problem=problem,
    )


def preselected(survey: Survey, rating: int | None, locale: str) -> Filled:
    """The form at first sight: what was said before, with the rating that a link chose."""
    before = survey.answer
    if before is None:
        return filled(survey, Submission(rating=rating), locale)
    chosen = before.rating if rating is None else rating
    return filled(survey, replace(before, rating=chosen), locale)
