"""The data of the survey page: the survey in the customer's language, and the form's values."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.questions import FurtherQuestion
from mail.i18n import text_in
from mail.responses.answers import CurrentAnswer, Survey
from mail.responses.submission import LONGEST_COMMENT, LONGEST_PHONE, Submission
from rules.questions.scales import Sentiment
from server.survey.question_form import (
    YES,
    ChoiceShown,
    QuestionShown,
    choices_shown,
    given_of,
    lead_shown,
    questions_shown,
    read_given,
    read_value,
)
from sync.validation import in_one_line


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
    intro: str
    information: str
    privacy_url: str | None
    visit: VisitShown | None
    deadline: datetime | None
    answered: datetime | None
    disputed: bool


class Filled(Struct, frozen=True, kw_only=True):
    """The form with its values: from the link in the mail, the recorded answer or a refused POST.

    `thanks`: the campaign's own words after an answer with this rating. `problem`: the first field
    with an error, and `wrong` what is wrong with it. `ask_reason`: the rating is negative, and a
    reason is missing. `is_called`: the call that was asked for was handled. `is_unsent`: the rating
    of the link is not what was answered. `longest`, `longest_phone`: the most letters of a text and
    of a phone number.
    """

    lead: QuestionShown
    reasons: list[ChoiceShown]
    questions: list[QuestionShown]
    sentiment: Sentiment | None
    reason: str
    reason_label: str
    thanks: str
    comment: str
    call_back: bool
    phone: str
    not_me: bool
    ask_reason: bool
    is_called: bool
    is_unsent: bool = False
    problem: str = ""
    wrong: str = ""
    longest: int = LONGEST_COMMENT
    longest_phone: int = LONGEST_PHONE

    @property
    def negative(self) -> bool:
        """Whether the rating asks for a reason."""
        return self.sentiment == "negative"

    @property
    def asks_more(self) -> bool:
        """Whether the thanks page has a second step."""
        return self.ask_reason or bool(self.questions)

    @property
    def speaks(self) -> bool:
        """Whether some rating needs a comment."""
        return any(step.speaks for step in self.lead.steps)

    @property
    def anchor(self) -> str:
        """The id of the element to correct, or empty."""
        known = {"reasons": "reason", "comment": "comment", "phone": "phone"}
        asked = {question.name: question.id for question in (self.lead, *self.questions)}
        return (known | asked).get(self.problem, "")


def shown(survey: Survey, path: str, locale: str) -> SurveyShown:
    """The survey as the page at `path` shows it."""
    content, visit = survey.content, survey.visit
    languages = (locale, survey.account_language)
    return SurveyShown(
        path=path,
        sender=content.message.sender_name,
        intro=text_in(content.page.intro, *languages),
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


def read_form(survey: Survey, fields: Mapping[str, str], locale: str) -> Submission:
    """The submission in the form's fields; an invalid rating counts as missing."""
    reason = fields.get("reason", "")
    return Submission(
        rating=read_value(fields.get("rating", "")),
        reasons=[reason] if reason else [],
        comment=fields.get("comment", ""),
        not_me=fields.get("not_me") == YES,
        call_back=fields.get("call_back") == YES,
        phone=fields.get("phone", ""),
        further=read_given(survey.questions, fields),
        language=locale,
    )


def read_second_step(
    survey: Survey, answer: CurrentAnswer, fields: Mapping[str, str], locale: str
) -> Submission:
    """`answer` with what the form of the thanks page adds to it."""
    before = submission_of(answer)
    reason = fields.get("reason", "")
    return replace(
        before,
        reasons=[reason] if reason else before.reasons,
        comment=fields.get("comment", before.comment),
        further={**before.further, **read_given(unanswered(survey, answer), fields)},
        was_asked_after=True,
        language=locale,
    )


def submission_of(answer: CurrentAnswer) -> Submission:
    """What was submitted to give this answer."""
    return Submission(
        rating=answer.rating,
        reasons=answer.reasons,
        comment=answer.comment,
        not_me=answer.not_me,
        call_back=answer.call_back,
        phone=answer.phone,
        further=given_of(answer.further),
    )


def unanswered(survey: Survey, answer: CurrentAnswer) -> list[FurtherQuestion]:
    """The questions that are asked after the answer's rating, and that it says nothing of."""
    return [
        question
        for question in survey.form.following(survey.content.lead.sentiment(answer.rating))
        if question.after and question.key not in answer.further and not answer.not_me
    ]


def filled(survey: Survey, said: Submission, locale: str, problem: str = "") -> Filled:
    """The form with the values of `said`, and the field with an error, if any."""
    return _filled(survey, said, (locale, survey.account_language), survey.questions, problem)


def thanked(survey: Survey, answer: CurrentAnswer, locale: str) -> Filled:
    """What the thanks page shows, with the questions of its second step."""
    questions = unanswered(survey, answer)
    languages = (locale, survey.account_language)
    return _filled(survey, submission_of(answer), languages, questions)


def refused_second_step(survey: Survey, said: Submission, locale: str, problem: str) -> Filled:
    """The thanks page again, with what was typed there and what is wrong with it."""
    assert survey.answer is not None  # noqa: S101 - it has no second step before
    questions = unanswered(survey, survey.answer)
    return _filled(survey, said, (locale, survey.account_language), questions, problem)


def _filled(
    survey: Survey,
    said: Submission,
    languages: Sequence[str],
    questions: Sequence[FurtherQuestion],
    problem: str = "",
) -> Filled:
    content, answer = survey.content, survey.answer
    sentiment = content.lead.sentiment(said.rating)
    reason = said.reasons[0] if said.reasons else ""
    reasons = choices_shown(content.lead.reasons, languages, said.reasons)
    thanks = {} if sentiment is None else content.page.thanks.get(sentiment, {})
    return Filled(
        lead=lead_shown(content.lead, languages, said.rating, survey.account),
        reasons=reasons,
        questions=questions_shown(questions, languages, said.further),
        sentiment=sentiment,
        reason=reason,
        reason_label=next((one.label for one in reasons if one.chosen), reason),
        thanks=text_in(thanks, *languages),
        comment=said.comment,
        call_back=said.call_back,
        phone=said.phone,
        not_me=said.not_me,
        ask_reason=sentiment == "negative" and not reason and bool(reasons),
        is_called=answer is not None and answer.is_called,
        problem=problem,
        wrong=_wrong(survey, said, problem),
    )


def _wrong(survey: Survey, said: Submission, problem: str) -> str:
    """What is wrong with the field `problem`: a key of the texts of problems."""
    name, _, key = problem.partition(".")
    match name:
        case "rating":
            return "rating" if survey.content.lead.kind == "stars" else "value"
        case "comment":
            return "comment" if said.comment.strip() else "no_comment"
        case "further":
            is_long = key in said.further and len(said.further[key].text) > LONGEST_COMMENT
            return "long" if is_long else "further"
    return problem


def preselected(survey: Survey, rating: int | None, locale: str) -> Filled:
    """The form when it is opened: the recorded answer, with the rating of the link, if any.

    The number to call is what is known of the recipient, unless the answer has one.
    """
    chosen = rating if rating in survey.content.lead.scale.values else None
    if survey.answer is None:
        form = filled(survey, Submission(rating=chosen, phone=survey.phone), locale)
        return replace(form, is_unsent=chosen is not None)
    before = submission_of(survey.answer)
    value = before.rating if chosen is None else chosen
    known = replace(before, rating=value, phone=before.phone or survey.phone)
    return replace(filled(survey, known, locale), is_unsent=value != before.rating)
